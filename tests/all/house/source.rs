//! The sources as the checks see them.

use std::fs;
use std::path::Path;

pub struct House {
    pub files: Vec<File>,
}

pub struct File {
    /// Below `src/`, as `auth/password/events.rs`.
    pub path: String,
    pub text: String,
    /// The text with comments and the insides of strings blanked; its lines are the text's lines.
    pub code: String,
}

impl House {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        walk(&root, &root, &mut files);
        assert!(files.len() > 5, "there is no house at {}", root.display());
        Self { files }
    }

    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text)).collect() }
    }
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code_of(text) }
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The first part of the path, the ways in with their second: `sessions`, `auth/password`, `app`.
    pub fn room(&self) -> String {
        let parts: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        match parts.as_slice() {
            ["auth", way, _, ..] => format!("auth/{way}"),
            ["auth", way] if *way != "mod" => format!("auth/{way}"),
            [room, ..] => (*room).to_owned(),
            [] => String::new(),
        }
    }

    /// The number of the line on which a place in the text stands.
    pub fn line(&self, at: usize) -> usize {
        self.code.split_at(at).0.lines().count().max(1)
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            walk(root, &entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let path = entry.strip_prefix(root).unwrap().to_str().unwrap();
            files.push(File::new(path, &fs::read_to_string(&entry).unwrap()));
        }
    }
}

/// Blanks line comments and what stands between quotes, so that prose and data are not taken for code.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => string_end(rest),
            'r' if raw_string_end(&code, rest).is_some() => raw_string_end(&code, rest).unwrap_or(1),
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\") => {
                rest.get(2..).and_then(|t| t.find('\'')).map_or(1, |end| end + 3)
            }
            _ => next.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        if piece.len() == next.len_utf8() {
            code.push_str(piece);
        } else {
            code.extend(piece.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string_end(before: &str, text: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let hashes = text.get(1..)?.bytes().take_while(|b| *b == b'#').count();
    let body = text.get(1 + hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(2 + hashes + body.find(&close).map_or(body.len(), |end| end + close.len()))
}
