//! What is thrown stands in the catalogue, and what stands there is thrown.

use std::collections::BTreeSet;

use doorward::triggers::catalogue::{ALL, BEFORE};

use super::source::{File, House};

/// Where the list itself stands, and what others call it: names in them are not thrown.
const LISTS: [&str; 2] = ["triggers/catalogue.rs", "triggers/aliases.rs"];

fn thrown(house: &House) -> BTreeSet<String> {
    let files = house.files.iter().filter(|file| !LISTS.contains(&file.path.as_str()));
    files.flat_map(names).collect()
}

/// Every `"doorward.THING.post.VERB"`, and every one with `pre`.
fn names(file: &File) -> Vec<String> {
    let quoted = file.text.split('"').filter(|text| text.starts_with("doorward."));
    let quoted = quoted.filter(|text| text.contains(".post.") || text.contains(".pre."));
    quoted.filter(|text| text.split('.').count() == 4).map(str::to_owned).collect()
}

#[test]
fn every_trigger_that_is_thrown_is_in_the_catalogue_and_no_other() {
    let listed: BTreeSet<String> = ALL.iter().chain(BEFORE).map(|trigger| trigger.name.to_owned()).collect();
    let thrown = thrown(&House::read());

    assert_eq!(listed, thrown);
    let other =
        super::house_with("users/steps.rs", r#"Happened::new("doorward.user.post.dance", "user", id)"#);
    assert!(names(&other.files[0]).contains(&"doorward.user.post.dance".to_owned()));
}
