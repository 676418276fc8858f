//! TEN-5: PostgreSQL's own wall. Were a query to forget its tenant, the database gives it that tenant's rows alone.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use doorward::base::{TenantId, UserId};
use doorward::db::schema::{audit_records, clients, sessions, tenants, users};
use doorward::db::{Above, DbConn, Reach, migrate, wall};
use futures_util::future::join_all;

use crate::ground::app::{App, Door};
use crate::ground::{Ground, Kind, on_both, rows, run};

on_both!(
    ten_5_a_query_that_forgets_its_tenant_finds_that_tenant_alone_on_postgresql,
    ten_5_fifty_at_once_on_shared_connections_see_each_their_own,
);

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

struct Town {
    conn: DbConn,
    a: (TenantId, UserId),
    b: (TenantId, UserId),
    /// Of each table whether its rows say whose they are.
    tables: BTreeMap<String, bool>,
}

impl Town {
    fn fill(ground: &Ground) -> Self {
        let mut conn = ground.connect();
        let (a, b) = ((TenantId::new(), UserId::new()), (TenantId::new(), UserId::new()));
        rows::fill(&mut conn, a.0, a.1);
        rows::fill(&mut conn, b.0, b.1);
        let named = |conn: &mut DbConn, query: &str| -> Vec<String> {
            let rows: Vec<Named> = diesel::sql_query(query).load(conn).unwrap();
            rows.into_iter().map(|row| row.name).collect()
        };
        let all = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()";
        let owned = "SELECT table_name::text AS name FROM information_schema.columns \
            WHERE column_name = 'tenant_id' AND table_schema = current_schema()";
        let owned = named(&mut conn, owned);
        let tables = named(&mut conn, all).into_iter().map(|name| (name.clone(), owned.contains(&name)));
        Self { a, b, tables: tables.collect(), conn }
    }

    /// As the application stands behind the wall.
    fn stand(&mut self, tenant: Option<TenantId>) {
        let tenant = tenant.map(|tenant| tenant.0.to_string()).unwrap_or_default();
        let place = format!("SET ROLE {}; SET doorward.tenant = '{tenant}'", wall::ROLE);
        self.conn.batch_execute(&place).unwrap();
    }

    /// None where the role may not even ask.
    fn count(&mut self, table: &str, of: &str) -> Option<i64> {
        let query = format!("SELECT count(*) AS found FROM {table} {of}");
        match diesel::sql_query(query).get_result::<Counted>(&mut self.conn) {
            Ok(counted) => Some(counted.found),
            Err(error) if error.to_string().contains("permission denied") => None,
            Err(error) => panic!("{table}: {error}"),
        }
    }

    /// How many rows a change moved; none where it was refused.
    fn change(&mut self, words: &str) -> Option<usize> {
        match diesel::sql_query(words).execute(&mut self.conn) {
            Ok(rows) => Some(rows),
            Err(error) => {
                let why = error.to_string();
                assert!(
                    why.contains("permission denied") || why.contains("row-level security"),
                    "{words}: {why}"
                );
                None
            }
        }
    }
}

#[test]
fn ten_5_as_the_applications_role_without_a_tenant_every_table_is_empty() {
    run(Kind::Postgres, async |ground| {
        let mut town = Town::fill(&ground);
        let tables: Vec<String> = town.tables.keys().cloned().collect();
        assert!(tables.len() > 30, "{tables:?}");
        for table in &tables {
            assert!(town.count(table, "") >= Some(1), "{table} holds nothing to hide");
        }

        town.stand(None);

        let mut seen = |table: &String| town.count(table, "").unwrap_or_default();
        let shown: Vec<(&String, i64)> = tables.iter().map(|table| (table, seen(table))).collect();
        let rows: i64 = shown.iter().map(|(_, rows)| rows).sum();
        println!("{} tables as the application's role without a tenant: {rows} rows", tables.len());
        assert_eq!(rows, 0, "shown to nobody in particular: {shown:?}");
        forget(&mut town);
    });
}

