//! Files that hold a whole database: drawn up under another name, on the disk before they have their own, and with the
//! digest that shows whether one byte of them moved.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::private::private_file;

/// A file for its owner alone, under a name of its own until it is whole; gone if it never is.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    is_put: bool,
}

impl Draft {
    /// Empty. One of the same name was left by a process that died.
    pub fn beside(at: &Path) -> io::Result<Self> {
        let path = beside(at, &format!(".{}.draft", std::process::id()));
        remove(&path);
        private_file().write(true).create_new(true).open(&path)?;
        Ok(Self { path, is_put: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the bytes of another file.
    pub fn fill(&self, from: &Path) -> io::Result<()> {
        let mut to = private_file().write(true).truncate(true).open(&self.path)?;
        io::copy(&mut File::open(from)?, &mut to)?;
        to.sync_all()
    }

    pub fn write(&self, text: &str) -> io::Result<()> {
        private_file().write(true).truncate(true).open(&self.path)?.write_all(text.as_bytes())
    }

    /// Gives it its name, in the place of what had it. A power cut leaves the one or the other, whole.
    pub fn put(mut self, at: &Path) -> io::Result<u64> {
        let file = private_file().write(true).open(&self.path)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(&self.path, at)?;
        self.is_put = true;
        sync_folder(at)?;
        Ok(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_put {
            remove(&self.path);
        }
    }
}

/// With what SQLite may have put beside it.
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        drop(fs::remove_file(beside(path, ending)));
    }
}

/// `doorward.db` and `-wal` make `doorward.db-wal`.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A renamed file is on the disk when its folder is.
pub fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Keeps a database under another name without a moment in which there is none at its own. What SQLite had not yet
/// taken into the file goes with it: applied to another file it would destroy that one.
pub fn keep_aside(file: &Path, aside: &Path) -> io::Result<()> {
    for ending in ["-wal", "-journal"] {
        match fs::rename(beside(file, ending), beside(aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_file(beside(file, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Where the file system knows no links there is a moment without the file; a server would then make an empty one.
    fs::hard_link(file, aside).or_else(|_| fs::rename(file, aside))
}

/// Where the digest of a copy stands.
pub fn digest_of(copy: &Path) -> PathBuf {
    beside(copy, ".sha256")
}

/// SHA-256, in hexadecimal.
pub fn digest(file: &Path) -> io::Result<String> {
    let (mut file, mut context) = (File::open(file)?, Context::new(&SHA256));
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut bytes)?;
        if read == 0 {
            break;
        }
        context.update(bytes.get(..read).unwrap_or_default());
    }
    Ok(hex::encode(context.finish()))
}

/// As `sha256sum -c` reads it.
pub fn digest_line(digest: &str, copy: &Path) -> String {
    let name = copy.file_name().unwrap_or_default().to_string_lossy();
    format!("{digest}  {name}\n")
}

/// Whether a copy is the one its digest was made of; none where no digest lies beside it.
pub fn is_unchanged(copy: &Path) -> io::Result<Option<bool>> {
    match fs::read_to_string(digest_of(copy)) {
        Ok(line) => Ok(Some(line.split_whitespace().next() == Some(digest(copy)?.as_str()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // One that cannot be read as text is no digest.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(false)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn what_is_kept_aside_takes_its_log_with_it_and_leaves_no_moment_without_a_file() {
        let folder = folder();
        let (file, aside) = (folder.path().join("d.db"), folder.path().join("d.db.before"));
        for ending in ["", "-wal", "-shm"] {
            fs::write(beside(&file, ending), ending).unwrap();
        }

        keep_aside(&file, &aside).unwrap();

        let there = |path: &Path, ending| beside(path, ending).exists();
        assert!(there(&file, "") && there(&aside, "") && there(&aside, "-wal"));
        assert!(!there(&file, "-wal") && !there(&file, "-shm"));
    }

    #[test]
    fn a_draft_that_never_becomes_whole_leaves_nothing() {
        let folder = folder();
        let draft = Draft::beside(&folder.path().join("d.db")).unwrap();
        fs::write(beside(draft.path(), "-wal"), "").unwrap();

        drop(draft);

        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_copy_is_held_against_its_digest_where_there_is_one() {
        let folder = folder();
        let copy = folder.path().join("d.db");
        fs::write(&copy, "abc").unwrap();

        let without = is_unchanged(&copy).unwrap();
        fs::write(digest_of(&copy), digest_line(&digest(&copy).unwrap(), &copy)).unwrap();
        let with = is_unchanged(&copy).unwrap();
        fs::write(&copy, "abd").unwrap();

        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  d.db\n";
        assert_eq!(fs::read_to_string(digest_of(&copy)).unwrap(), line);
        assert_eq!((without, with, is_unchanged(&copy).unwrap()), (None, Some(true), Some(false)));
    }
}
