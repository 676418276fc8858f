//! Less of the machine than there is: a control group, of version 1 or 2, for a process that is started into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";

#[derive(Debug, Clone, Copy)]
pub enum Limit {
    MemoryMib(u64),
    /// Hundredths of one processor.
    Cpu(u64),
    Threads(u64),
}

/// Gone with this value, when nothing is left in it.
pub struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Or why this machine has none for us: most often because we are not root.
    pub fn with(limits: &[Limit]) -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("doorward-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let mut group = Self { folders: Vec::new() };
        for limit in limits {
            let folder = parent(limit.controller())?.join(&name);
            if !group.folders.contains(&folder) {
                fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
                group.folders.push(folder.clone());
            }
            limit.set(&folder)?;
        }
        Ok(group)
    }

    /// What a shell does to go in, with whatever it becomes.
    pub fn enter(&self) -> String {
        let enter = |folder: &PathBuf| format!("echo $$ > {}/cgroup.procs", folder.display());
        self.folders.iter().map(enter).collect::<Vec<_>>().join(" && ")
    }

    /// How many processes the system killed for want of memory.
    pub fn killed(&self) -> u64 {
        let told = self.read("memory.events").or_else(|| self.read("memory.oom_control")).unwrap_or_default();
        told.lines()
            .find_map(|line| line.strip_prefix("oom_kill "))
            .map_or(0, |count| count.trim().parse().unwrap())
    }

    /// The most memory that it had, in MiB, pages of files included.
    pub fn peak_mib(&self) -> u64 {
        let peak = self.read("memory.peak").or_else(|| self.read("memory.max_usage_in_bytes"));
        peak.map_or(0, |bytes| bytes.trim().parse::<u64>().unwrap() >> 20)
    }

    /// How often it had to wait for its share of the processors.
    pub fn throttled(&self) -> u64 {
        let told = self.read("cpu.stat").unwrap_or_default();
        let count = told.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        count.map_or(0, |count| count.trim().parse().unwrap())
    }

    fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // A process that was killed a moment ago may still be in it.
            for _ in 0..100 {
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Version 2 has one tree for all controllers, version 1 one for each.
fn parent(controller: &str) -> Result<PathBuf, String> {
    let one = Path::new(ROOT);
    if one.join("cgroup.controllers").exists() {
        let wish = format!("+{controller}");
        return match fs::write(one.join("cgroup.subtree_control"), wish) {
            Ok(()) => Ok(one.to_owned()),
            Err(error) => Err(format!("no control group for {controller}: {error}")),
        };
    }
    let own = one.join(controller);
    if own.is_dir() { Ok(own) } else { Err(format!("no control group for {controller}")) }
}

impl Limit {
    fn controller(self) -> &'static str {
        match self {
            Self::MemoryMib(_) => "memory",
            Self::Cpu(_) => "cpu",
            Self::Threads(_) => "pids",
        }
    }

    /// In the words of either version.
    fn set(self, folder: &Path) -> Result<(), String> {
        let (new, old, value) = match self {
            Self::MemoryMib(most) => ("memory.max", "memory.limit_in_bytes", (most << 20).to_string()),
            Self::Threads(most) => ("pids.max", "pids.max", most.to_string()),
            Self::Cpu(hundredths) => ("cpu.max", "cpu.cfs_quota_us", (hundredths * 1000).to_string()),
        };
        let is_new = folder.join(new).exists();
        let file = folder.join(if is_new { new } else { old });
        // Of a period of 100,000 µs, which is what both have from the beginning.
        let value = if is_new && new == "cpu.max" { format!("{value} 100000") } else { value };
        fs::write(&file, value).map_err(|error| format!("{}: {error}", file.display()))
    }
}
