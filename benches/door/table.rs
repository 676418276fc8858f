//! What was measured, as a table that fits a README.

use super::load::Run;
use super::peers::Compared;
use super::{Ceiling, Measured};

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
        "\n| what | req/s | p50 ms | p99 ms | server µs CPU | of its ceiling | driver % | others % | failed |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let run = median(&row.runs);
        let failed = row.runs.iter().map(|run| run.failed).sum();
        line(&row.what, &run, &of_its_ceiling(row, &run), failed);
    }
    if let Some(first) = rows.first() {
        line("bare route, constant JSON", &median(&first.bare), "", 0);
    }
    println!();
}

fn line(what: &str, run: &Run, share: &str, failed: usize) {
    println!(
        "| {what} | {:.0} | {:.2} | {:.2} | {:.1} | {share} | {:.0} | {:.0} | {failed} |",
        run.per_second,
        run.median_ms,
        run.p99_ms,
        run.cpu_us,
        run.driver * 100.0,
        run.others * 100.0
    );
}

fn of_its_ceiling(row: &Measured, run: &Run) -> String {
    let constant: Vec<f64> = row.bare.iter().map(|run| run.per_second).collect();
    let (most, what) = match row.ceiling {
        Ceiling::Constant => (&constant, "bare constant route"),
        Ceiling::Row => (&row.most, "bare one-row select"),
        Ceiling::Insert => (&row.most, "pgbench's one-row insert"),
        Ceiling::Commits => (&row.most, "bare durable commits of 16 changed rows"),
        Ceiling::Hashes => (&row.most, "bare argon2id loop"),
        Ceiling::None => return String::new(),
    };
    let mut most = most.clone();
    most.sort_by(f64::total_cmp);
    let most = most.get(most.len() / 2).copied().unwrap_or(f64::NAN);
    format!("{:.2} of {most:.0}, {what}", run.per_second / most)
}

/// By requests a second.
fn median(runs: &[Run]) -> Run {
    let mut runs = runs.to_vec();
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    runs.swap_remove(runs.len() / 2)
}

pub fn peers(compared: &[Compared], constant: &[Run]) {
    let bare = median(constant).per_second;
    let first = compared.first().map(|own| (median(&own.me).per_second, median(&own.login).per_second));
    let (me, login) = first.unwrap_or((f64::NAN, f64::NAN));
    println!(
        "\n| | who am I, req/s | of the bare route | Doorward does | logins a second | Doorward does | p99 ms of who am I | start ms | MiB at rest / under load | failed |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for one in compared {
        let (asked, logged) = (median(&one.me), median(&one.login));
        let failed: usize = one.me.iter().chain(&one.login).map(|run| run.failed).sum();
        println!(
            "| {} | {:.0} | {:.3} | {:.1} × | {:.1} | {:.1} × | {:.1} | {} | {:.0} / {:.0} | {failed} |",
            one.name,
            asked.per_second,
            asked.per_second / bare,
            me / asked.per_second,
            logged.per_second,
            login / logged.per_second,
            asked.p99_ms,
            one.started.as_millis(),
            one.rest,
            one.loaded,
        );
    }
    println!("\nbare route: {bare:.0} req/s. Each hashes passwords at its own defaults.\n");
}
