//! A file that is being written, until it is published under its final name.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::File;

/// Readable for the user of another container on the same volume, writable for its group.
const MODE: u32 = 0o664;

/// A file of the year that is being written under a hidden name beside its final one.
///
/// A lock held on it keeps two runs of one worker for one year apart: the second waits. What a
/// killed worker leaves behind is written over by the next run and removed by `cleanup`. Dropped
/// without [`Draft::publish`], it is removed.
pub struct Draft {
    file: fs::File,
    hidden: PathBuf,
    target: PathBuf,
    published: bool,
}

pub(crate) fn hidden_name(year: i32, file: File) -> String {
    format!(".{}.unfinished", file.name(year))
}

impl Draft {
    /// Begins to write `file` of the year in the folder `dir`.
    ///
    /// # Errors
    /// When the folder is missing or cannot be written.
    pub fn create(dir: &Path, year: i32, file: File) -> Result<Self> {
        let hidden = dir.join(hidden_name(year, file));
        let file_of_ours = lock(&hidden).with_context(|| {
            format!(
                "cannot write into {}: {}",
                dir.display(),
                crate::advice(dir)
            )
        })?;
        let target = crate::path(dir, year, file);
        Ok(Draft {
            file: file_of_ours,
            hidden,
            target,
            published: false,
        })
    }

    /// Sets the time of last change that the published file will have.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn set_modified(&self, time: SystemTime) -> Result<()> {
        let done = self.file.set_modified(time);
        done.with_context(|| format!("cannot set the time of {}", self.hidden.display()))
    }

    /// Throws away what was written so far.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn restart(&mut self) -> Result<()> {
        let emptied = self
            .file
            .set_len(0)
            .and_then(|()| io::Seek::rewind(&mut self.file));
        emptied.with_context(|| format!("cannot empty {}", self.hidden.display()))
    }

    /// Flushes the file to the disk and gives it its final name; returns that path and the size in
    /// bytes.
    ///
    /// # Errors
    /// When the disk is full or fails; nothing is then under the final name that was not before.
    pub fn publish(mut self) -> Result<(PathBuf, u64)> {
        let bytes = self
            .file
            .set_permissions(fs::Permissions::from_mode(MODE))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.hidden, &self.target))
            .and_then(|()| {
                fs::File::open(self.target.parent().unwrap_or(Path::new(".")))?.sync_all()
            })
            .and_then(|()| Ok(self.file.metadata()?.len()))
            .with_context(|| format!("cannot publish {}", self.target.display()))?;
        self.published = true;
        Ok((self.target.clone(), bytes))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => io::Error::new(
                e.kind(),
                format!(
                    "{}: {e}: free some space and run again",
                    self.target.display()
                ),
            ),
            _ => e,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.hidden);
        }
    }
}

/// Opens the hidden file, empty, with the lock held.
fn lock(hidden: &Path) -> io::Result<fs::File> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(hidden)?;
        file.lock()?;
        // Whoever held the lock before may have renamed or removed the file meanwhile.
        if is_at(&file, hidden)? {
            file.set_len(0)?;
            return Ok(file);
        }
    }
}

fn is_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Whether a hidden file is there that nobody is writing.
pub(crate) fn is_abandoned(hidden: &Path) -> Result<bool> {
    let held = OpenOptions::new()
        .write(true)
        .open(hidden)
        .map(|f| f.try_lock());
    match held {
        Ok(Ok(())) => Ok(true),
        Ok(Err(TryLockError::WouldBlock)) => Ok(false),
        Ok(Err(TryLockError::Error(e))) => {
            Err(e).with_context(|| format!("cannot lock {}", hidden.display()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).with_context(|| format!("cannot open {}", hidden.display())),
    }
}
