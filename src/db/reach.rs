//! How far a piece of work sees: the rows of one tenant, or, for the reasons that stand here and for no other, all.

use crate::base::TenantId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Tenant(TenantId),
    Above(Above),
}

/// Everything that looks past the tenants' walls. Each entry is a promise that what is asked there cannot be led astray by
/// a caller: it goes by a key that belongs to one tenant, or answers nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Above {
    /// Which tenant a host, issuer, origin or client id means; afterwards it is known.
    Doorstep,
    /// A session by its id, from a token that we signed. Several are looked up together, of whatever tenants.
    Session,
    /// A rotation, by a refresh token: sessions by their ids, several together.
    Refresh,
    /// Several people together, each in the tenant that their token names.
    Person,
    /// A public key by its id, before the token that names it is believed.
    Key,
    /// Whom a one-time proof was given to, by its secret.
    Proof,
    /// A person's own way from one tenant to another.
    Switch,
    /// What happened, of all tenants together: which rows, and never what stands in them. Each tenant's own are then
    /// read within it.
    Happened,
    /// The queue: work is claimed, held and ended whosever it is.
    Work,
    /// What nobody asked for: counting, cleaning, writing down what was gathered in memory.
    Housekeeping,
    /// Commands of an operator, and whatever else runs in no tenant.
    Operator,
    /// Nothing is looked up: nodes talk to each other.
    Nodes,
}

impl Reach {
    /// What no caller waits for. It takes half of the connections at most, so that the other half is the callers'.
    pub fn is_nobodys_wish(self) -> bool {
        matches!(self, Self::Above(Above::Happened | Above::Work | Above::Housekeeping))
    }
}
