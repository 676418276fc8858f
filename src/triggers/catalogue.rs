//! What can happen: every trigger there is, what it concerns, and what it tells.
//!
//! The list is closed and only grows. A tenant's actions may throw triggers of their own, which begin with `x.`.

use serde_json::{Map, Value, json};

use super::aliases;

/// What begins with it is ours.
pub const RESERVED: &str = "doorward.";
/// What begins with it is a tenant's own.
pub const OWN: &str = "x.";
const LONGEST: usize = 100;

#[derive(Debug)]
pub struct Trigger {
    pub name: &'static str,
    pub about: &'static str,
    /// What sort of thing it happened to.
    pub subject: &'static str,
    /// Members of `data`, each with what it is.
    pub data: &'static [(&'static str, &'static str)],
}

macro_rules! triggers {
    ($($name:literal of $subject:literal: $about:literal { $($member:literal: $what:literal),* })*) => {
        &[$(Trigger { name: $name, about: $about, subject: $subject, data: &[$(($member, $what)),*] }),*]
    };
}

/// Before something is done: an action may say no.
pub const BEFORE: &[Trigger] = triggers! {
    "doorward.action.pre.create" of "action": "Somebody is about to make an action." { "name": "What it is to be called.", "handler": "What it does." }
    "doorward.action.pre.delete" of "action": "Somebody is about to take an action away." {}
    "doorward.action.pre.patch" of "action": "Somebody is about to change an action." { "members": "Which members." }
    "doorward.cronjob.pre.create" of "cronjob": "Somebody is about to make a cron job." { "name": "What it is to be called.", "trigger": "What it throws." }
    "doorward.cronjob.pre.delete" of "cronjob": "Somebody is about to take a cron job away." {}
    "doorward.cronjob.pre.patch" of "cronjob": "Somebody is about to change a cron job." { "members": "Which members." }
    "doorward.inboundWebhook.pre.create" of "inboundWebhook": "Somebody is about to make an inbound webhook." { "name": "What it is to be called.", "trigger": "What its messages throw." }
    "doorward.inboundWebhook.pre.delete" of "inboundWebhook": "Somebody is about to take an inbound webhook away." {}
    "doorward.inboundWebhook.pre.patch" of "inboundWebhook": "Somebody is about to change an inbound webhook." { "members": "Which members." }
    "doorward.invitation.pre.accept" of "invitation": "An invitation is about to be accepted." { "email": "Whose it is.", "emailDomain": "What stands behind the @.", "user": "Who accepts it by a login; null for somebody new." }
    "doorward.invitation.pre.create" of "invitation": "Somebody is about to be invited." { "email": "Who.", "emailDomain": "What stands behind the @.", "roles": "To which roles, by their identifiers." }
    "doorward.invitation.pre.delete" of "invitation": "An invitation is about to be taken back." {}
    "doorward.pack.pre.create" of "pack": "Somebody is about to install a pack." { "name": "What it is called.", "version": "Which version." }
    "doorward.pack.pre.delete" of "pack": "Somebody is about to remove a pack." {}
    "doorward.pack.pre.patch" of "pack": "Somebody is about to bring a pack to another version." { "name": "What it is called.", "version": "Which version." }
    "doorward.role.pre.create" of "role": "Somebody is about to make a role." { "identifier": "What it is to be called." }
    "doorward.role.pre.delete" of "role": "Somebody is about to delete a role." {}
    "doorward.role.pre.give" of "user": "Somebody is about to give a role. Of what actions and invitations give nobody is asked." { "role": "The role's id." }
    "doorward.role.pre.patch" of "role": "What a role holds is about to be changed." { "added": "Permissions to be put in.", "removed": "Permissions to be taken out." }
    "doorward.session.pre.create" of "session": "Somebody who has shown who they are is about to come in." { "user": "Who; null for somebody new who proves an address.", "type": "`password`, `verifyEmail` or `switchTenant`.", "client": "By which client." }
    "doorward.token.pre.create" of "session": "A session is about to get an access token: at its beginning, and whenever it is refreshed. Claims may be added." { "user": "Whose.", "type": "`login`, `refresh`, or `again` where a socket logs in by a token.", "client": "For which client." }
    "doorward.user.pre.create" of "user": "Somebody asks for an account. Asked for known and unknown addresses alike." { "email": "The address.", "emailDomain": "What stands behind the @.", "name": "As they call themselves." }
    "doorward.user.pre.enable" of "user": "Somebody is about to be switched on again." {}
    "doorward.user.pre.patch" of "user": "What is known of somebody is about to be changed, or they ask for another address." { "members": "Which members.", "email": "The address that they ask for.", "emailDomain": "What stands behind its @." }
    "doorward.webhook.pre.create" of "webhook": "Somebody is about to make a webhook." { "listens": "To which triggers." }
    "doorward.webhook.pre.delete" of "webhook": "Somebody is about to take a webhook away." {}
    "doorward.webhook.pre.patch" of "webhook": "Somebody is about to change a webhook." { "members": "Which members." }
};

