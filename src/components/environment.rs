//! What an environment allows.

use super::config::Environment;

impl Environment {
    pub fn is_development(self) -> bool {
        self == Self::Development
    }

    /// `NAME.localhost` names a tenant.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Development | Self::Test)
    }

    pub fn is_production(self) -> bool {
        self == Self::Production
    }
}
