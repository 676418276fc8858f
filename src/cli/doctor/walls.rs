//! Whether PostgreSQL keeps the tenants apart by itself.

use super::Finding;
use crate::db::{DbConn, wall};

pub fn second_wall(conn: &mut DbConn) -> Option<Finding> {
    match (wall::is_up(conn), wall::is_stranger(conn)) {
        (Ok(None), _) => None,
        (Err(error), _) | (_, Err(error)) => {
            Some(Finding::fail("second wall", error.to_string(), "the database must answer"))
        }
        (_, Ok(true)) => {
            let remedy =
                "connect as the role that owns the tables, or as a member of it with SET ROLE as its default";
            Some(Finding::fail(
                "second wall",
                "this role does not own the tables, so it sees none of their rows",
                remedy,
            ))
        }
        (Ok(Some(true)), _) => {
            let words =
                format!("row-level security keeps tenants apart besides the queries (role {})", wall::ROLE);
            Some(Finding::ok("second wall", words))
        }
        (Ok(Some(false)), _) => {
            let words = format!("the role {} is not here, or not granted to the server's", wall::ROLE);
            let remedy = "as a superuser: CREATE ROLE doorward_app NOLOGIN; GRANT doorward_app TO the server's role; \
                          then `doorward migrate`. Until then the queries' own filters are the one wall";
            Some(Finding::warn("second wall", words, remedy))
        }
    }
}