pub const ALL: &[Trigger] = triggers! {
    "doorward.action.post.create" of "action": "An action was made." { "name": "What it is called." }
    "doorward.action.post.delete" of "action": "An action was taken away." { "name": "What it was called." }
    "doorward.action.post.fail" of "action": "An action came to nothing, after its last attempt." { "run": "Its run's id.", "key": "Why, as a key." }
    "doorward.action.post.patch" of "action": "An action was changed." { "name": "What it is called." }
    "doorward.cronjob.post.create" of "cronjob": "A cron job was made." { "name": "What it is called." }
    "doorward.cronjob.post.delete" of "cronjob": "A cron job was taken away." { "name": "What it was called." }
    "doorward.cronjob.post.patch" of "cronjob": "A cron job was changed." { "name": "What it is called." }
    "doorward.inboundWebhook.post.create" of "inboundWebhook": "An inbound webhook was made." { "name": "What it is called." }
    "doorward.inboundWebhook.post.delete" of "inboundWebhook": "An inbound webhook was taken away." { "name": "What it was called." }
    "doorward.inboundWebhook.post.patch" of "inboundWebhook": "An inbound webhook was changed." { "name": "What it is called." }
    "doorward.invitation.post.accept" of "invitation": "Somebody accepted an invitation." { "user": "Who it is now." }
    "doorward.invitation.post.create" of "invitation": "Somebody was invited." {}
    "doorward.invitation.post.delete" of "invitation": "An invitation was taken back." {}
    "doorward.membership.post.create" of "user": "Somebody who is at home in another tenant became a member." {}
    "doorward.membership.post.delete" of "user": "Somebody who is at home in another tenant is a member no more." {}
    "doorward.pack.post.create" of "pack": "A pack was installed." { "name": "What it is called.", "version": "Which version." }
    "doorward.pack.post.delete" of "pack": "A pack was removed." { "name": "What it was called.", "version": "Which version it was." }
    "doorward.pack.post.patch" of "pack": "A pack was brought to another version." { "name": "What it is called.", "version": "Which version." }
    "doorward.role.post.create" of "role": "A role was made." { "identifier": "What it is called." }
    "doorward.role.post.delete" of "role": "A role was deleted." { "identifier": "What it was called.", "holders": "How many had it." }
    "doorward.role.post.give" of "user": "Somebody got a role." { "role": "The role's id.", "identifier": "What it is called." }
    "doorward.role.post.patch" of "role": "What a role holds changed." { "identifier": "What it is called.", "added": "Permissions put in.", "removed": "Permissions taken out." }
    "doorward.role.post.take" of "user": "Somebody lost a role." { "role": "The role's id.", "identifier": "What it is called." }
    "doorward.session.post.create" of "session": "Somebody logged in." { "user": "Who." }
    "doorward.session.post.delete" of "session": "A session was ended before its time." { "user": "Whose.", "reason": "Why." }
    "doorward.tenant.post.create" of "tenant": "The tenant was made." { "name": "What it is called." }
    "doorward.tenant.post.update" of "tenant": "The tenant's settings changed." {}
    "doorward.user.post.create" of "user": "Somebody signed up, was imported, or accepted an invitation as somebody new." {}
    "doorward.user.post.disable" of "user": "Somebody was switched off." {}
    "doorward.user.post.disableOtp" of "user": "Somebody uses codes by mail no more." {}
    "doorward.user.post.enable" of "user": "Somebody was switched on again." {}
    "doorward.user.post.enableOtp" of "user": "Somebody confirms logins by codes from now on." {}
    "doorward.user.post.patch" of "user": "What is known of somebody changed." {}
    "doorward.user.post.resetPassword" of "user": "Somebody set a new password by a link." {}
    "doorward.user.post.undoEmail" of "user": "Somebody took a change of address back." {}
    "doorward.user.post.updateEmail" of "user": "Somebody changed their address." {}
    "doorward.user.post.updatePassword" of "user": "Somebody changed their password." {}
    "doorward.user.post.verify" of "user": "Somebody showed that the address is theirs." {}
    "doorward.webhook.post.create" of "webhook": "A webhook was made." {}
    "doorward.webhook.post.delete" of "webhook": "A webhook was taken away." {}
    "doorward.webhook.post.patch" of "webhook": "A webhook was changed." {}
};

