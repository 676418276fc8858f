//! Packs the files of the API viewer that are served: a tenth of what its archive unfolds to.

use std::env;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const SERVED: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var("OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SERVED {
        let end = format!("/dist/{name}");
        let inside = archive.file_names().flatten().find(|path| path.ends_with(&end));
        let inside = inside.ok_or(name)?.into_owned();
        let packed = File::create(Path::new(&folder).join(format!("{name}.gz")))?;
        let mut packed = GzEncoder::new(packed, Compression::best());
        io::copy(&mut archive.by_name(&inside)?, &mut packed)?;
        packed.finish()?;
    }
    Ok(())
}
