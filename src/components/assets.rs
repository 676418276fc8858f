//! The few files that pages load, compiled in; all from our own origin.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
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
        hex::encode(sum.as_ref().get(..6).unwrap_or_default())
    }
}

/// The paths with their versions, for links in pages.
pub fn versioned(path: &str) -> String {
    match ALL.iter().find(|asset| asset.path == path) {
        Some(asset) => format!("{path}?v={}", asset.version()),
        None => path.to_owned(),
    }
}

/// With its version in the query a file never changes, so a browser may keep it; without, it asks each time.
pub fn mount(config: &mut ServiceConfig) {
    for asset in ALL {
        config.route(
            asset.path,
            web::get().to(move |request: HttpRequest| async move { asset.answer(&request) }),
        );
    }
}

impl Asset {
    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let version = self.version();
        let tag = format!("\"{version}\"");
        let kept = if request.query_string() == format!("v={version}") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let known =
            request.headers().get("if-none-match").is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(("cache-control", kept))
            .insert_header(("etag", tag))
            .insert_header(("x-content-type-options", "nosniff"))
            .insert_header(("cross-origin-resource-policy", "same-origin"));
        if known { response.finish() } else { response.content_type(self.content_type).body(self.bytes) }
    }
}
