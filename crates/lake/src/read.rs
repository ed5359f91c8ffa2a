//! Reading a whole object: in parts, several at a time, all of one and the same version.

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{Error, GetOptions, GetRange, ObjectMeta};

use crate::{AT_ONCE, Lake, LakeUrl, PART};

/// An object of the lake, as it was when it was looked at.
pub struct Object {
    meta: ObjectMeta,
    place: String,
}

impl Object {
    pub(crate) fn new(meta: ObjectMeta, place: String) -> Self {
        Object { meta, place }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.meta.size
    }

    /// Stands for this version of the object: its ETag, its size and when it was last written. Another version has
    /// another text.
    #[must_use]
    pub fn version(&self) -> String {
        let e_tag = self.meta.e_tag.as_deref().unwrap_or_default();
        let written = self.meta.last_modified.timestamp_micros();
        format!("{e_tag} {} {written}", self.meta.size)
    }

    /// What a person calls it: `s3://bucket/key` or a path.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl Lake {
    /// Hands the whole object to `take`, piece by piece in order. A lost connection is taken up
    /// again; memory holds a few pieces of 8 MB.
    ///
    /// # Errors
    /// When the object changed since it was looked at, a part stays out of reach, the size does not
    /// come out, or `take` fails.
    pub fn read(&self, object: &Object, mut take: impl FnMut(Bytes) -> Result<()>) -> Result<()> {
        let size = object.size();
        let mut received = 0;
        self.runtime.block_on(async {
            let part = |from: u64| async move {
                let options = GetOptions {
                    range: Some(GetRange::Bounded(from..(from + PART).min(size))),
                    if_match: object.meta.e_tag.clone(),
                    ..GetOptions::default()
                };
                let found = self.store.get_opts(&object.meta.location, options).await?;
                // Not every server heeds the condition.
                if found.meta.e_tag != object.meta.e_tag {
                    return Err(Error::Precondition {
                        path: found.meta.location.to_string(),
                        source: "it has another ETag than before".into(),
                    });
                }
                found.bytes().await
            };
            let starts = (0..size).step_by(PART as usize);
            let mut parts = futures::stream::iter(starts).map(part).buffered(AT_ONCE);
            let failed = |e| self.explain(e, &format!("cannot read {}", object.place));
            while let Some(bytes) = parts.try_next().await.map_err(failed)? {
                received += bytes.len() as u64;
                take(bytes)?;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        // A file that is written over in place keeps its name while the parts are read.
        if let LakeUrl::Folder(_) = self.url {
            let now = self.head(&object.meta.location)?;
            ensure!(
                now.meta.e_tag == object.meta.e_tag,
                "{}: the object changed while it was read: run again",
                object.place
            );
        }
        ensure!(
            received == size,
            "{}: {received} bytes came, not {size}: run again",
            object.place
        );
        Ok(())
    }
}