/// The one at which claims may be added.
pub const TOKEN: &str = "doorward.token.pre.create";

/// By its name; None of one that is a tenant's own.
pub fn find(name: &str) -> Option<&'static Trigger> {
    ALL.iter().chain(BEFORE).find(|trigger| trigger.name == name)
}

impl Trigger {
    /// JSON Schema of what conditions and handlers see of it.
    pub fn schema(&self) -> Value {
        let members: Map<String, Value> = self
            .data
            .iter()
            .map(|(name, what)| ((*name).to_owned(), json!({ "description": what })))
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.about,
            "type": "object",
            "required": ["event", "id", "time", "tenant", "actor", "subject", "data"],
            "properties": {
                "event": { "const": self.name },
                "id": { "type": "string", "description": "The event's own id: the same however often it is told." },
                "time": { "type": "string", "format": "date-time" },
                "sequence": { "type": "string", "description": "Of two events of one subject the greater happened later." },
                "tenant": { "type": "object", "properties": { "id": { "type": "string" }, "name": { "type": "string" } } },
                "actor": { "type": "object", "properties": { "kind": { "type": "string" }, "id": { "type": ["string", "null"] } } },
                "subject": { "type": "object", "properties": { "kind": { "const": self.subject }, "id": { "type": ["string", "null"] } } },
                "data": { "type": "object", "properties": members },
                "user": {
                    "type": "object",
                    "description": "The person whom it concerns, as they are when the action runs.",
                    "properties": {
                        "id": { "type": "string" }, "name": { "type": ["string", "null"] },
                        "email": { "type": ["string", "null"] }, "emailDomain": { "type": ["string", "null"] },
                        "active": { "type": "boolean" }, "roles": { "type": "array", "items": { "type": "string" } },
                    },
                },
            },
        })
    }
}

const HEAD: &str = "# Triggers

What can happen, and so what [an action](actions.md) can listen to. Written from the code; `GET /triggers` gives the same with a JSON
Schema of each. The list only grows. `data` is what is told beside whom it happened to; where it names a `user`, conditions see
that person too.

## Behind it

Told when it is committed, in the order of commits, to actions and [webhooks](webhooks.md).

";

const BEFORE_IT: &str = "
## Before it

Asked while nothing is written yet: the handlers `deny` and `ask` listen to these, and no others. What ends somebody's access
asks nobody: sessions that are ended, people switched off, roles taken away, secrets turned. Nor does what operators do from the
command line.

