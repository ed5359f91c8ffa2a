//! Writing a whole file as one object: readers see the old object or the new one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::{AT_ONCE, Lake, LakeUrl, PART};

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
            remove_unfinished(&dir.join(key.as_ref()))
                .with_context(|| format!("cannot tidy up beside {place}"))?;
        }
        let failed = |e| self.explain(e, &format!("cannot write {place}"));
        if size <= PART {
            let whole = next_part(&mut file, path)?;
            self.ask(|| self.store.put(&key, whole.clone()))
                .map_err(failed)?;
        } else {
            let mut upload = self
                .ask(|| self.store.put_multipart(&key))
                .map_err(failed)?;
            if let Err(e) = self.send(&mut *upload, &mut file, path, &place) {
                // The first error is the one to tell; what the lake says of tidying up is not.
                if let Err(e) = self.runtime.block_on(upload.abort()) {
                    log::debug!("{place}: the upload could not be called off: {e}");
                }
                return Err(e);
            }
        }
        let stored = self.head(&key)?.size();
        ensure!(
            stored == size,
            "{place} has {stored} bytes, not {size}: run again"
        );
        Ok(place)
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
            upload.complete().await.map_err(failed)?;
            Ok(())
        })
    }
}

/// Removes what killed runs left of an object in a folder: the library writes it as `object#1`.
fn remove_unfinished(object: &Path) -> io::Result<()> {
    let folder = object.parent().unwrap_or(object);
    let found = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    for file in found {
        let file = file?.path();
        let number = file
            .as_os_str()
            .as_encoded_bytes()
            .strip_prefix(object.as_os_str().as_encoded_bytes())
            .and_then(|rest| rest.strip_prefix(b"#"));
        if number.is_some_and(|n| n.iter().all(u8::is_ascii_digit)) {
            fs::remove_file(file)?;
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_write_removes_what_killed_ones_left() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a#1", "a#27", "a#b", "ab#1", "from"] {
            fs::write(at(name), name).unwrap();
        }
        let lake = Lake::open(&LakeUrl::Folder(dir.path().into())).unwrap();
        lake.write(&at("from"), "a").unwrap();
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a", "a#b", "ab#1", "from"]);
    }
}
