//! The schedule: each due time of each name becomes one job, whichever node sees it first.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use serde_json::json;

use super::entity::cron as rows;
use crate::base::{Error, Result, Timestamp};
use crate::db::Above;
use crate::db::tx::{Tx, Work};
use crate::identity::{Handler, House, Scope};

const PRIORITY: i32 = 4;

/// The first time after `now` that the expression names, in UTC.
pub fn upcoming(expression: &str, now: Timestamp) -> Result<Timestamp> {
    let cron = Cron::from_str(expression).map_err(|error| wrong(expression, &error.to_string()))?;
    let now =
        DateTime::<Utc>::from_timestamp_micros(now.0).ok_or_else(|| wrong(expression, "no such time"))?;
    let next = cron.find_next_occurrence(&now, false);
    next.map(|at| Timestamp(at.timestamp_micros())).map_err(|error| wrong(expression, &error.to_string()))
}

fn wrong(expression: &str, why: &str) -> Error {
    Error::internal(format!("the schedule `{expression}`: {why}"))
}

fn scheduled(handlers: &[Handler]) -> Vec<(&'static str, &'static str)> {
    handlers.iter().filter_map(|handler| Some((handler.name, handler.schedule?))).collect()
}

/// Makes the rows that are missing. A row that is due stays due: a restart skips nothing.
pub async fn register(house: &House, handlers: &[Handler]) -> Result<()> {
    let wanted = scheduled(handlers);
    Scope::of_house(house.clone(), None)
        .write(move |tx| {
            for (name, expression) in &wanted {
                rows::insert(tx.conn, name, expression, (upcoming(expression, tx.now)?, tx.now))?;
            }
            let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
            for row in rows::of_the_house(tx.conn, &names)? {
                let said = wanted.iter().find(|(name, _)| *name == row.name).map(|(_, said)| *said);
                if let Some(said) = said.filter(|said| *said != row.expression) {
                    let next = row.next_at.min(upcoming(said, tx.now)?);
                    rows::reschedule(tx.conn, &row, said, (next, tx.now))?;
                }
            }
            Ok(())
        })
        .await
}

/// Enqueues what is due. Times that were missed count as one.
pub async fn tick(house: &House, handlers: &[Handler]) -> Result<()> {
    let wanted = scheduled(handlers);
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let known = house.db.above(Above::Work).read(move |conn| Ok(rows::of_the_house(conn, &names)?)).await?;
    let now = house.clock.now();
    for row in known.into_iter().filter(|row| row.disabled_at.is_none()) {
        let next = upcoming(&row.expression, now)?;
        if row.next_at > now && row.next_at <= next {
            continue;
        }
        let scope = Scope::of_house(house.clone(), None);
        let name = wanted.iter().find(|(name, _)| *name == row.name).map(|(name, _)| *name);
        let Some(name) = name else { continue };
        scope.write(move |tx| run(tx, name, &row, next)).await?;
    }
    Ok(())
}

fn run(tx: &mut Tx, name: &'static str, row: &rows::CronRow, next: Timestamp) -> Result<()> {
    // A clock that was wrong for a while left a time that nobody would live to see.
    if row.next_at > tx.now {
        rows::reschedule(tx.conn, row, &row.expression, (next, tx.now))?;
        return Ok(());
    }
    if rows::take(tx.conn, row, next, tx.now)? {
        let due = row.next_at;
        let mut work = Work::job(name, json!({ "due": due }));
        work.kind = "cron";
        work.priority = PRIORITY;
        work.dedupe_key = Some(format!("cron:{name}:{}", due.0));
        tx.enqueue(work)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_schedule_is_in_utc_and_names_the_time_after_now() {
        let next = upcoming("0 2 * * *", at("2026-11-22T02:00:00Z")).unwrap();

        assert_eq!(next, at("2026-11-23T02:00:00Z"));
        assert_eq!(
            upcoming("*/10 * * * *", at("2026-11-22T02:03:59.5Z")).unwrap(),
            at("2026-11-22T02:10:00Z")
        );
    }

    #[test]
    fn nonsense_is_said_to_be_nonsense() {
        assert!(upcoming("every now and then", Timestamp::EPOCH).is_err());
    }
}