";

const COLUMNS: &str = "| trigger | when | subject | data |
|---|---|---|---|
";

/// docs/triggers.md.
pub fn page() -> String {
    let line = |trigger: &Trigger| {
        let data = trigger.data.iter().map(|(name, what)| format!("`{name}`: {what}"));
        let data = data.collect::<Vec<_>>().join(" ");
        format!("| `{}` | {} | {} | {data} |\n", trigger.name, trigger.about, trigger.subject)
    };
    let table = |all: &[Trigger]| all.iter().map(line).collect::<String>();
    [HEAD, COLUMNS, &table(ALL), BEFORE_IT, COLUMNS, &table(BEFORE), &aliases::page()].concat()
}

/// Whether an action may listen to this: the name of something that can happen, with `*` for one or more of its words
/// perhaps, or a name of the tenant's own, or one of [`aliases`].
pub fn is_pattern(pattern: &str) -> bool {
    if !is_formed(pattern, true) {
        return false;
    }
    pattern.starts_with(OWN) || ALL.iter().any(|trigger| hears(pattern, trigger.name))
}

/// The same for what is asked before something is done.
pub fn is_point(pattern: &str) -> bool {
    is_formed(pattern, true) && BEFORE.iter().any(|trigger| hears(pattern, trigger.name))
}

/// Whether somebody who listens to this hears that.
pub fn hears(pattern: &str, name: &str) -> bool {
    match aliases::find(pattern) {
        Some(alias) => alias.means.iter().any(|pattern| matches(pattern, name)),
        None => matches(pattern, name),
    }
}

/// Whether a tenant may throw this.
pub fn is_own(name: &str) -> bool {
    name.starts_with(OWN) && is_formed(name, false)
}

fn is_formed(name: &str, with_stars: bool) -> bool {
    let mut words = name.split('.');
    name.len() <= LONGEST
        && name.split('.').nth(1).is_some()
        && words.all(|word| {
            (with_stars && word == "*")
                || (!word.is_empty()
                    && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'))
        })
}

/// Word by word; a star stands for exactly one.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut asked, mut said) = (pattern.split('.'), name.split('.'));
    loop {
        match (asked.next(), said.next()) {
            (None, None) => return true,
            (Some(asked), Some(said)) if asked == "*" || asked == said => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_word() {
        assert!(matches("doorward.user.post.create", "doorward.user.post.create"));
        assert!(matches("doorward.*.post.create", "doorward.user.post.create"));
        assert!(matches("doorward.user.*.*", "doorward.user.post.create"));
        assert!(!matches("doorward.user.*", "doorward.user.post.create"));
        assert!(!matches("doorward.user.post.createX", "doorward.user.post.create"));
        assert!(!matches("doorward.user.post.create", "doorward.user.post.createX"));
    }

    #[test]
    fn what_can_never_happen_is_no_pattern() {
        assert!(is_pattern("doorward.user.post.*") && is_pattern("x.welcome") && is_pattern("x.*"));
        for wrong in [
            "",
            "x",
            "x.",
            "*",
            "doorward.user.post.creat",
            "doorward.*",
            "x..y",
            "y.welcome",
            "x.a b",
            "x.é",
        ] {
            assert!(!is_pattern(wrong), "{wrong}");
        }
        assert!(!is_pattern(&format!("x.{}", "a".repeat(LONGEST))));
    }

    #[test]
    fn a_tenant_throws_only_what_is_its_own() {
        assert!(is_own("x.welcome.sent"));
        for wrong in ["doorward.user.post.create", "x", "x.", "x.*", "X.welcome"] {
            assert!(!is_own(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_list_is_in_order_and_names_each_once() {
        for all in [ALL, BEFORE] {
            assert!(all.windows(2).all(|pair| matches!(pair, [a, b] if a.name < b.name)));
            assert!(all.iter().all(|trigger| trigger.name.starts_with(RESERVED)));
        }
    }
}
