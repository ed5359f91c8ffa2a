//! A file that is being written, until it is published under its final name.

use std::ffi::OsString;
use std::fs::{self, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::File;

/// Readable for the user of another container on the same volume, writable for its group.
const MODE: u32 = 0o664;

/// A file of the year that is being written under a hidden name beside its final one.
///
/// The lock on it keeps two runs of one worker for one year apart: the second waits until the draft
/// of the first is dropped, so that what the first still does with the published file is done too.
/// Whoever holds the lock, and nobody else, may rename or remove the hidden file. What a killed
/// worker leaves behind is removed by the next run or by `cleanup`. Dropped without
/// [`Draft::publish`], it is removed.
pub struct Draft {
    file: fs::File,
    hidden: PathBuf,
    target: PathBuf,
    published: bool,
}

/// Where a file is while it is being written.
fn hidden(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".unfinished");
    target.with_file_name(name)
}

impl Draft {
    /// Begins to write `file` of the year in the folder `dir`.
    ///
    /// # Errors
    /// When the folder is missing or cannot be written.
    pub fn create(dir: &Path, year: i32, file: File) -> Result<Self> {
        Draft::of(&crate::path(dir, year, file))
    }

    /// Begins to write any file that has to be whole whenever somebody sees it.
    ///
    /// # Errors
    /// When its folder is missing or cannot be written.
    pub fn of(target: &Path) -> Result<Self> {
        let (dir, hidden, target) = (folder(target), hidden(target), target.to_owned());
        let locked = lock(&hidden, &target)
            .map_err(|e| crate::explain(e, &format!("cannot write into {}", dir.display()), dir))?;
        Ok(Draft {
            file: locked,
            hidden,
            target,
            published: false,
        })
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
    /// When the disk is full or fails; the final name then has what it had before, or the whole of
    /// the new file.
    pub fn publish(&mut self) -> Result<(PathBuf, u64)> {
        let bytes = self.rename().map_err(|e| {
            let what = format!("cannot publish {}", self.target.display());
            crate::explain(e, &what, folder(&self.target))
        })?;
        Ok((self.target.clone(), bytes))
    }

    fn rename(&mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        let folder = fs::File::open(folder(&self.target))?;
        if !is_at(&self.file, &self.hidden)? {
            return Err(io::Error::other("its draft was removed: run again"));
        }
        fs::rename(&self.hidden, &self.target)?;
        self.published = true;
        folder.sync_all()?;
        Ok(bytes)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| {
            let advice = crate::advice(&e, folder(&self.target));
            let text = format!("{}: {advice}: {e}", self.target.display());
            io::Error::new(e.kind(), text)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = remove_locked(&self.file, &self.hidden);
        }
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// Makes the hidden file, and locks it.
fn lock(hidden: &Path, target: &Path) -> io::Result<fs::File> {
    loop {
        let file = match fs::File::create_new(hidden) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                // Another run is writing it, or was killed.
                if let Some(other) = open(hidden)? {
                    wait(&other)?;
                    remove_locked(&other, hidden)?;
                }
                continue;
            }
            Err(e) => return Err(e),
        };
        match prepare(&file, hidden, target) {
            Ok(true) => return Ok(file),
            Ok(false) => {}
            Err(e) => {
                let _ = remove_locked(&file, hidden);
                return Err(e);
            }
        }
    }
}

/// Locks the hidden file that was made, and waits for its turn; `false` where another run has removed it.
fn prepare(file: &fs::File, hidden: &Path, target: &Path) -> io::Result<bool> {
    file.lock()?;
    // Another run may have taken it for one that was left behind.
    if !is_at(file, hidden)? {
        return Ok(false);
    }
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    // The run that has published may not be done yet.
    if let Ok(Some(published)) = open(target) {
        wait(&published)?;
    }
    Ok(true)
}

/// Opens a file, if it is there. Anything else may make us wait for ever, or lead elsewhere.
fn open(path: &Path) -> io::Result<Option<fs::File>> {
    let opened = fs::symlink_metadata(path).and_then(|found| {
        if found.is_file() {
            // NFS locks only what may be written.
            let writable = fs::OpenOptions::new().read(true).write(true).open(path);
            return writable.or_else(|_| fs::File::open(path));
        }
        let text = format!("{} is not a file: move it away", path.display());
        Err(io::Error::other(text))
    });
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn wait(file: &fs::File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            log::info!("waiting for another run of this year");
            file.lock()
        }
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Removes a locked file by its name, unless another one has it meanwhile.
fn remove_locked(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = is_at(file, path)?;
    if ours {
        fs::remove_file(path)?;
    }
    Ok(ours)
}

fn is_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Removes a published file, or a link in its place, once no draft of it is held; returns it and its size in bytes.
pub(crate) fn remove_published(path: &Path) -> io::Result<Option<(PathBuf, u64)>> {
    loop {
        let found = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let removed = Some((path.to_owned(), found.len()));
        match open(path) {
            Ok(Some(file)) => {
                wait(&file)?;
                if remove_locked(&file, path)? {
                    return Ok(removed);
                }
            }
            Ok(None) => return Ok(None),
            // Nothing that a run of ours could hold.
            Err(e) => return fs::remove_file(path).map(|()| removed).map_err(|_| e),
        }
    }
}

/// Removes what a killed worker left of a file, and nobody is writing; returns its path and its size in bytes.
pub(crate) fn remove_abandoned(target: &Path) -> io::Result<Option<(PathBuf, u64)>> {
    let hidden = hidden(target);
    let Some(file) = open(&hidden)? else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(e),
    }
    let bytes = file.metadata()?.len();
    Ok(remove_locked(&file, &hidden)?.then_some((hidden, bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const YEAR: i32 = 2013;

    fn draft(dir: &Path) -> Draft {
        Draft::create(dir, YEAR, File::Gold).unwrap()
    }

    /// Beside runs that are killed and cleanups that remove what they leave, whatever is published
    /// is whole.
    #[test]
    fn a_file_under_its_final_name_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = crate::path(dir.path(), YEAR, File::Gold);
        std::thread::scope(|scope| {
            let (done, finished) = mpsc::channel::<()>();
            for letter in b'a'..b'e' {
                let (dir, done) = (dir.path(), done.clone());
                scope.spawn(move || {
                    for _ in 0..50 {
                        let mut draft = draft(dir);
                        for _ in 0..4 {
                            draft.write_all(&[letter; 10]).unwrap();
                            std::thread::yield_now();
                        }
                        let (path, bytes) = draft.publish().unwrap();
                        assert_eq!(bytes, 40);
                        assert_eq!(fs::read(path).unwrap(), [letter; 40]);
                    }
                    drop(done);
                });
            }
            drop(done);
            while finished.recv_timeout(Duration::ZERO) == Err(mpsc::RecvTimeoutError::Timeout) {
                remove_abandoned(&target).unwrap();
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// It may be another user's, whose file we may remove but not write.
    #[test]
    fn what_a_killed_run_left_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let target = crate::path(dir.path(), YEAR, File::Gold);
        let hidden = hidden(&target);
        fs::write(&hidden, "left behind").unwrap();
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o444)).unwrap();
        let left = fs::File::open(&hidden).unwrap();
        let draft = draft(dir.path());
        assert_eq!(io::read_to_string(left).unwrap(), "left behind");
        assert!(is_at(&draft.file, &hidden).unwrap());
        let mode = fs::metadata(&hidden).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, MODE);
    }

    #[test]
    fn the_second_run_waits_until_the_first_is_done_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (send, receive) = mpsc::channel();
        let mut first = draft(dir.path());
        std::thread::scope(|scope| {
            scope.spawn(|| send.send(draft(dir.path()).published));
            let soon = Duration::from_millis(50);
            assert!(receive.recv_timeout(soon).is_err());
            first.publish().unwrap();
            assert!(receive.recv_timeout(soon).is_err());
            drop(first);
            assert!(receive.recv_timeout(Duration::from_secs(5)).is_ok());
        });
    }

    /// Else the next run would find no file, and not wait.
    #[test]
    fn a_published_file_is_removed_once_its_run_is_done_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (send, receive) = mpsc::channel();
        let mut first = draft(dir.path());
        let (path, _) = first.publish().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| send.send(remove_published(&path).unwrap()));
            assert!(receive.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            let removed = receive.recv_timeout(Duration::from_secs(5));
            assert_eq!(removed, Ok(Some((path.clone(), 0))));
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_draft_that_was_removed_publishes_nothing_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = draft(dir.path());
        fs::remove_file(&first.hidden).unwrap();
        let mut second = draft(dir.path());
        assert!(first.publish().is_err());
        drop(first);
        second.publish().unwrap();
    }
}