#[test]
fn ten_5_within_a_tenant_nothing_of_another_is_seen_or_changed() {
    run(Kind::Postgres, async |ground| {
        let mut town = Town::fill(&ground);
        let ((a, _), (b, _)) = (town.a, town.b);
        let owned: Vec<String> =
            town.tables.iter().filter(|(_, is_owned)| **is_owned).map(|(name, _)| name.clone()).collect();
        town.stand(Some(a));

        for table in owned.iter().filter(|table| *table != "guess_counters") {
            let theirs = format!("WHERE tenant_id = '{}'", b.0);
            assert_eq!(town.count(table, ""), Some(1), "{table} shows what is A's, and that alone");
            assert_eq!(town.count(table, &theirs), Some(0), "{table}");
            for change in ["DELETE FROM", "UPDATE"] {
                let set = if change == "UPDATE" { "SET tenant_id = tenant_id" } else { "" };
                let moved = town.change(&format!("{change} {table} {set} {theirs}"));
                assert!(matches!(moved, None | Some(0)), "{change} {table}");
            }
        }
        for table in ["roles", "jobs", "domain_events", "audit_records", "signing_keys", "files"] {
            let given = format!("UPDATE {table} SET tenant_id = '{}'", b.0);
            assert_eq!(town.change(&given), None, "{table} gives rows away");
        }
        assert_eq!(town.change("DELETE FROM audit_records"), None, "history was wiped");
        assert_eq!(town.change("UPDATE domain_events SET data = '{}'"), None, "history was bent");
        let other = format!("UPDATE tenants SET epoch = epoch + 1 WHERE id = '{}'", b.0);
        assert_eq!(town.change(&other), Some(0), "another tenant was changed");
        forget(&mut town);
    });
}

/// What a guest's home and the tenant they visit may do to each other's rows: look, and no more than a login needs.
#[test]
fn ten_5_a_tenant_that_is_visited_ends_no_guest_and_their_home_gives_them_nothing_there() {
    run(Kind::Postgres, async |ground| {
        let mut town = Town::fill(&ground);
        let ((a, _), (b, bob)) = (town.a, town.b);
        let of_bob = format!("WHERE user_id = '{}'", bob.0);
        let visit = format!(
            "INSERT INTO memberships SELECT '{}', user_id, epoch, created_at FROM memberships {of_bob}",
            a.0
        );
        town.conn.batch_execute(&visit).unwrap();
        town.stand(Some(a));

        assert_eq!(town.count("users", &format!("WHERE id = '{}'", bob.0)), Some(1), "a guest is seen");
        let logged_in = format!("UPDATE users SET last_login_at = created_at WHERE id = '{}'", bob.0);
        assert_eq!(town.change(&logged_in), Some(1), "and can log in");
        assert_eq!(
            town.change(&format!("DELETE FROM users WHERE id = '{}'", bob.0)),
            Some(0),
            "a guest was ended"
        );
        for login in ["password_logins", "anonymous_logins", "digid_logins", "openid_logins", "totp_settings"]
        {
            assert_eq!(town.count(login, &of_bob), Some(1), "{login}");
            assert_eq!(
                town.change(&format!("DELETE FROM {login} {of_bob}")),
                Some(0),
                "{login} of a guest was ended"
            );
            let again = format!("INSERT INTO {login} SELECT * FROM {login} {of_bob}");
            assert_eq!(town.change(&again), None, "{login} was made for a guest");
        }

        town.stand(Some(b));
        for (table, columns) in [
            ("user_roles", "user_id, role_id, '$', granted_by, created_at"),
            ("memberships", "'$', user_id, epoch, created_at"),
        ] {
            let columns = columns.replace('$', &a.0.to_string());
            let given = format!(
                "INSERT INTO {table} SELECT {columns} FROM {table} {of_bob} AND tenant_id = '{}'",
                b.0
            );
            assert_eq!(town.change(&given), None, "a home gave its person something elsewhere: {table}");
        }
        forget(&mut town);
    });
}

/// A function that answers as the tables' owner believes no table that its caller made up.
#[test]
fn ten_5_a_temporary_table_makes_nobody_a_member() {
    run(Kind::Postgres, async |ground| {
        let mut town = Town::fill(&ground);
        let ((a, _), (_, bob)) = (town.a, town.b);
        town.stand(Some(a));

        let lie = format!(
            "CREATE TEMPORARY TABLE memberships AS SELECT '{}'::uuid AS tenant_id, '{}'::uuid AS user_id",
            a.0, bob.0
        );
        town.conn.batch_execute(&lie).unwrap();

        assert_eq!(town.count("users", &format!("WHERE id = '{}'", bob.0)), Some(0));
        town.conn.batch_execute("DROP TABLE pg_temp.memberships").unwrap();
        forget(&mut town);
    });
}

/// What was laid out for looking at is no sound town.
fn forget(town: &mut Town) {
    town.conn.batch_execute("RESET ROLE").unwrap();
    let tables = rows::tables(&mut town.conn);
    let clear = format!("TRUNCATE {} CASCADE", tables.join(", "));
    town.conn.batch_execute(&clear).unwrap();
}

