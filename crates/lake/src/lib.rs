//! The data lake: a bucket of an S3 service, or a folder. Every object key is spelled here, and
//! whole files are read and written here, safely.

mod advice;
mod aws;
pub mod key;
mod read;
mod url;
mod write;

pub use read::Object;
pub use url::LakeUrl;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};

/// Reading and writing move pieces of this size, each a request of its own.
const PART: u64 = 8 << 20;
/// So many requests are under way at once.
const AT_ONCE: usize = 4;
/// Bounds one request, the body included: a part over a link of 560 kB a second, which all that are
/// under way share.
const REQUEST: Duration = Duration::from_secs(60);
/// A failed request is tried again, ten times at most and with growing pauses, within this. A server
/// that refuses at once uses that up in seconds; Airflow's own retries are for longer outages.
const RETRY: Duration = Duration::from_secs(180);

/// An open lake. Its calls block; inside, requests run side by side.
pub struct Lake {
    url: LakeUrl,
    store: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
}

impl Lake {
    /// Opens a lake. For S3 the credentials come from the `AWS_*` variables, a web identity, or the
    /// container's or the machine's own role, in this order. Nothing is sent yet.
    ///
    /// # Errors
    /// When the folder is missing or an `AWS_*` variable makes no sense.
    pub fn open(url: &LakeUrl) -> Result<Self> {
        let store: Arc<dyn ObjectStore> = match url {
            LakeUrl::Folder(dir) => {
                ensure!(
                    dir.is_dir() || !dir.exists(),
                    "{}: it is not a folder: correct --lake (LAKE_URL)",
                    dir.display()
                );
                let folder = LocalFileSystem::new_with_prefix(dir).map_err(|e| match e {
                    _ if !dir.exists() => anyhow::anyhow!(
                        "no folder {}: create it, or correct --lake (LAKE_URL)",
                        dir.display()
                    ),
                    e => anyhow::Error::new(e)
                        .context(format!("cannot open the lake {}", dir.display())),
                })?;
                Arc::new(folder.with_fsync(true))
            }
            LakeUrl::S3 { bucket, .. } => {
                // The TLS library has no provider of its own; a second call changes nothing.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let client = ClientOptions::new()
                    .with_timeout(REQUEST)
                    .with_connect_timeout(Duration::from_secs(5));
                let retry = RetryConfig {
                    retry_timeout: RETRY,
                    ..RetryConfig::default()
                };
                let builder = aws::from_environment(client)?
                    .with_bucket_name(bucket)
                    .with_retry(retry);
                Arc::new(
                    builder
                        .build()
                        .with_context(|| format!("cannot open the lake {url}"))?,
                )
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start the threads that talk to the lake")?;
        Ok(Lake {
            url: url.clone(),
            store,
            runtime,
        })
    }

    /// The raw file of a year, or `None` when the lake has none.
    ///
    /// # Errors
    /// When the lake cannot be read, has no folder of raw files, or has the year in more than one
    /// form.
    pub fn bronze(&self, year: i32) -> Result<Option<Object>> {
        let wanted = key::bronze(year).map(|key| self.key(&key));
        let mut found = match &self.url {
            // Other names in the folder do not matter, whatever they are.
            LakeUrl::Folder(dir) => {
                let folder = dir.join(key::BRONZE);
                ensure!(
                    folder.is_dir(),
                    "no folder {}: create it, or correct --lake (LAKE_URL)",
                    folder.display()
                );
                wanted
                    .into_iter()
                    .filter(|key| dir.join(key.as_ref()).exists())
                    .collect()
            }
            // A HEAD would not tell a bucket that is not there from an object that is not.
            LakeUrl::S3 { .. } => self.listed(&wanted)?,
        };
        if found.len() > 1 {
            let names: Vec<_> = found.iter().map(|key| self.place(key)).collect();
            bail!("{} are both there: keep one of them", names.join(" and "));
        }
        found.pop().map(|key| self.head(&key)).transpose()
    }

    /// Those of the raw files that the lake has, in order.
    fn listed(&self, wanted: &[Key]) -> Result<Vec<Key>> {
        let folder = self.key(key::BRONZE);
        let all = self
            .ask(|| self.store.list_with_delimiter(Some(&folder)))
            .map_err(|e| self.explain(e, &format!("cannot list {}", self.place(&folder))))?;
        let mut found: Vec<Key> = all.objects.into_iter().map(|o| o.location).collect();
        found.retain(|key| wanted.contains(key));
        found.sort();
        Ok(found)
    }

    /// Asks for something, and again where the connection breaks in one of the two ways that the library, which tries
    /// all others again, takes for final: in the middle of a listing, and as it opens.
    fn ask<T, F>(&self, request: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        self.runtime.block_on(async {
            let mut pause = Duration::from_millis(100);
            loop {
                match request().await {
                    Err(e) if advice::broke_off(&e) && pause < Duration::from_secs(10) => {
                        log::debug!("{}: {e}: trying again", self.url);
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    answer => return answer,
                }
            }
        })
    }

    /// Whether an object lies in the lake.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub fn has(&self, key: &str) -> Result<bool> {
        let key = self.key(key);
        match self.ask(|| self.store.head(&key)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(self.explain(e, &format!("cannot look for {}", self.place(&key)))),
        }
    }

    /// Removes an object, when it is there.
    ///
    /// # Errors
    /// When the lake refuses.
    pub fn remove(&self, key: &str) -> Result<()> {
        if !self.has(key)? {
            return Ok(());
        }
        let key = self.key(key);
        let removed = self.ask(|| self.store.delete(&key));
        removed.map_err(|e| self.explain(e, &format!("cannot remove {}", self.place(&key))))
    }

    fn head(&self, key: &Key) -> Result<Object> {
        let meta = self.ask(|| self.store.head(key));
        let meta =
            meta.map_err(|e| self.explain(e, &format!("cannot look at {}", self.place(key))))?;
        Ok(Object::new(meta, self.place(key)))
    }

    /// The key within the bucket or folder.
    fn key(&self, key: &str) -> Key {
        match &self.url {
            LakeUrl::S3 { prefix, .. } => prefix.parts().chain(Key::from(key).parts()).collect(),
            LakeUrl::Folder(_) => Key::from(key),
        }
    }

    /// What a person calls the object.
    fn place(&self, key: &Key) -> String {
        match &self.url {
            LakeUrl::S3 { bucket, .. } => format!("s3://{bucket}/{key}"),
            LakeUrl::Folder(dir) => dir.join(key.as_ref()).display().to_string(),
        }
    }
}
