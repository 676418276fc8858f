//! What the operating system says that a process used: processor time and memory, of it alone or with its children.

use std::collections::BTreeSet;
use std::fs;

/// Seconds of processor, user and system; a tick is a hundredth of a second on every Linux that we know.
pub fn cpu_of(process: u32) -> f64 {
    let fields = stat(process).unwrap();
    seconds(&fields, 11) + seconds(&fields, 12)
}

/// The same with all its children, those that have ended included.
pub fn cpu_of_family(process: u32) -> f64 {
    let ended = stat(process).map_or(0.0, |fields| seconds(&fields, 13) + seconds(&fields, 14));
    let living: f64 = family(process).into_iter().map(|one| cpu_of_living(one).unwrap_or(0.0)).sum();
    ended + living
}

/// Resident, in MiB.
pub fn memory_of(process: u32) -> f64 {
    of_status(process, "VmRSS:")
}

/// The most that it ever had resident, in MiB.
pub fn peak_of(process: u32) -> f64 {
    of_status(process, "VmHWM:")
}

/// What it allocated itself, without the pages of files such as its own program, in MiB.
pub fn allocated_of(process: u32) -> f64 {
    of_status(process, "RssAnon:")
}

/// Threads and open descriptors.
pub fn weight_of(process: u32) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{process}/{what}")).unwrap().count();
    (count("task"), count("fd"))
}

fn of_status(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn cpu_of_living(process: u32) -> Option<f64> {
    let fields = stat(process)?;
    Some(seconds(&fields, 11) + seconds(&fields, 12))
}

/// A process and whatever it started, as far as they live.
fn family(process: u32) -> BTreeSet<u32> {
    let mut known = BTreeSet::from([process]);
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|one| Some((one, stat(one)?.get(1)?.parse().ok()?)))
        .collect();
    loop {
        let before = known.len();
        known.extend(
            all.iter().filter(|(_, parent)| known.contains(parent)).map(|(one, _)| *one).collect::<Vec<_>>(),
        );
        if known.len() == before {
            return known;
        }
    }
}

/// What follows the name, which may hold anything.
fn stat(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn seconds(fields: &[String], at: usize) -> f64 {
    fields[at].parse::<f64>().unwrap() / 100.0
}
