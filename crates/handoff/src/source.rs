//! Where the copy of bronze came from: a hidden file beside it, in JSON.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{Draft, File, path};

/// What the copy of bronze in the data dir is a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The lake, by a name that does not depend on the folder in which a worker was started.
    pub lake: String,
    /// What a person calls the object: `s3://bucket/key` or a path.
    pub object: String,
    /// The object's ETag, size and time of change: another version has another text.
    pub version: String,
    /// The copy's content.
    pub identity: String,
    /// Which file the record is about.
    copy: Stamp,
}

/// A file's size and time of change: they differ where somebody has put another file in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    modified_ns: u64,
}

impl Stamp {
    fn of(copy: &Path) -> Result<Self> {
        let found = fs::metadata(copy)?;
        let modified = found.modified()?.duration_since(UNIX_EPOCH)?;
        Ok(Stamp {
            bytes: found.len(),
            modified_ns: u64::try_from(modified.as_nanos())?,
        })
    }
}

impl Source {
    /// The record about the copy that is in the data dir, if there is one.
    #[must_use]
    pub fn read(dir: &Path, year: i32) -> Option<Self> {
        let text = fs::read(path(dir, year, File::Source)).ok()?;
        let source: Source = serde_json::from_slice(&text).ok()?;
        let copy = Stamp::of(&path(dir, year, File::Bronze)).ok()?;
        (source.copy == copy).then_some(source)
    }

    /// Writes the record about the copy that has just been published.
    ///
    /// # Errors
    /// When the copy is not there any more, or the data dir cannot be written.
    pub fn write(
        dir: &Path,
        year: i32,
        lake: String,
        object: String,
        version: String,
        identity: String,
    ) -> Result<()> {
        let copy = path(dir, year, File::Bronze);
        let copy =
            Stamp::of(&copy).with_context(|| format!("cannot look at {}", copy.display()))?;
        let source = Source {
            lake,
            object,
            version,
            identity,
            copy,
        };
        let mut draft = Draft::create(dir, year, File::Source)?;
        draft.write_all(&serde_json::to_vec(&source)?)?;
        draft.publish()?;
        Ok(())
    }

    /// The size of the copy in bytes.
    #[must_use]
    pub fn copy_bytes(&self) -> u64 {
        self.copy.bytes
    }
}

/// The identity of a raw file: its CRC-32 and its size in bytes.
#[must_use]
pub fn identity(crc32: u32, bytes: u64) -> String {
    format!("{crc32:08x}-{bytes}")
}
