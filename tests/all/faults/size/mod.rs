//! A hundred thousand tenants and a million people: what is asked finds its rows, and costs what it costs among ten.

mod asked;
mod bulk;
mod cost;
mod grounds;
mod hall;
pub mod holders;
mod large;
mod past;
mod plans;
mod residents;
pub mod town;
mod visits;
mod ways;
mod weigh;

use plans::Plan;
use town::Town;
use visits::Visitor;

use crate::ground::{Ground, Kind, on_both};

on_both!(no_statement_of_a_server_that_serves_reads_a_whole_table);

/// SQLite plans alike for any size, and PostgreSQL is told that its tables are large.
async fn no_statement_of_a_server_that_serves_reads_a_whole_table(ground: Ground) {
    let town = Town::raise(ground.clone(), 20, 400).await;
    asked::listen_to(&ground);
    Visitor::to(&town).await.everywhere().await;

    let statements = asked::of(&ground);
    let mut conn = ground.connect();
    if ground.kind == Kind::Postgres {
        plans::pretend_large(&mut conn);
    }
    let plans = statements.keys().map(|sql| match ground.kind {
        Kind::Sqlite => plans::by_sqlite(&mut conn, sql),
        Kind::Postgres => plans::by_postgres(&mut conn, sql),
    });
    let plans: Vec<Plan> = plans.collect();

    let bad: Vec<&Plan> = plans.iter().filter(|plan| plan.is_bad()).collect();
    println!("{} statements on {:?}, {} read a whole table", plans.len(), ground.kind, bad.len());
    assert!(plans.len() > 100, "only {} statements were heard", plans.len());
    assert!(bad.is_empty(), "{bad:#?}");
}
