//! The files for operators: what they name is there.

use std::collections::BTreeSet;

const NAMES: &str = include_str!("../../src/components/metrics/names.rs");
const DATABASE: &str = include_str!("../../src/db/store.rs");
const DASHBOARD: &str = include_str!("../../operations/grafana.json");
const GUIDE: &str = include_str!("../../docs/operations.md");

/// Without what Prometheus puts behind the name of a histogram.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("doorward_"));
    ours.map(|word| word.trim_end_matches("_bucket")).collect()
}

#[test]
fn the_dashboard_and_the_guide_show_numbers_that_exist() {
    let known: BTreeSet<_> = named(NAMES).union(&named(DATABASE)).copied().collect();

    for text in [DASHBOARD, GUIDE] {
        let shown = named(text);
        assert!(shown.len() > 5, "{shown:?}");
        let unknown: Vec<_> = shown.difference(&known).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn the_dashboard_is_json_whose_panels_do_not_overlap() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let place = |panel: &serde_json::Value, side: &str| panel["gridPos"][side].as_u64().unwrap();
    let mut taken = BTreeSet::new();

    for panel in dashboard["panels"].as_array().unwrap() {
        for x in place(panel, "x")..place(panel, "x") + place(panel, "w") {
            for y in place(panel, "y")..place(panel, "y") + place(panel, "h") {
                assert!(x < 24 && taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
    }
}
