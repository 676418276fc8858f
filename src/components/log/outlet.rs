//! Where lines leave the process: a thread of its own writes them, so that who answers a request waits for no pipe,
//! terminal or disk, and many lines are one write.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What may wait for a reader that does not read. Beyond it lines are lost and counted: a log takes no server down.
const MOST: usize = 1 << 20;
/// A line alone is written at once; those that come within this after it go together.
const GATHER: Duration = Duration::from_millis(2);
/// The longest that the end of the process waits for a reader.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Lines came.
    came: Condvar,
    /// All that came is out.
    out: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    writing: bool,
}

impl Outlet {
    pub fn to(mut sink: impl Write + Send + 'static) -> Self {
        let outlet = Self(Arc::default());
        let shared = outlet.0.clone();
        let thread = std::thread::Builder::new().name("log".into());
        // Without threads nothing else of this process would work either.
        drop(thread.spawn(move || carry(&shared, &mut sink)));
        outlet
    }

    pub fn line(&self, line: &[u8]) {
        let mut waiting = self.0.waiting();
        if waiting.lines.len() + line.len() > MOST {
            waiting.lost += 1;
            return;
        }
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.0.came.notify_one();
        }
    }

    /// Returns when everything is out, or nobody reads.
    pub fn flush(&self) {
        let until = Instant::now() + PATIENCE;
        let mut waiting = self.0.waiting();
        while !waiting.lines.is_empty() || waiting.writing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self.0.out.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn carry(shared: &Shared, sink: &mut impl Write) {
    let mut lines = Vec::new();
    loop {
        let mut waiting = shared.waiting();
        while waiting.lines.is_empty() {
            waiting = shared.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut lines, &mut waiting.lines);
        let lost = std::mem::take(&mut waiting.lost);
        waiting.writing = true;
        drop(waiting);
        // Where nobody reads, nobody is told.
        drop(sink.write_all(&lines));
        if lost > 0 {
            drop(writeln!(
                sink,
                "{{\"level\":\"warn\",\"message\":\"lines of the log were lost: nobody read\",\"count\":{lost}}}"
            ));
        }
        drop(sink.flush());
        lines.clear();
        shared.waiting().writing = false;
        shared.out.notify_all();
        std::thread::sleep(GATHER);
    }
}

static STDERR: OnceLock<Outlet> = OnceLock::new();

pub fn stderr() -> &'static Outlet {
    STDERR.get_or_init(|| Outlet::to(std::io::stderr()))
}

/// Before the process ends: the last lines are those that say why.
pub fn flush() {
    if let Some(outlet) = STDERR.get() {
        outlet.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes what it is given only when it is let.
    struct Slow(mpsc::Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_whole_and_in_their_order() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (let_it, waits) = mpsc::channel();
        let outlet = Outlet::to(Slow(waits, kept.clone()));
        drop(let_it);

        (0..1000).for_each(|at| outlet.line(format!("{at}\n").as_bytes()));
        outlet.flush();

        let expected: String = (0..1000).map(|at| format!("{at}\n")).collect();
        assert_eq!(String::from_utf8(kept.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_holds_nobody() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (let_it, waits) = mpsc::channel();
        let outlet = Outlet::to(Slow(waits, kept.clone()));
        let line = [b'x'; 1024];

        (0..4096).for_each(|_| outlet.line(&line));
        assert!(outlet.0.waiting().lines.len() <= MOST);
        drop(let_it);
        outlet.flush();

        let told = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        assert!(told.contains("lines of the log were lost"), "{}", &told[told.len() - 200..]);
    }
}
