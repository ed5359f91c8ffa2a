//! The data lake: a bucket of an S3 service, or a folder. Every object key is spelled here, and
//! whole files are read and written here, safely.

mod advice;
mod aws;
pub mod key;
mod listing;
mod names;
mod raw_file;
mod read;
mod url;
mod write;

pub use read::Object;
pub use url::LakeUrl;

use std::fs::{self, Metadata};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use object_store::aws::AmazonS3;
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
/// Before each further attempt of ours.
const PAUSES: [Duration; 7] = {
    let ms = Duration::from_millis;
    [
        ms(100),
        ms(200),
        ms(400),
        ms(800),
        ms(1600),
        ms(3200),
        ms(6400),
    ]
};

/// What is at a path, if anything is; a link that leads nowhere is something, and an error.
fn look(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            Ok(None)
        }
        Err(e) => Err(e).with_context(|| {
            format!(
                "cannot look at {}: check its owner, its mode and its disk",
                path.display()
            )
        }),
    }
}

/// An open lake. Its calls block; inside, requests run side by side.
pub struct Lake {
    url: LakeUrl,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

/// Where the objects are. A folder is only read through the library; see [`Lake::write`].
enum Store {
    Folder(LocalFileSystem),
    Bucket(AmazonS3),
}

impl Deref for Store {
    type Target = dyn ObjectStore;

    fn deref(&self) -> &Self::Target {
        match self {
            Store::Folder(folder) => folder,
            Store::Bucket(bucket) => bucket,
        }
    }
}

impl Lake {
    /// Opens a lake. For S3 the credentials come from the `AWS_*` variables, a web identity, or the
    /// container's or the machine's own role, in this order. Nothing is sent yet.
    ///
    /// # Errors
    /// When the folder is missing or an `AWS_*` variable makes no sense.
    pub fn open(url: &LakeUrl) -> Result<Self> {
        let store = match url {
            LakeUrl::Folder(dir) => {
                match look(dir)? {
                    None => bail!(
                        "no folder {}: create it, or correct --lake (LAKE_URL)",
                        dir.display()
                    ),
                    Some(found) if found.is_dir() => {}
                    Some(_) => bail!(
                        "{}: it is not a folder: correct --lake (LAKE_URL)",
                        dir.display()
                    ),
                }
                let folder = LocalFileSystem::new_with_prefix(dir)
                    .with_context(|| format!("cannot open the lake {}", dir.display()))?;
                Store::Folder(folder)
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
                    .with_http_connector(listing::CheckListings {
                        bucket: bucket.clone(),
                    })
                    .with_retry(retry);
                let bucket = builder.build();
                Store::Bucket(bucket.with_context(|| format!("cannot open the lake {url}"))?)
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

    /// The lake's name, the same from whatever folder and by whatever link it was opened.
    ///
    /// # Errors
    /// When its folder is not there any more.
    pub fn id(&self) -> Result<String> {
        Ok(match &self.url {
            LakeUrl::Folder(dir) => {
                let whole = fs::canonicalize(dir);
                let whole = whole.with_context(|| format!("cannot look at {}", dir.display()))?;
                whole.display().to_string()
            }
            bucket => bucket.to_string(),
        })
    }

    /// Asks for something, and again where the connection breaks in one of the ways that the library, which tries
    /// all others again, takes for final.
    fn ask<T, F>(&self, request: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.runtime.block_on(request()) {
                Err(e) if advice::broke_off(&e) => {
                    let pause = pauses.next().ok_or(e)?;
                    log::debug!("{}: the connection broke: trying again", self.url);
                    thread::sleep(pause);
                }
                answer => return answer,
            }
        }
    }

    /// Removes an object, when it is there.
    ///
    /// # Errors
    /// When the lake refuses.
    pub fn remove(&self, key: &str) -> Result<()> {
        if let LakeUrl::Folder(dir) = &self.url {
            handoff::remove(&dir.join(key))?;
            return Ok(());
        }
        let key = self.key(key);
        match self.ask(|| self.store.head(&key)) {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(e) => return Err(self.explain(e, &format!("cannot look for {}", self.place(&key)))),
        }
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
