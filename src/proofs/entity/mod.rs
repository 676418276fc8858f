//! One-time proofs in the database. Tenant and purpose are part of every question.

mod budget;

pub use budget::Counted;

use diesel::prelude::*;

use crate::base::{ClientId, HashedToken, ProofId, ProofRequestId, RecordId, TenantId, Timestamp, UserId};
use crate::db::schema::one_time_proofs;
use crate::db::{DbConn, Json, columns};

crate::choice! {
    /// What a proof is for; it proves nothing else.
    Purpose {
        VerifyAddress = "verifyAddress",
        ResetPassword = "resetPassword",
        ConfirmEmail = "confirmEmail",
        UndoEmail = "undoEmail",
        Invitation = "invitation",
        LoginCode = "loginCode",
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = one_time_proofs, treat_none_as_default_value = false)]
pub struct Proof {
    pub id: ProofId,
    pub tenant_id: TenantId,
    pub purpose: Purpose,
    pub token_hash: HashedToken,
    /// None: there is nothing to type, or a younger code took its place.
    pub code_mac: Option<HashedToken>,
    pub request_id: ProofRequestId,
    pub address: String,
    pub user_id: Option<UserId>,
    /// What it is about when that is no user: a sign-up, an invitation, a pending login.
    pub subject_id: Option<RecordId>,
    pub client_id: Option<ClientId>,
    pub data: Json<serde_json::Value>,
    pub tries: i32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Proof {
    /// A row that only keeps guesses at unknown addresses as slow and as countable as any other.
    pub fn is_decoy(&self) -> bool {
        self.user_id.is_none() && self.subject_id.is_none()
    }

    pub fn insert(&self, conn: &mut DbConn) -> QueryResult<usize> {
        diesel::insert_into(one_time_proofs::table).values(self).execute(conn)
    }

    /// Looks without using it up: for a page that asks before it acts.
    pub fn peek(
        conn: &mut DbConn,
        purpose: Purpose,
        token: &HashedToken,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        one_time_proofs::table
            .filter(one_time_proofs::token_hash.eq(token))
            .filter(one_time_proofs::purpose.eq(purpose))
            .filter(one_time_proofs::expires_at.gt(now))
            .select(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Of fifty who bring the same link, one gets the row.
    pub fn take(
        conn: &mut DbConn,
        at: (TenantId, Purpose),
        token: &HashedToken,
        now: Timestamp,
    ) -> QueryResult<Option<Self>> {
        diesel::delete(one_time_proofs::table)
            .filter(one_time_proofs::token_hash.eq(token))
            .filter(one_time_proofs::tenant_id.eq(at.0))
            .filter(one_time_proofs::purpose.eq(at.1))
            .filter(one_time_proofs::expires_at.gt(now))
            .returning(columns::<Self>())
            .get_result(conn)
            .optional()
    }

    /// Whether an address still may be claimed back by who had it.
    pub fn is_held(conn: &mut DbConn, tenant: TenantId, address: &str, now: Timestamp) -> QueryResult<bool> {
        let undo = one_time_proofs::table
            .filter(one_time_proofs::tenant_id.eq(tenant))
            .filter(one_time_proofs::purpose.eq(Purpose::UndoEmail))
            .filter(one_time_proofs::address.eq(address))
            .filter(one_time_proofs::expires_at.gt(now));
        undo.count().get_result::<i64>(conn).map(|rows| rows > 0)
    }

    pub fn remove(conn: &mut DbConn, id: ProofId) -> QueryResult<bool> {
        diesel::delete(one_time_proofs::table.find(id)).execute(conn).map(|rows| rows == 1)
    }

    /// All of one purpose for one address.
    pub fn kill(conn: &mut DbConn, tenant: TenantId, purpose: Purpose, address: &str) -> QueryResult<usize> {
        diesel::delete(one_time_proofs::table)
            .filter(one_time_proofs::tenant_id.eq(tenant))
            .filter(one_time_proofs::purpose.eq(purpose))
            .filter(one_time_proofs::address.eq(address))
            .execute(conn)
    }

    pub fn kill_of_user(conn: &mut DbConn, user: UserId, but: &[Purpose]) -> QueryResult<usize> {
        diesel::delete(one_time_proofs::table)
            .filter(one_time_proofs::user_id.eq(user))
            .filter(one_time_proofs::purpose.ne_all(but.to_vec()))
            .execute(conn)
    }

    pub fn kill_of_subject(conn: &mut DbConn, tenant: TenantId, subject: RecordId) -> QueryResult<usize> {
        diesel::delete(one_time_proofs::table)
            .filter(one_time_proofs::tenant_id.eq(tenant))
            .filter(one_time_proofs::subject_id.eq(subject))
            .execute(conn)
    }

    /// At most `at_most` at a time: what a transaction should hold.
    pub fn clean(conn: &mut DbConn, now: Timestamp, at_most: i64) -> QueryResult<usize> {
        let old = one_time_proofs::table.filter(one_time_proofs::expires_at.le(now));
        let old = old.order(one_time_proofs::expires_at).select(one_time_proofs::id);
        let ids: Vec<ProofId> = old.limit(at_most).load(conn)?;
        diesel::delete(one_time_proofs::table.filter(one_time_proofs::id.eq_any(ids))).execute(conn)
    }
}

/// Where a typed code may be spent.
pub struct Spot<'a> {
    pub tenant: TenantId,
    pub purpose: Purpose,
    pub address: &'a str,
    pub request: ProofRequestId,
}

impl Spot<'_> {
    pub fn any(&self, conn: &mut DbConn) -> QueryResult<Option<Proof>> {
        one_time_proofs::table
            .filter(one_time_proofs::tenant_id.eq(self.tenant))
            .filter(one_time_proofs::purpose.eq(self.purpose))
            .filter(one_time_proofs::address.eq(self.address))
            .filter(one_time_proofs::request_id.eq(self.request))
            .order(one_time_proofs::id.desc())
            .select(columns::<Proof>())
            .first(conn)
            .optional()
    }

    /// Counts a try, before anybody looks whether it was right, on every row that it could open. The condition is in
    /// the statement: of fifty tries at once five are counted and the others find nothing.
    pub fn try_once(&self, conn: &mut DbConn, most: i32, since: Timestamp) -> QueryResult<Vec<Proof>> {
        use one_time_proofs as p;
        diesel::update(p::table)
            .filter(p::tenant_id.eq(self.tenant))
            .filter(p::purpose.eq(self.purpose))
            .filter(p::address.eq(self.address))
            .filter(p::request_id.eq(self.request))
            .filter(p::code_mac.is_not_null())
            .filter(p::created_at.gt(since))
            .filter(p::tries.lt(most))
            .set(p::tries.eq(p::tries + 1))
            .returning(columns::<Proof>())
            .get_results(conn)
    }

    /// Beyond the youngest `keep` the codes are struck out, their links are not: who asks again and again for somebody
    /// else's address takes no link out of that person's mail.
    pub fn strike_older_codes(&self, conn: &mut DbConn, keep: i64) -> QueryResult<usize> {
        use one_time_proofs as p;
        let codes = p::table
            .filter(p::tenant_id.eq(self.tenant))
            .filter(p::purpose.eq(self.purpose))
            .filter(p::address.eq(self.address))
            .filter(p::code_mac.is_not_null());
        let youngest_first = codes.order((p::created_at.desc(), p::id.desc())).select(p::id);
        let kept: Vec<ProofId> = youngest_first.limit(keep).load(conn)?;
        diesel::update(p::table)
            .filter(p::tenant_id.eq(self.tenant))
            .filter(p::purpose.eq(self.purpose))
            .filter(p::address.eq(self.address))
            .filter(p::code_mac.is_not_null())
            .filter(p::id.ne_all(kept))
            .set(p::code_mac.eq(None::<HashedToken>))
            .execute(conn)
    }
}
