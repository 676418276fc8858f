//! Rows by the thousand, past the product: one statement holds many, and nothing is asked of the rows on their way.

use std::fmt::Write;

use diesel::connection::SimpleConnection;
use doorward::base::Timestamp;
use doorward::db::DbConn;
use uuid::Uuid;

/// Characters of one statement: some thousand rows.
const FULL: usize = 400_000;

pub enum Cell<'a> {
    Id(Uuid),
    Text(&'a str),
    At(Timestamp),
    Is(bool),
    Number(i64),
    Bytes(&'a [u8]),
}

/// One table while it is filled.
pub struct Bulk<'c> {
    conn: &'c mut DbConn,
    head: String,
    text: String,
    is_postgres: bool,
}

/// The constraints hold by the way the rows are made, and `doorward verify` looks at them afterwards.
pub fn trust(conn: &mut DbConn) {
    let words = if conn.is_postgres() {
        "SET session_replication_role = replica; SET synchronous_commit = off; SET statement_timeout = 0"
    } else {
        "PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-500000; PRAGMA wal_autocheckpoint=0"
    };
    conn.batch_execute(words).unwrap();
}

impl<'c> Bulk<'c> {
    /// `into` names the table and its columns.
    pub fn begin(conn: &'c mut DbConn, into: &str) -> Self {
        conn.batch_execute("BEGIN").unwrap();
        let is_postgres = conn.is_postgres();
        Self { conn, head: format!("INSERT INTO {into} VALUES "), text: String::new(), is_postgres }
    }

    pub fn row(&mut self, cells: &[Cell<'_>]) {
        self.text.push_str(if self.text.is_empty() { "(" } else { ",(" });
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.cell(cell);
        }
        self.text.push(')');
        if self.text.len() > FULL {
            self.flush();
        }
    }

    pub fn end(mut self) {
        self.flush();
        self.conn.batch_execute("COMMIT").unwrap();
    }

    fn cell(&mut self, cell: &Cell<'_>) {
        match (cell, self.is_postgres) {
            (Cell::Id(id), true) => write!(self.text, "'{id}'"),
            (Cell::Id(id), false) => write!(self.text, "x'{}'", id.simple()),
            (Cell::Text(text), _) => write!(self.text, "'{}'", text.replace('\'', "''")),
            (Cell::At(at), true) => write!(self.text, "'{at}'"),
            (Cell::At(at), false) => write!(self.text, "{}", at.0),
            (Cell::Is(whether), _) => write!(self.text, "{whether}"),
            (Cell::Number(number), _) => write!(self.text, "{number}"),
            (Cell::Bytes(bytes), true) => write!(self.text, "'\\x{}'", hex::encode(bytes)),
            (Cell::Bytes(bytes), false) => write!(self.text, "x'{}'", hex::encode(bytes)),
        }
        .unwrap();
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.conn.batch_execute(&format!("{}{}", self.head, self.text)).unwrap();
            self.text.clear();
        }
    }
}
