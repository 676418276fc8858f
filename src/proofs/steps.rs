//! What other rooms do with one-time proofs inside their own transactions: mint one, use it up, kill them all.

use std::time::Duration;

use serde_json::Value;

use super::entity::{Proof, Purpose, Spot};
use crate::base::{
    ClientId, Email, Error, HashedToken, PlainToken, ProofId, ProofRequestId, RecordId, Result, TenantId,
    Timestamp, UserId,
};
use crate::components::line::Code;
use crate::components::vault::Vault;
use crate::db::tx::Tx;
use crate::db::{DbConn, Json};
use crate::identity::House;

/// Tries at one code.
pub const TRIES: i32 = 5;
/// Live codes of a purpose and an address.
pub const LIVE: i64 = 3;

const PREFIX: &str = "dwp_1_";
const CODE: &str = "proofs.code";

/// What is to be proven, by whom it was asked, and what will be needed when it is.
#[derive(Debug, Clone)]
pub struct New<'a> {
    pub purpose: Purpose,
    pub address: &'a Email,
    /// Told to the caller by the first answer; a typed code counts only with it.
    pub request: ProofRequestId,
    pub user: Option<UserId>,
    pub subject: Option<RecordId>,
    pub client: Option<ClientId>,
    pub data: Value,
}

/// What goes into the mail, and nowhere else.
#[derive(Debug, Clone)]
pub struct Minted {
    pub id: ProofId,
    pub link: PlainToken,
    pub code: Code,
}

/// What somebody typed, and where.
#[derive(Debug, Clone)]
pub struct Typed {
    pub address: Email,
    pub request: ProofRequestId,
    pub code: String,
}

/// What somebody brings: the link's token, or a code that they typed.
#[derive(Debug, Clone)]
pub enum Presented {
    Link(PlainToken),
    Code(Typed),
}

impl<'a> New<'a> {
    /// Without user and subject it is a decoy, until one of them is filled in.
    pub fn of(purpose: Purpose, address: &'a Email, request: ProofRequestId) -> Self {
        Self {
            purpose,
            address,
            request,
            user: None,
            subject: None,
            client: None,
            data: Value::Object(serde_json::Map::default()),
        }
    }
}

impl Purpose {
    /// How long the link works, and with it the row.
    pub fn link_life(self, house: &House) -> Duration {
        let lifetimes = &house.config.lifetimes;
        match self {
            Self::Invitation => lifetimes.invitation,
            Self::UndoEmail => lifetimes.undo,
            Self::LoginCode => lifetimes.code,
            Self::VerifyAddress | Self::ResetPassword | Self::ConfirmEmail => lifetimes.link,
        }
    }

    /// An invitation and an undo are followed, never typed.
    pub fn has_code(self) -> bool {
        !matches!(self, Self::Invitation | Self::UndoEmail)
    }
}

/// Writes a proof. A decoy costs the same, and no code ever opens it.
pub fn mint(tx: &mut Tx, house: &House, new: New<'_>) -> Result<Minted> {
    let tenant = tenant(tx)?;
    let id = ProofId::new();
    let (link, digits) = (house.random.token(PREFIX), house.random.eight_digits());
    let decoy = new.user.is_none() && new.subject.is_none();
    let mac = if decoy { house.random.bytes32() } else { mac(&house.vault, tenant, id, &digits)? };
    let proof = Proof {
        id,
        tenant_id: tenant,
        purpose: new.purpose,
        token_hash: link.hash(),
        code_mac: new.purpose.has_code().then(|| HashedToken(mac.to_vec())),
        request_id: new.request,
        address: new.address.as_str().to_string(),
        user_id: new.user,
        subject_id: new.subject,
        client_id: new.client,
        data: Json(new.data),
        tries: 0,
        created_at: tx.now,
        expires_at: tx.now + new.purpose.link_life(house),
    };
    proof.insert(tx.conn)?;
    let spot = Spot { tenant, purpose: new.purpose, address: new.address.as_str(), request: new.request };
    spot.strike_older_codes(tx.conn, LIVE)?;
    let code = Code::parse(&digits).ok_or_else(|| Error::internal("eight digits are a code"))?;
    Ok(Minted { id, link, code })
}

/// Whose proof this is, not yet used: their row is locked before the proof is, as everywhere.
pub fn person(
    conn: &mut DbConn,
    of: (TenantId, Purpose),
    presented: &Presented,
    now: Timestamp,
) -> Result<Option<UserId>> {
    Ok(peeked(conn, of, presented, now)?.and_then(|proof| proof.user_id))
}

