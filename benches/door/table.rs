//! What was measured, as a table that fits a README.

use super::Measured;
use super::load::Run;

pub fn machine() {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "{cores} processors of {}, {} connections, medians of {} rounds\n",
        model.trim_start_matches([' ', '\t', ':']),
        super::CONNECTIONS,
        super::ROUNDS
    );
}

pub fn print(rows: &[Measured]) {
    println!(
        "\n| what | req/s | p50 ms | p99 ms | server µs CPU | of the bare route | driver % | others % | failed |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let (run, bare) = (median(&row.runs), median(&row.beside));
        let failed: usize = row.runs.iter().map(|run| run.failed).sum();
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {:.1} | {:.2} | {:.0} | {:.0} | {failed} |",
            row.what,
            run.per_second,
            run.median_ms,
            run.p99_ms,
            run.cpu_us,
            run.per_second / bare.per_second,
            run.driver * 100.0,
            run.others * 100.0,
        );
    }
    if let Some(first) = rows.first() {
        let bare = median(&first.beside);
        println!(
            "| bare route, constant JSON | {:.0} | {:.2} | {:.2} | {:.1} | 1.00 | {:.0} | {:.0} | 0 |",
            bare.per_second,
            bare.median_ms,
            bare.p99_ms,
            bare.cpu_us,
            bare.driver * 100.0,
            bare.others * 100.0
        );
    }
    println!();
    logins(rows);
}

/// A login is a hash and little else, if it is well made.
fn logins(rows: &[Measured]) {
    for row in rows.iter().filter(|row| !row.hashes.is_empty()) {
        let mut hashes = row.hashes.clone();
        hashes.sort_by(f64::total_cmp);
        let hashes = hashes.swap_remove(hashes.len() / 2);
        let share = median(&row.runs).per_second / hashes;
        println!(
            "{}: {share:.2} of a bare argon2id loop with the same parameters and threads, {hashes:.1} hashes/s",
            row.what
        );
    }
}

/// By requests a second.
fn median(runs: &[Run]) -> Run {
    let mut runs = runs.to_vec();
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    runs.swap_remove(runs.len() / 2)
}
