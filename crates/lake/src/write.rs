//! Writing a whole file as one object: readers see the old object or the new one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use handoff::Draft;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::{AT_ONCE, Lake, LakeUrl, PART, PAUSES, RETRY};

impl Lake {
    /// Writes the file at `path` under `key`, in place of what is there; returns what a person
    /// calls the object.
    ///
    /// # Errors
    /// When the file cannot be read, the lake refuses, or the object's size does not come out.
    pub fn write(&self, path: &Path, key: &str) -> Result<String> {
        let key = self.key(key);
        let place = self.place(&key);
        // Another run's cleanup may just have removed it.
        let mut file = File::open(path)
            .with_context(|| format!("cannot read {}: run again", path.display()))?;
        let size = file.metadata()?.len();
        if let LakeUrl::Folder(dir) = &self.url {
            let target = dir.join(key.as_ref());
            let there = fs::metadata(&target).map(|there| (there.dev(), there.ino()));
            let ours = file.metadata().map(|ours| (ours.dev(), ours.ino()))?;
            ensure!(
                there.ok() != Some(ours),
                "{} is the lake's own: choose a data dir outside the lake",
                path.display()
            );
            let written = write_file(&mut file, &target);
            let written = written.with_context(|| format!("cannot write {place}"))?;
            ensure!(
                written == size,
                "{place} has {written} bytes, not {size}: run again"
            );
            return Ok(place);
        }
        let failed = |e| self.explain(e, &format!("cannot write {place}"));
        if size <= PART {
            let whole = next_part(&mut file, path)?;
            self.ask(|| self.store.put(&key, whole.clone()))
                .map_err(failed)?;
        } else {
            self.write_in_parts(&mut file, path, &key, &place)?;
        }
        let stored = self.head(&key)?.size();
        ensure!(
            stored == size,
            "{place} has {stored} bytes, not {size}: run again"
        );
        Ok(place)
    }

    /// Uploads the parts and has them put together. When the answer to that is lost, it is not known whether it was
    /// done, and who asks again may hear that there is no such upload: so it is begun anew.
    fn write_in_parts(&self, file: &mut File, path: &Path, key: &Key, place: &str) -> Result<()> {
        let failed = |e| self.explain(e, &format!("cannot write {place}"));
        let start = Instant::now();
        let mut pauses = PAUSES.into_iter();
        loop {
            file.rewind()?;
            let upload = self.ask(|| self.store.put_multipart(key));
            let mut upload = upload.map_err(failed)?;
            if let Err(e) = self.send(&mut *upload, file, path, place) {
                self.call_off(&mut *upload, place);
                return Err(e);
            }
            let Err(error) = self.runtime.block_on(upload.complete()) else {
                return Ok(());
            };
            self.call_off(&mut *upload, place);
            let in_time = start.elapsed() < RETRY;
            let Some(pause) = pauses.next().filter(|_| in_time) else {
                return Err(failed(error));
            };
            log::debug!("{place}: {error}: uploading it anew");
            thread::sleep(pause);
        }
    }

    /// The error before it is the one to tell; what the lake says of this is not.
    fn call_off(&self, upload: &mut dyn MultipartUpload, place: &str) {
        if let Err(e) = self.runtime.block_on(upload.abort()) {
            log::debug!("{place}: the upload could not be called off: {e}");
        }
    }

    fn send(
        &self,
        upload: &mut dyn MultipartUpload,
        file: &mut File,
        path: &Path,
        place: &str,
    ) -> Result<()> {
        let failed = |e| self.explain(e, &format!("cannot write {place}"));
        self.runtime.block_on(async {
            let mut under_way = tokio::task::JoinSet::new();
            loop {
                let part = next_part(file, path)?;
                if part.content_length() == 0 {
                    break;
                }
                under_way.spawn(upload.put_part(part));
                if under_way.len() >= AT_ONCE {
                    finished(under_way.join_next().await).map_err(failed)?;
                }
            }
            while let Some(one) = under_way.join_next().await {
                finished(Some(one)).map_err(failed)?;
            }
            Ok(())
        })
    }
}

/// Copies a file to its place in a folder; two runs that share the folder take turns. Returns its size.
fn write_file(file: &mut File, target: &Path) -> Result<u64> {
    let folder = target.parent().unwrap_or(target);
    if let Err(e) = make_folders(folder) {
        let advice = handoff::advice(&e, folder);
        let what = format!("cannot make {}: {advice}", folder.display());
        return Err(anyhow::Error::new(e).context(what));
    }
    let mut out = BufWriter::with_capacity(1 << 20, Draft::of(target)?);
    io::copy(file, &mut out)?;
    let mut draft = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(draft.publish()?.1)
}

/// Makes a folder and those above it, each flushed to the disk in the one that holds it.
fn make_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|f| !f.exists()).collect();
    fs::create_dir_all(folder)?;
    for above in missing.iter().filter_map(|made| made.parent()) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

type Joined = Option<Result<object_store::Result<()>, tokio::task::JoinError>>;

fn finished(part: Joined) -> object_store::Result<()> {
    match part {
        Some(Ok(sent)) => sent,
        Some(Err(source)) => Err(object_store::Error::JoinError { source }),
        None => Ok(()),
    }
}

fn next_part(file: &mut File, path: &Path) -> Result<PutPayload> {
    let mut part = Vec::with_capacity(PART as usize);
    let read = file.take(PART).read_to_end(&mut part);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(part.into())
}
