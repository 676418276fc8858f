//! The house rules that no compiler knows, read off `src/` as text. The list of floors is the architecture.

mod floors;
mod manners;
mod source;
mod triggers;

use source::House;

/// A house with one thing wrong in it shows that a check still bites.
fn house_with(path: &str, text: &str) -> House {
    House::of(&[(path, text)])
}

#[track_caller]
fn assert_clean(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
