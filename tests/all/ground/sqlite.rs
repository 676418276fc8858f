//! A SQLite file for each test: migrated once, kept in memory, written out anew.

use std::sync::OnceLock;

use doorward::base::Timestamp;
use tempfile::TempDir;

pub struct File {
    folder: TempDir,
}

impl File {
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("doorward-test-").unwrap();
        // As the server makes one: its owner's alone.
        doorward::components::database::make_room(&url(&folder)).unwrap();
        std::fs::write(folder.path().join("doorward.db"), template()).unwrap();
        Self { folder }
    }

    pub fn url(&self) -> String {
        url(&self.folder)
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("doorward.db").display())
}

fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = TempDir::with_prefix("doorward-test-").unwrap();
        doorward::db::migrate(&url(&folder), "test", Timestamp::EPOCH).unwrap();
        let log = folder.path().join("doorward.db-wal");
        assert!(
            std::fs::metadata(log).map_or(0, |log| log.len()) == 0,
            "the migrator left rows in the log, and a copy of the file alone would lack them"
        );
        std::fs::read(folder.path().join("doorward.db")).unwrap()
    })
}
