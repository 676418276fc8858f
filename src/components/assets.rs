//! The few files that pages load, compiled in; all from our own origin.

use aws_lc_rs::digest::{SHA256, digest};

pub struct Asset {
    pub path: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
}

pub const ALL: &[Asset] = &[
    Asset {
        path: "/assets/doorward.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/doorward.css"),
    },
    Asset {
        path: "/assets/development.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/development.css"),
    },
    Asset {
        path: "/assets/inbox.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/inbox.js"),
    },
    Asset {
        path: "/assets/door.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../../assets/door.svg"),
    },
];

impl Asset {
    /// For `ETag`, and for `?v=`: with it a browser may keep the file for ever.
    pub fn version(&self) -> String {
        let sum = digest(&SHA256, self.bytes);
        sum.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The paths with their versions, for links in pages.
pub fn versioned(path: &str) -> String {
    match ALL.iter().find(|asset| asset.path == path) {
        Some(asset) => format!("{path}?v={}", asset.version()),
        None => path.to_owned(),
    }
}
