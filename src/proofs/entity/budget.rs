//! How many mails an address or a tenant was sent: durable, and the same for known addresses and unknown ones.

use std::time::Duration;

use diesel::prelude::*;

use crate::base::{HashedToken, TenantId, Timestamp};
use crate::db::schema::guess_counters;
use crate::db::{BothDsl, DbConn};

/// One count, by a keyed hash of what is counted.
pub struct Counted {
    pub tenant: TenantId,
    pub key: HashedToken,
    pub most: i32,
    pub window: Duration,
}

impl Counted {
    /// False when the budget is spent. Each mail holds the window open for its whole length, so no length of it ever
    /// sees more than `most`, wherever one begins to count.
    pub fn spend(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<bool> {
        use guess_counters as g;
        let fresh = (
            g::tenant_id.eq(self.tenant),
            g::key_mac.eq(&self.key),
            g::failures.eq(0),
            g::last_at.eq(now),
            g::blocked_until.eq(now),
        );
        diesel::insert_into(g::table).values(fresh).on_conflict_do_nothing().both().execute(conn)?;
        let row = || g::table.find((self.tenant, self.key.clone()));
        diesel::update(row()).filter(g::blocked_until.le(now)).set(g::failures.eq(0)).execute(conn)?;
        let spent = diesel::update(row())
            .filter(g::failures.lt(self.most))
            .set((
                g::failures.eq(g::failures + 1),
                g::last_at.eq(now),
                g::blocked_until.eq(now + self.window),
            ))
            .execute(conn)?;
        Ok(spent == 1)
    }

    /// For a count over a long time: the window stands where its first mail put it.
    pub fn spend_in_fixed_window(&self, conn: &mut DbConn, now: Timestamp) -> QueryResult<bool> {
        use guess_counters as g;
        let until: Option<Timestamp> = g::table
            .find((self.tenant, self.key.clone()))
            .filter(g::blocked_until.gt(now))
            .select(g::blocked_until)
            .get_result(conn)
            .optional()?;
        let spent = self.spend(conn, now)?;
        if let Some(until) = until {
            let row = g::table.find((self.tenant, self.key.clone()));
            diesel::update(row).set(g::blocked_until.eq(until)).execute(conn)?;
        }
        Ok(spent)
    }
}