async fn two_towns(ground: &Ground) -> (App, Door, Door) {
    let app = App::start(ground.clone()).await;
    let (a, b) = (app.native("a").await, app.native("b").await);
    for (door, email) in [(&a, "ada@a.example"), (&b, "bob@b.example")] {
        let person = app.person(door, email).await;
        app.session(door, person).await;
    }
    (app, a, b)
}

async fn ten_5_a_query_that_forgets_its_tenant_finds_that_tenant_alone_on_postgresql(ground: Ground) {
    let (app, a, b) = two_towns(&ground).await;
    let db = &app.running.house.db;
    let all = |conn: &mut DbConn| Ok(sessions::table.select(sessions::tenant_id).load::<TenantId>(conn)?);

    let (in_a, in_b) = (db.within(a.tenant).read(all).await, db.within(b.tenant).read(all).await);
    let above = db.above(Above::Operator).read(all).await.unwrap();

    assert_eq!(above.len(), 2);
    if ground.kind == Kind::Postgres {
        let wipe = |conn: &mut DbConn| Ok(diesel::delete(audit_records::table).execute(conn)?);
        assert!(db.within(a.tenant).write(wipe).await.is_err(), "history was wiped");
        assert_eq!((in_a.unwrap(), in_b.unwrap()), (vec![a.tenant], vec![b.tenant]));
    } else {
        // One wall: the filters, on which every other test runs.
        assert_eq!((in_a.unwrap().len(), in_b.unwrap().len()), (2, 2));
    }
}

/// A connection that remembered wrongly where it stands would show one tenant to another.
async fn ten_5_fifty_at_once_on_shared_connections_see_each_their_own(ground: Ground) {
    let (app, a, b) = two_towns(&ground).await;
    let db = &app.running.house.db;
    let look = async |reach: Reach| {
        let seen = db.seeing(reach).read(|conn| {
            let people: Vec<TenantId> = users::table.select(users::tenant_id).load(conn)?;
            let apps: Vec<TenantId> = clients::table.select(clients::tenant_id).load(conn)?;
            let open: i64 = tenants::table.select(diesel::dsl::count(tenants::epoch)).get_result(conn)?;
            Ok((people, apps, open))
        });
        (reach, seen.await.unwrap())
    };
    let reaches = [Reach::Tenant(a.tenant), Reach::Above(Above::Session), Reach::Tenant(b.tenant)];

    let seen = join_all((0..50).map(|n| look(reaches[n % 3]))).await;

    for (reach, (people, apps, open)) in seen {
        let all = |tenant| people.iter().chain(&apps).all(|seen| *seen == tenant) && people.len() == 1;
        let alone = |tenant| ground.kind == Kind::Sqlite || all(tenant);
        match reach {
            Reach::Tenant(tenant) => assert!(alone(tenant), "{reach:?} sees {people:?} and {apps:?}"),
            Reach::Above(_) => {
                assert!(people.len() == 2 && apps.contains(&a.tenant) && apps.contains(&b.tenant))
            }
        }
        assert_eq!(open, 2, "whether a guest's home is open must be seen");
    }
}

/// Whoever may not make roles is served all the same, behind one wall, until somebody grants it.
#[test]
fn ten_5_where_the_role_is_not_granted_the_server_works_and_the_wall_goes_up_with_the_grant() {
    run(Kind::Postgres, async |ground| {
        let mut admin = ground.connect();
        let name = format!("plain_{}", UserId::new().0.simple());
        for words in [format!("CREATE ROLE {name} LOGIN"), format!("CREATE DATABASE {name} OWNER {name}")] {
            admin.batch_execute(&words).unwrap();
        }
        let url = ground.url().replace("doorward@", &format!("{name}@"));
        let url = format!("{}/{name}", url.rsplit_once('/').unwrap().0);
        let now = doorward::base::Timestamp::EPOCH;

        migrate(&url, "test", now).unwrap();
        let before = wall::is_up(&mut DbConn::open(&url).unwrap()).unwrap();
        admin.batch_execute(&format!("GRANT {} TO {name}", wall::ROLE)).unwrap();
        migrate(&url, "test", now).unwrap();
        let after = wall::is_up(&mut DbConn::open(&url).unwrap()).unwrap();

        assert_eq!((before, after), (Some(false), Some(true)));
        for words in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE {name}")] {
            admin.batch_execute(&words).unwrap();
        }
    });
}
