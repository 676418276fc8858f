//! Network namespaces of a test's own, and cables between them that can be pulled. For root alone.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Gone when this is, with every cable that ends in it.
pub struct Space {
    name: String,
}

/// Two ends, each with an address of its own: here where no space is named.
pub struct Cable {
    ends: [End; 2],
}

struct End {
    space: Option<String>,
    device: String,
    address: String,
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|done| done.status.success())
}

impl Space {
    /// None where this user may not make one, or `ip` is not here.
    pub fn new() -> Option<Self> {
        let name = format!("doorward-{}-{}", std::process::id(), number());
        if !ip(&["netns", "add", &name]) {
            return None;
        }
        let space = Self { name };
        ip(&["-n", &space.name, "link", "set", "lo", "up"]).then_some(space)
    }

    /// What is begun here lives there: its sockets, its processes and its threads.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let there = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let work = || {
            #[expect(unsafe_code, reason = "there is no other way to enter a namespace")]
            // SAFETY: it moves this thread alone, which ends with the work, by a descriptor that stays open.
            let entered = unsafe { libc::setns(there.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
            work()
        };
        std::thread::scope(|scope| scope.spawn(work).join().unwrap())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
    }
}

impl Cable {
    /// The second end is the space's, the first one's as told.
    pub fn between(from: Option<&Space>, to: &Space) -> Self {
        let (number, net) = (number(), std::process::id() % 128 + 64);
        let end = |space: Option<&Space>, at: u32| End {
            space: space.map(|space| space.name.clone()),
            device: format!("dw{}-{number}{at}", std::process::id() % 100_000),
            address: format!("10.{net}.{number}.{at}"),
        };
        let cable = Self { ends: [end(from, 1), end(Some(to), 2)] };
        let [near, far] = &cable.ends;
        let veth = ["link", "add", &near.device, "type", "veth", "peer", "name", &far.device];
        assert!(ip(&veth), "no cable could be made");
        for end in &cable.ends {
            if let Some(space) = &end.space {
                assert!(ip(&["link", "set", &end.device, "netns", space]));
            }
            assert!(end.ip(&["address", "add", &format!("{}/30", end.address), "dev", &end.device]));
        }
        cable.plug();
        cable
    }

    /// Of its first and its second end.
    pub fn addresses(&self) -> [&str; 2] {
        [&self.ends[0].address, &self.ends[1].address]
    }

    /// By one of its ends. Whoever holds that one is told at once, and the other not at all.
    pub fn pull(&self, at: usize) {
        assert!(self.ends[at].set("down"));
    }

    pub fn plug(&self) {
        assert!(self.ends.iter().all(|end| end.set("up")));
    }
}

impl End {
    fn set(&self, to: &str) -> bool {
        self.ip(&["link", "set", &self.device, to])
    }

    fn ip(&self, arguments: &[&str]) -> bool {
        match &self.space {
            Some(space) => ip(&[&["-n", space.as_str()], arguments].concat()),
            None => ip(arguments),
        }
    }
}

/// Of this process's spaces and cables.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}
