//! Every test ends with `doorward verify`: whatever it did, it left the database by the rules.

use std::sync::Mutex;

use doorward::components::Clock;
use doorward::components::vault::{MasterKey, Vault};
use doorward::management::entity::{canary, rules};

use super::Ground;
use super::app::{MASTER, START};

#[derive(Default)]
pub struct Sound {
    clock: Mutex<Option<Clock>>,
    excuse: Mutex<Option<&'static str>>,
}

impl Ground {
    /// The time that the test's servers have.
    pub fn goes_by(&self, clock: &Clock) {
        *self.sound.clock.lock().unwrap() = Some(clock.clone());
    }

    /// For a test that bends rows itself, with its reason.
    pub fn leave_unsound(&self, excuse: &'static str) {
        *self.sound.excuse.lock().unwrap() = Some(excuse);
    }

    pub fn assert_sound(&self) {
        if self.sound.excuse.lock().unwrap().is_some() {
            return;
        }
        let now = self.sound.clock.lock().unwrap().as_ref().map_or(START, Clock::now);
        let mut conn = self.connect();
        let vault = Vault::new(&[MasterKey::from_bytes(&MASTER)]).unwrap();
        // Sealed by a server that had another key: then only the rest is looked at.
        let ours = canary(&mut conn).unwrap().is_some_and(|sealed| vault.check_canary(&sealed).is_ok());
        let mut faults = rules::faults(&mut conn, ours.then_some(&vault), now).unwrap();
        // A clock that leaps over days leaves what the clean-up had no time for.
        faults.retain(|fault| !fault.is_late);
        assert!(faults.is_empty(), "the test left an unsound database: {faults:#?}");
    }
}
