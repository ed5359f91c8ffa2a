//! The files that the workers hand each other in the data dir, and the one way to write them.
//!
//! Only this crate spells their names. A file under its final name is complete: it is written
//! under a hidden name in the same folder, flushed to the disk, and renamed.

mod draft;
mod source;

pub use draft::Draft;
pub use source::{Source, identity};

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// One of the files that a year passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The raw CSV, as it lies in the lake but never compressed.
    Bronze,
    /// Where that came from: a hidden file.
    Source,
    /// The flights, typed, without those that have no departure delay.
    Silver,
    /// The rows of bronze that cannot be read; only when there are any.
    Rejected,
    /// One row for each airport and day.
    Gold,
    /// Gold with scores and flags.
    Anomalies,
}

impl File {
    /// Every file of a year, in the order in which they come to be.
    pub const ALL: [File; 6] = [
        File::Bronze,
        File::Source,
        File::Silver,
        File::Rejected,
        File::Gold,
        File::Anomalies,
    ];

    /// The file's name in the data dir, such as `2013_02_silver.parquet`.
    #[must_use]
    pub fn name(self, year: i32) -> String {
        match self {
            File::Bronze => format!("{year}_01_bronze.csv"),
            File::Source => format!(".{year}_01_bronze.source"),
            File::Silver => format!("{year}_02_silver.parquet"),
            File::Rejected => format!("{year}_02_rejected.csv"),
            File::Gold => format!("{year}_03_gold.parquet"),
            File::Anomalies => format!("{year}_04_anomalies.parquet"),
        }
    }

    /// The worker that makes it.
    #[must_use]
    pub fn maker(self) -> &'static str {
        match self {
            File::Bronze | File::Source => "extract",
            File::Silver | File::Rejected => "clean",
            File::Gold => "aggregate",
            File::Anomalies => "detect",
        }
    }
}

/// Where a file of the year lies, or would lie.
#[must_use]
pub fn path(dir: &Path, year: i32, file: File) -> PathBuf {
    dir.join(file.name(year))
}

/// Makes the data dir where it is missing.
///
/// # Errors
/// When it cannot be made.
pub fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| {
        explain(
            e,
            &format!("cannot make the data dir {}", dir.display()),
            dir,
        )
    })
}

/// The path of a file that another worker has made.
///
/// # Errors
/// When it is not there or is no file; the message names the worker that makes it.
pub fn input(dir: &Path, year: i32, file: File) -> Result<PathBuf> {
    let path = path(dir, year, file);
    match fs::metadata(&path) {
        Ok(m) if m.is_file() => Ok(path),
        Ok(_) => bail!("{} is not a file: move it away", path.display()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            bail!(
                "no {}: run {} --year {year} first",
                path.display(),
                file.maker()
            )
        }
        Err(e) => Err(explain(e, &format!("cannot read {}", path.display()), dir)),
    }
}

/// A file that was removed.
#[derive(Debug)]
pub struct Removed {
    /// Its name in the data dir.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes)
    }
}

/// Removes a file, and what a killed worker left of it half written. Waits until the run that has published it is
/// done with it: the next run, which finds no file, would not. One that another process is writing at this moment
/// stays.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn remove(path: &Path) -> Result<Vec<Removed>> {
    let published = removed(draft::remove_published(path), path)?;
    Ok(published.into_iter().chain(tidy(path)?).collect())
}

/// Removes what a killed worker left of a file half written.
///
/// # Errors
/// When there is something, and it cannot be removed.
pub fn tidy(path: &Path) -> Result<Option<Removed>> {
    removed(draft::remove_abandoned(path), path)
}

/// Removes every file of the year, as [`remove`] does.
///
/// # Errors
/// When the data dir cannot be read or a file cannot be removed.
pub fn remove_year(dir: &Path, year: i32) -> Result<Vec<Removed>> {
    let mut all = vec![];
    for file in File::ALL {
        all.extend(remove(&path(dir, year, file))?);
    }
    Ok(all)
}

fn removed(found: io::Result<Option<(PathBuf, u64)>>, path: &Path) -> Result<Option<Removed>> {
    let found = found.map_err(|e| {
        let what = format!("cannot remove {}", path.display());
        explain(e, &what, path.parent().unwrap_or(path))
    })?;
    Ok(found.map(|(path, bytes)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Removed {
            name: name.into(),
            bytes,
        }
    }))
}

/// An error of the data dir: what failed, what a person can do, and the cause.
fn explain(e: io::Error, what: &str, dir: &Path) -> anyhow::Error {
    let advice = advice(&e, dir);
    anyhow::Error::new(e).context(format!("{what}: {advice}"))
}

/// What a person can do where the data dir, or another folder, cannot be used.
#[must_use]
pub fn advice(e: &io::Error, dir: &Path) -> &'static str {
    if matches!(
        e.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return "the disk is full: free some space and run again";
    }
    if e.kind() == io::ErrorKind::FileTooLarge {
        return "no file may be that large: raise the limit (ulimit -f) and run again";
    }
    match fs::metadata(dir) {
        Ok(m) if m.is_dir() => "check its owner, its mode and its disk",
        Ok(_) => "it is not a folder, choose another",
        Err(_) if e.kind() == io::ErrorKind::NotFound => {
            "the folder is missing, create it or choose another"
        }
        Err(_) => "check the owner, the mode and the disk of the folders above it",
    }
}
