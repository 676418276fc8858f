//! The event names of the Common Gateway, which those who come from there have written down: accepted where something here
//! means the same.

/// What begins with it is one of these names.
const THEIRS: &str = "commongateway.";

#[derive(Debug)]
pub struct Alias {
    pub name: &'static str,
    /// Patterns of ours. None: nothing of the kind is told here.
    pub means: &'static [&'static str],
    /// Why nothing is told.
    about: &'static str,
}

const fn alias(name: &'static str, means: &'static [&'static str]) -> Alias {
    Alias { name, means, about: "" }
}

const fn none(name: &'static str, about: &'static str) -> Alias {
    Alias { name, means: &[], about }
}

const FLUSH: &str = "What is written together is told one by one.";
const UPGRADE: &str = "A server is upgraded by its operator; its tenants are not told.";

/// As they are spelt there.
pub const ALL: &[Alias] = &[
    alias("commongateway.object.pre.create", &["doorward.*.pre.create"]),
    alias("commongateway.object.post.create", &["doorward.*.post.create"]),
    none("commongateway.object.post.read", "Nothing is told of what is only looked at."),
    alias("commongateway.object.pre.update", &["doorward.*.pre.patch"]),
    alias("commongateway.object.post.update", &["doorward.*.post.patch", "doorward.*.post.update"]),
    alias("commongateway.object.pre.delete", &["doorward.*.pre.delete"]),
    alias("commongateway.object.post.delete", &["doorward.*.post.delete"]),
    none("commongateway.object.pre.flush", FLUSH),
    none("commongateway.object.post.flush", FLUSH),
    none("commongateway.installer.pre.upgrade", UPGRADE),
    none("commongateway.installer.post.upgrade", UPGRADE),
    none("commongateway.initilizer.pre.upgrade", UPGRADE),
    none("commongateway.initilizer.post.upgrade", UPGRADE),
    alias("commongateway.plugin.pre.install", &["doorward.pack.pre.create"]),
    alias("commongateway.plugin.post.install", &["doorward.pack.post.create"]),
    alias("commongateway.plugin.pre.upgrade", &["doorward.pack.pre.patch"]),
    alias("commongateway.plugin.post.upgrade", &["doorward.pack.post.patch"]),
    alias("commongateway.plugin.pre.remove", &["doorward.pack.pre.delete"]),
    alias("commongateway.plugin.post.remove", &["doorward.pack.post.delete"]),
];

pub fn find(pattern: &str) -> Option<&'static Alias> {
    // Asked for each listener of each event: most are not of these.
    if !pattern.starts_with(THEIRS) {
        return None;
    }
    ALL.iter().find(|alias| alias.name == pattern)
}

const HEAD: &str = "
## Names of the Common Gateway

Whoever comes from there may go on listening to these names; what is told is what is told here, under its name here.

| there | here |
|---|---|
";

/// The end of docs/triggers.md.
pub fn page() -> String {
    let line = |alias: &Alias| {
        let means = alias.means.iter().map(|means| format!("`{means}`")).collect::<Vec<_>>().join(", ");
        let here = if means.is_empty() { format!("Refused. {}", alias.about) } else { means };
        format!("| `{}` | {here} |\n", alias.name)
    };
    [HEAD, &ALL.iter().map(line).collect::<String>()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::catalogue::{hears, is_pattern, is_point};

    #[test]
    fn the_nineteen_names_are_known_and_those_that_mean_something_are_heard() {
        assert_eq!(ALL.len(), 19);
        for alias in ALL {
            let is_heard = is_pattern(alias.name) || is_point(alias.name);
            assert_eq!(is_heard, !alias.means.is_empty(), "{}", alias.name);
        }
        assert!(hears("commongateway.object.post.update", "doorward.tenant.post.update"));
        assert!(hears("commongateway.object.post.create", "doorward.session.post.create"));
        assert!(!hears("commongateway.object.post.create", "doorward.session.pre.create"));
        assert!(!hears("commongateway.object.post.read", "doorward.user.post.create"));
    }

    #[test]
    fn a_name_of_theirs_is_for_before_or_for_after() {
        assert!(
            is_point("commongateway.object.pre.create") && !is_pattern("commongateway.object.pre.create")
        );
        assert!(
            is_pattern("commongateway.object.post.create") && !is_point("commongateway.object.post.create")
        );
        assert!(!is_pattern("commongateway.object.post.*"));
    }
}