/// The proof that is meant, neither used nor compared: what it is about, and not that somebody holds it.
pub fn peeked(
    conn: &mut DbConn,
    (tenant, purpose): (TenantId, Purpose),
    presented: &Presented,
    now: Timestamp,
) -> Result<Option<Proof>> {
    let found = match presented {
        Presented::Link(token) => Proof::peek(conn, purpose, &token.hash(), now)?,
        Presented::Code(typed) => {
            let (address, request) = (typed.address.as_str(), typed.request);
            Spot { tenant, purpose, address, request }.any(conn)?
        }
    };
    Ok(found.filter(|proof| proof.tenant_id == tenant))
}

/// Uses up what somebody brought. See [`consume_link`] and [`consume_code`].
pub fn consume(tx: &mut Tx, house: &House, purpose: Purpose, presented: &Presented) -> Result<Option<Proof>> {
    match presented {
        Presented::Link(token) => consume_link(tx, purpose, token),
        Presented::Code(typed) => consume_code(tx, house, purpose, typed),
    }
}

/// Uses a link up, and with it all else of its purpose and address. None for what is unknown, used, expired, of
/// another tenant or for another purpose: nobody learns which.
pub fn consume_link(tx: &mut Tx, purpose: Purpose, token: &PlainToken) -> Result<Option<Proof>> {
    let tenant = tenant(tx)?;
    let taken = Proof::take(tx.conn, (tenant, purpose), &token.hash(), tx.now)?;
    let Some(proof) = taken.filter(|proof| !proof.is_decoy()) else { return Ok(None) };
    Proof::kill(tx.conn, tenant, purpose, &proof.address)?;
    Ok(Some(proof))
}

/// Uses a typed code up, and with it all else of its purpose and address.
///
/// A wrong one is counted, so the caller must let its transaction commit on `None` and refuse afterwards. None for
/// wrong, unknown, expired and exhausted alike, after the same work.
pub fn consume_code(tx: &mut Tx, house: &House, purpose: Purpose, typed: &Typed) -> Result<Option<Proof>> {
    let tenant = tenant(tx)?;
    let (address, request) = (typed.address.as_str(), typed.request);
    let spot = Spot { tenant, purpose, address, request };
    // One at once, also where expiry has not been reached: `since` is the birth of the oldest code that still works.
    let rows = spot.try_once(tx.conn, TRIES, tx.now - house.config.lifetimes.code)?;
    let mut right = None;
    if rows.is_empty() {
        house.vault.mac_matches(CODE, Some(tenant), &told(ProofId::new(), &typed.code), &[0; 32])?;
    }
    for proof in rows {
        let tag = proof.code_mac.as_ref().map_or(&[][..], |mac| &mac.0);
        let matches = house.vault.mac_matches(CODE, Some(tenant), &told(proof.id, &typed.code), tag)?;
        if matches && !proof.is_decoy() && proof.expires_at > tx.now {
            right = Some(proof);
        }
    }
    let Some(proof) = right else { return Ok(None) };
    // Who lost the race for the row finds it gone.
    if !Proof::remove(tx.conn, proof.id)? {
        return Ok(None);
    }
    Proof::kill(tx.conn, tenant, purpose, address)?;
    Ok(Some(proof))
}

/// Whatever a person has outstanding, in every tenant: after a change of password or address, or a disabling. An undo
/// that the true owner holds stays, or a thief could take it away.
pub fn kill_all(tx: &mut Tx, user: UserId) -> Result<usize> {
    Ok(Proof::kill_of_user(tx.conn, user, &[Purpose::UndoEmail])?)
}

/// Every proof about one sign-up, invitation or pending login.
pub fn kill_about(tx: &mut Tx, subject: RecordId) -> Result<usize> {
    let tenant = tenant(tx)?;
    Ok(Proof::kill_of_subject(tx.conn, tenant, subject)?)
}

/// Everything of one purpose for an address.
pub fn kill_of(tx: &mut Tx, purpose: Purpose, address: &Email) -> Result<usize> {
    let tenant = tenant(tx)?;
    Ok(Proof::kill(tx.conn, tenant, purpose, address.as_str())?)
}

fn tenant(tx: &Tx) -> Result<TenantId> {
    tx.tenant().ok_or_else(|| Error::internal("a proof outside any tenant"))
}

/// With the row's id, so that one code's tag opens no other row.
fn told(id: ProofId, code: &str) -> Vec<u8> {
    [id.as_bytes(), code.as_bytes()].concat()
}

fn mac(vault: &Vault, tenant: TenantId, id: ProofId, code: &str) -> Result<[u8; 32]> {
    vault.mac(CODE, Some(tenant), &told(id, code))
}
