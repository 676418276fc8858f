//! Looking for a secret in every table.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use doorward::db::DbConn;

use crate::ground::Ground;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Bytes are looked through as bytes: as text they would be hexadecimal digits.
const COLUMNS: &str = "SELECT table_name || '.' || column_name AS place, CASE data_type WHEN 'bytea' \
    THEN format('SELECT count(*) AS count FROM %I WHERE position(convert_to($1, ''UTF8'') IN %I) > 0', table_name, \
    column_name) ELSE format('SELECT count(*) AS count FROM %I WHERE strpos(%I::text, $1) > 0', table_name, \
    column_name) END AS sql FROM information_schema.columns WHERE table_schema = current_schema()";

/// Where it stands. On SQLite the bytes of the file are looked through, what was deleted among them; on PostgreSQL
/// every column of every table.
pub fn rows_with(ground: &Ground, secret: &str) -> Vec<String> {
    let DbConn::Pg(mut pg) = ground.connect() else {
        let path = ground.url().trim_start_matches("sqlite://").to_owned();
        let files = [path.clone(), format!("{path}-wal")];
        return files
            .into_iter()
            .filter(|file| holds(&std::fs::read(file).unwrap_or_default(), secret))
            .collect();
    };
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(&mut pg).unwrap();
    assert!(columns.len() > 100);
    let holding = columns.into_iter().filter(|column| {
        let count: Count =
            diesel::sql_query(column.sql.clone()).bind::<Text, _>(secret).get_result(&mut pg).unwrap();
        count.count > 0
    });
    holding.map(|column| column.place).collect()
}

/// Eight digits may stand inside any longer number: a code is one only where no digit is beside it.
pub fn holds(text: &[u8], secret: &str) -> bool {
    let is_code = secret.bytes().all(|byte| byte.is_ascii_digit());
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_hexdigit);
    let found = memchr_all(text, secret.as_bytes());
    found.into_iter().any(|at| !is_code || !(digit(at.checked_sub(1)) || digit(Some(at + secret.len()))))
}

fn memchr_all(text: &[u8], needle: &[u8]) -> Vec<usize> {
    let first = needle[0];
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == first).map(|(at, _)| at);
    starts.filter(|at| text[*at..].starts_with(needle)).collect()
}
