//! The two folders of migrations make one schema: tables, columns, what may be null, what is unique, what refers where.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::db::DbConn;

use crate::ground::{Ground, Kind};

#[derive(QueryableByName)]
struct Fact {
    #[diesel(sql_type = Text)]
    fact: String,
}

fn facts(conn: &mut DbConn, query: &str) -> BTreeSet<String> {
    let facts: Vec<Fact> = diesel::sql_query(query).load(conn).unwrap();
    facts.into_iter().map(|row| row.fact).collect()
}

/// Asks each database in its own words and compares the answers.
#[track_caller]
fn assert_alike(sqlite: &str, postgres: &str) {
    let (file, cluster) = (Ground::new(Kind::Sqlite), Ground::new(Kind::Postgres));
    let (ours, theirs) = (facts(&mut file.connect(), sqlite), facts(&mut cluster.connect(), postgres));

    assert!(ours.len() > 20, "the question finds too little: {ours:?}");
    let only = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>();
    assert!(
        ours == theirs,
        "only on SQLite: {:#?}\nonly on PostgreSQL: {:#?}",
        only(&ours, &theirs),
        only(&theirs, &ours)
    );
}

/// Booleans and whole numbers, times and texts are told apart by the program alone on SQLite.
const SQLITE_COLUMNS: &str = "
    SELECT t.name || '.' || c.name || ' ' || c.type || CASE WHEN c.\"notnull\" OR c.pk THEN '' ELSE ' or null' END AS fact
    FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT IN (
        '__diesel_schema_migrations', 'migration_checksums')";

const POSTGRES_COLUMNS: &str = "
    SELECT table_name || '.' || column_name || ' ' || CASE data_type
        WHEN 'uuid' THEN 'BLOB' WHEN 'bytea' THEN 'BLOB'
        WHEN 'text' THEN 'TEXT' WHEN 'jsonb' THEN 'TEXT'
        WHEN 'timestamp with time zone' THEN 'INTEGER' WHEN 'boolean' THEN 'INTEGER'
        WHEN 'bigint' THEN 'INTEGER' WHEN 'integer' THEN 'INTEGER' ELSE data_type END
        || CASE is_nullable WHEN 'NO' THEN '' ELSE ' or null' END AS fact
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT IN ('__diesel_schema_migrations', 'migration_checksums')";

/// Primary keys, unique constraints and unique indexes, partial ones marked.
const SQLITE_UNIQUE: &str = "
    SELECT t.name || ' (' || (SELECT group_concat(c.name, ', ') FROM (
        SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c) || ')'
        || CASE WHEN i.partial THEN ' partly' ELSE '' END AS fact
    FROM sqlite_schema t, pragma_index_list(t.name) i
    WHERE t.type = 'table' AND i.\"unique\" AND t.name NOT LIKE 'sqlite_%' AND t.name NOT IN (
        '__diesel_schema_migrations', 'migration_checksums')
    UNION
    SELECT t.name || ' (' || c.name || ')' FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER' AND t.name NOT LIKE 'sqlite_%'
      AND (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0) = 1";

const POSTGRES_UNIQUE: &str = "
    SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.at)
        FROM unnest(i.indkey::int[]) WITH ORDINALITY k(column_number, at)
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number) || ')'
        || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partly' END AS fact
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public' AND i.indisunique
      AND t.relname NOT IN ('__diesel_schema_migrations', 'migration_checksums')";

const SQLITE_INDEXES: &str = "
    SELECT t.name || '.' || i.name || ' (' || (SELECT group_concat(c.name, ', ') FROM (
        SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c) || ')' AS fact
    FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin = 'c'";

const POSTGRES_INDEXES: &str = "
    SELECT t.relname || '.' || x.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.at)
        FROM unnest(i.indkey::int[]) WITH ORDINALITY k(column_number, at)
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number) || ')' AS fact
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.oid AND c.contype IN ('p', 'u'))";

const SQLITE_REFERENCES: &str = "
    SELECT t.name || ' (' || group_concat(f.\"from\", ', ' ORDER BY f.seq) || ') to ' || f.\"table\"
        || ' (' || group_concat(f.\"to\", ', ' ORDER BY f.seq) || ') ' || f.on_delete AS fact
    FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' GROUP BY t.name, f.id";

const POSTGRES_REFERENCES: &str = "
    SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.at)
            FROM unnest(c.conkey) WITH ORDINALITY k(number, at)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)
        || ') to ' || o.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.at)
            FROM unnest(c.confkey) WITH ORDINALITY k(number, at)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number)
        || ') ' || CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION' WHEN 'n' THEN 'SET NULL'
            WHEN 'r' THEN 'RESTRICT' ELSE 'SET DEFAULT' END AS fact
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class o ON o.oid = c.confrelid
    WHERE c.contype = 'f'";

#[test]
fn tables_and_columns_and_what_may_be_null_are_alike() {
    assert_alike(SQLITE_COLUMNS, POSTGRES_COLUMNS);
}

#[test]
fn what_is_unique_is_alike() {
    assert_alike(SQLITE_UNIQUE, POSTGRES_UNIQUE);
}

#[test]
fn the_indexes_are_alike() {
    assert_alike(SQLITE_INDEXES, POSTGRES_INDEXES);
}

#[test]
fn what_refers_where_is_alike() {
    assert_alike(SQLITE_REFERENCES, POSTGRES_REFERENCES);
}
