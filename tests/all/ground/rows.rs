//! A row in every table, whatever its columns are: something to hide, to carry over, to find again.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use doorward::base::{RecordId, TenantId, UserId};
use doorward::db::DbConn;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Numbers that the database gives itself are left to it.
const POSTGRES: &str = "SELECT c.relname::text AS place, a.attname::text AS name, t.typname::text AS kind FROM pg_class c \
    JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid WHERE c.relkind = 'r' \
    AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' \
    ORDER BY c.relname, a.attnum";
const SQLITE: &str = "SELECT t.name AS place, c.name AS name, c.type AS kind FROM sqlite_schema t, pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND NOT (t.name = 'domain_events' AND c.name IN ('sequence', 'xact')) \
    ORDER BY t.name, c.cid";
/// They say what database this is.
const OF_THE_HOUSE: [&str; 3] = ["__diesel_schema_migrations", "migration_checksums", "installation"];

/// Tables that hold something of a tenant, or of everybody.
pub fn tables(conn: &mut DbConn) -> Vec<String> {
    let mut names: Vec<String> = columns(conn).into_iter().map(|column| column.place).collect();
    names.dedup();
    names
}

fn columns(conn: &mut DbConn) -> Vec<Column> {
    let query = if conn.is_postgres() { POSTGRES } else { SQLITE };
    let columns: Vec<Column> = diesel::sql_query(query).load(conn).unwrap();
    columns.into_iter().filter(|column| !OF_THE_HOUSE.contains(&column.place.as_str())).collect()
}

/// One in each, as if this person had it in this tenant. What refers to nothing is let be.
pub fn fill(conn: &mut DbConn, tenant: TenantId, person: UserId) {
    let (before, after) = if conn.is_postgres() {
        ("SET session_replication_role = replica", "SET session_replication_role = origin")
    } else {
        ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
    };
    conn.batch_execute(before).unwrap();
    for of_table in columns(conn).chunk_by(|one, next| one.place == next.place) {
        let names: Vec<&str> = of_table.iter().map(|column| column.name.as_str()).collect();
        let values = of_table.iter().map(|column| value(column, (tenant, person), conn.is_postgres()));
        let values: Vec<String> = values.collect();
        let table = &of_table[0].place;
        let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
        conn.batch_execute(&insert).unwrap_or_else(|error| panic!("{insert}: {error}"));
    }
    conn.batch_execute(after).unwrap();
}

fn value(column: &Column, (tenant, person): (TenantId, UserId), is_postgres: bool) -> String {
    let id = match (column.place.as_str(), column.name.as_str()) {
        ("tenants", "id") | (_, "tenant_id") => tenant.0,
        ("users", "id") | (_, "user_id") => person.0,
        _ => RecordId::new().0,
    };
    let bytes = if is_postgres { format!("'\\x{}'", id.simple()) } else { format!("x'{}'", id.simple()) };
    match column.kind.as_str() {
        "uuid" => format!("'{id}'"),
        "bytea" | "BLOB" => bytes,
        // Read as JSON too, and no two are alike.
        "text" | "jsonb" | "TEXT" => format!("'{{\"a\":\"{id}\"}}'"),
        "bool" => "false".into(),
        "timestamptz" => "now()".into(),
        _ => "1".into(),
    }
}
