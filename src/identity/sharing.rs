//! Limits hold for all nodes together: each tells the others a few times a second what it counted, and takes in what
//! they counted. Who is not heard is not waited for; a node that is cut off counts for itself.

use std::time::Duration;

use super::house::House;
use crate::base::RecordId;
use crate::components::limiter::Spent;
use crate::db::Above;

pub const PREFIX: &str = "limits:";
const EACH: Duration = Duration::from_millis(250);
/// PostgreSQL takes less than 8,000 bytes.
const LONGEST: usize = 7_500;

/// Until it is aborted.
pub async fn tell(house: House, node: RecordId) {
    loop {
        tokio::time::sleep(EACH).await;
        let messages = messages(node, &house.limiter.news());
        if messages.is_empty() {
            continue;
        }
        if let Err(error) = house
            .db
            .above(Above::Nodes)
            .read(move |conn| messages.iter().try_for_each(|one| Ok(conn.notify(one)?)))
            .await
        {
            tracing::debug!(%error, "other nodes were not told what was counted");
        }
    }
}

/// `limits:NODE` and then `;class,key,tokens` for each, the key in hexadecimal digits.
fn messages(node: RecordId, spent: &[Spent]) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for Spent { class, key, tokens } in spent {
        let entry = format!(";{class},{},{tokens}", hex::encode(key));
        match messages.last_mut().filter(|last| last.len() + entry.len() <= LONGEST) {
            Some(last) => last.push_str(&entry),
            None => messages.push(format!("{PREFIX}{node}{entry}")),
        }
    }
    messages
}

/// What another node counted; of our own words and of what does not parse, nothing.
pub fn heard(node: RecordId, said: &str) -> Vec<Spent> {
    let mut parts = said.strip_prefix(PREFIX).unwrap_or_default().split(';');
    match parts.next().and_then(|id| id.parse::<RecordId>().ok()) {
        Some(other) if other != node => parts.filter_map(entry).collect(),
        _ => Vec::new(),
    }
}

fn entry(text: &str) -> Option<Spent> {
    let mut parts = text.split(',');
    let (class, key, tokens) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Spent { class: class.to_owned(), key: hex::decode(key).ok()?, tokens: tokens.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(at: u8) -> Spent {
        Spent { class: "guess-address".into(), key: vec![4, 0, 255, at], tokens: u32::from(at) + 1 }
    }

    #[test]
    fn what_is_told_is_heard_by_every_other_node_whole_and_in_messages_that_fit() {
        let (here, there) = (RecordId::new(), RecordId::new());
        let all: Vec<Spent> = (0..=255).chain(0..=255).map(spent).collect();

        let told = messages(here, &all);

        assert!(told.len() > 1 && told.iter().all(|one| one.len() < 8_000), "{}", told.len());
        let heard_there: Vec<Spent> = told.iter().flat_map(|one| heard(there, one)).collect();
        assert_eq!(heard_there, all);
        assert!(told.iter().all(|one| heard(here, one).is_empty()), "it counted its own words");
    }

    #[test]
    fn what_does_not_parse_counts_nothing() {
        let node = RecordId::new();
        for rest in ["", ";", ";a", ";a,zz,1", ";a,0,1", ";a,00,-1", ";a,00,x"] {
            assert!(heard(RecordId::new(), &format!("{PREFIX}{node}{rest}")).is_empty(), "{rest}");
        }
        assert!(heard(node, "limits:somebody;a,00,1").is_empty());
    }
}
