//! An SQLite file as a whole: copied while others write, brought down to one file, and asked whether it is sound.

use std::path::Path;

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::conn::DbConn;
use crate::base::{Error, Result};

/// One moment of the database, written to a file that is empty. Whoever writes meanwhile goes on.
pub fn copy_into(conn: &mut DbConn, file: &Path) -> Result<()> {
    let DbConn::Sqlite(conn) = conn else { return Err(Error::internal("only an SQLite file is copied")) };
    let file = file.to_str().ok_or_else(|| Error::internal("a path must be UTF-8"))?;
    diesel::sql_query("VACUUM INTO $1").bind::<Text, _>(file).execute(conn)?;
    Ok(())
}

/// To look and not to touch: neither the file nor what lies beside it is changed.
pub fn look_into(file: &Path) -> Result<DbConn> {
    let path = file.to_str().ok_or_else(|| Error::internal("a path must be UTF-8"))?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let conn = SqliteConnection::establish(&format!("file:{path}?mode=ro")).map_err(Error::internal)?;
    Ok(DbConn::Sqlite(conn))
}

/// What came of bringing a database down to its one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The log is in the file and gone, and nobody else has it open.
    Alone,
    InUse,
    /// In SQLite's words.
    Damaged(String),
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// SQLite leaves its log behind only for who has the file to themselves, so this also tells whether one has.
pub fn settle(file: &Path) -> Settled {
    let Some(path) = file.to_str() else { return Settled::Damaged("a path must be UTF-8".into()) };
    let asked = || -> Result<String, Box<dyn std::error::Error>> {
        let mut conn = SqliteConnection::establish(path)?;
        conn.batch_execute("PRAGMA busy_timeout=1000; PRAGMA synchronous=FULL")?;
        let mode = diesel::sql_query("PRAGMA journal_mode=DELETE");
        Ok(mode.get_result::<Mode>(&mut conn)?.journal_mode)
    };
    match asked() {
        Ok(mode) if mode == "delete" => Settled::Alone,
        Ok(_) => Settled::InUse,
        Err(error) if error.to_string().contains("locked") => Settled::InUse,
        Err(error) => Settled::Damaged(error.to_string()),
    }
}

/// How thoroughly a file is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Every page, but not whether indexes agree with their tables.
    Quick,
    Whole,
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

/// What is damaged in the file, a sentence each; nothing when it is sound, and of PostgreSQL's, which looks itself.
pub fn damage(conn: &mut DbConn, look: Look) -> Result<Vec<String>> {
    let DbConn::Sqlite(conn) = conn else { return Ok(Vec::new()) };
    let question = match look {
        Look::Quick => "SELECT quick_check AS said FROM pragma_quick_check",
        Look::Whole => "SELECT integrity_check AS said FROM pragma_integrity_check",
    };
    let (mut answers, mut broke) = (Vec::new(), None);
    // A page may be so damaged that the look ends at it; what was told before it counts.
    match diesel::sql_query(question).load_iter::<Said, DefaultLoadingMode>(conn) {
        Err(error) => broke = Some(error),
        Ok(told) => {
            for answer in told {
                match answer {
                    Ok(answer) => answers.push(answer),
                    Err(error) => {
                        broke = Some(error);
                        break;
                    }
                }
            }
        }
    }
    match broke.map(|error| (error.to_string(), error)) {
        Some((words, error)) if !is_damage(&words) => return Err(error.into()),
        Some((words, _)) if answers.is_empty() => return Ok(vec![unreadable(&words)]),
        _ => {}
    }
    let lines = answers.iter().flat_map(|answer| answer.said.lines());
    let lines: Vec<&str> =
        lines.filter(|line| *line != "ok" && !line.starts_with("***") && !line.is_empty()).collect();
    Ok(lines.into_iter().map(|line| named(conn, line)).collect())
}

/// And takes it back. To begin tells nothing: of a file that is read only SQLite makes a transaction that reads.
pub fn try_to_write(conn: &mut DbConn) -> QueryResult<()> {
    conn.begin_write()?;
    let tried = conn.batch_execute("CREATE TABLE tried (n integer)");
    conn.roll_back();
    tried
}

/// By the words in which SQLite says that what it reads cannot be what it wrote.
pub fn is_damage(words: &str) -> bool {
    let signs = ["malformed", "not a database", "corrupt", "disk I/O error", "unsupported file format"];
    signs.iter().any(|sign| words.contains(sign))
}

/// So damaged that it cannot be said where.
pub fn unreadable(words: &str) -> String {
    format!("the file is damaged where everything hangs on it, so that nothing can be read: {words}")
}

#[derive(QueryableByName)]
struct Root {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    of: String,
}

/// `Tree 12 page 34 cell 5: …` tells whoever knows which table begins at page 12.
fn named(conn: &mut SqliteConnection, line: &str) -> String {
    let Some((place, what)) = line.strip_prefix("Tree ").and_then(|rest| rest.split_once(": ")) else {
        return format!("the file is damaged: {line}");
    };
    let mut words = place.split_whitespace();
    let root: i64 = words.next().and_then(|number| number.parse().ok()).unwrap_or(-1);
    let page = words.skip_while(|word| *word != "page").nth(1).map(|page| format!(" at page {page}"));
    let page = page.unwrap_or_default();
    let question = "SELECT type AS kind, name, tbl_name AS \"of\" FROM sqlite_schema WHERE rootpage = $1";
    let found: Option<Root> =
        diesel::sql_query(question).bind::<BigInt, _>(root).get_result(conn).optional().ok().flatten();
    match found {
        Some(Root { kind, name, of }) if kind == "index" => {
            format!("the index {name} of the table {of} is damaged{page}: {what}")
        }
        Some(Root { name, .. }) => format!("the table {name} is damaged{page}: {what}"),
        None if root == 1 => format!("the list of tables is damaged{page}: {what}"),
        None => format!("the file is damaged{page}: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_read_only_is_told_from_one_that_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db").display().to_string();
        let mut conn = DbConn::open(&path).unwrap();
        conn.batch_execute("CREATE TABLE anything (n integer)").unwrap();

        assert!(try_to_write(&mut conn).is_ok() && try_to_write(&mut conn).is_ok());
        let mut conn = DbConn::open(&format!("file:{path}?mode=ro")).unwrap();
        assert!(try_to_write(&mut conn).unwrap_err().to_string().contains("readonly"));
    }
}
