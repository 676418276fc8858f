//! A request or job as the recorder tells it, and the line that people read of it.

use serde_json::Value;

use crate::components::terminal::{Ink, paint};

pub struct Told<'v>(pub &'v Value);

impl<'v> Told<'v> {
    pub fn says(&self, name: &str) -> &'v str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn millis(&self) -> f64 {
        self.0.get("millis").and_then(Value::as_f64).unwrap_or_default()
    }

    pub fn steps(&self) -> impl Iterator<Item = Told<'v>> {
        self.0.get("steps").and_then(Value::as_array).into_iter().flatten().map(Told)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.0.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    pub fn field(&self, name: &str) -> &'v str {
        self.0.get("fields").and_then(|fields| fields.get(name)).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn status(&self) -> Option<u64> {
        self.0.get("fields")?.get("status")?.as_u64()
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.field("outcome"), "refused" | "failed")
    }

    /// `POST /auth/logout`, or `JOB mail.send`.
    pub fn route(&self) -> String {
        match (self.field("method"), self.field("route")) {
            ("", _) => format!("JOB {}", [self.field("event"), self.field("name")].concat()),
            (method, route) => format!("{method} {route}"),
        }
    }

    /// What callers are told, and behind it the reason, which they are not.
    pub fn refusal(&self) -> Option<String> {
        match (self.field("key"), self.field("reason")) {
            ("", _) => None,
            (key, "") => Some(key.to_owned()),
            (key, reason) => Some(format!("{key} ({reason})")),
        }
    }

    /// `14:03:22.120`, cut from the RFC 3339 form.
    pub fn clock(&self) -> String {
        let (_, time) = self.says("at").split_once('T').unwrap_or_default();
        let time = time.trim_end_matches('Z');
        format!("{time:<12.12}")
    }

    pub fn ink(&self) -> Ink {
        match self.field("outcome") {
            "failed" => Ink::Red,
            "refused" => Ink::Yellow,
            _ => Ink::Green,
        }
    }

    pub fn state(&self) -> String {
        self.status().map_or_else(|| self.field("outcome").to_owned(), |status| status.to_string())
    }

    pub fn line(&self) -> String {
        let tenant = if self.says("tenant").is_empty() { "-" } else { self.says("tenant") };
        let state = paint(self.ink(), &format!("{:<6}", self.state()));
        let line = format!(
            "{}  {tenant:<10}  {:<44}  {state}  {:>9}  {}",
            paint(Ink::Dim, &self.clock()),
            self.route(),
            millis(self.millis()),
            paint(Ink::Dim, self.says("id")),
        );
        match self.refusal() {
            Some(refusal) => format!("{line}  {}", paint(self.ink(), &refusal)),
            None => line,
        }
    }
}

pub fn millis(millis: f64) -> String {
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.1} ms") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_when_where_what_how_and_why_not() {
        let event = json!({
            "at": "2026-11-22T14:03:22.120345Z", "id": "0199", "millis": 48.21, "tenant": "demo",
            "fields": { "method": "POST", "route": "/auth/refresh-tokens", "status": 401, "outcome": "refused",
                        "key": "a.b", "reason": "form" },
        });

        let line = Told(&event).line();

        let route = format!("{:<44}", "POST /auth/refresh-tokens");
        assert_eq!(line, format!("14:03:22.120  demo        {route}  401       48.2 ms  0199  a.b (form)"));
    }

    #[test]
    fn a_job_has_no_route_and_no_status() {
        let event = json!({ "at": "", "kind": "job", "fields": { "event": "mail.send", "outcome": "ok" } });

        assert_eq!((Told(&event).route().as_str(), Told(&event).state().as_str()), ("JOB mail.send", "ok"));
    }
}
