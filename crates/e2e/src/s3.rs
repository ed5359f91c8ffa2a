//! An S3 server on a folder, within the test's own process.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const KEY: &str = "e2e-key";
/// Must never be printed by a worker.
pub const SECRET: &str = "canary-of-the-lake";
/// The one bucket.
pub const BUCKET: &str = "flights";

/// A server with one empty bucket; stopped when dropped.
pub struct S3 {
    /// Where it listens.
    pub address: SocketAddr,
    folder: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl S3 {
    /// Starts a server on a free port.
    #[must_use]
    pub fn start() -> Self {
        S3::denying(&[])
    }

    /// Starts one that grants all but these operations, which it answers as AWS does where the policy has no such
    /// right.
    #[must_use]
    pub fn denying(operations: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        builder.set_access(Policy { denied: operations });
        let s3 = builder.build();
        let requests = Arc::new(Mutex::new(vec![]));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::clone(&requests);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (s3, log) = (s3.clone(), Arc::clone(&log));
                let service = hyper::service::service_fn(
                    move |request: hyper::Request<hyper::body::Incoming>| {
                        log.lock().unwrap().push(summed_up(&request));
                        Service::call(&s3, request)
                    },
                );
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service);
                tokio::spawn(connection);
            }
        });
        S3 {
            address,
            folder,
            requests,
            _runtime: runtime,
        }
    }

    /// The variables with which a worker reaches the server, through `address` where something
    /// stands between the two.
    #[must_use]
    pub fn variables_at(&self, address: SocketAddr) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
        ]
    }

    /// The variables with which a worker reaches the server.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        self.variables_at(self.address)
    }

    /// Stores an object, as a whole.
    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let (path, draft) = (self.path(key), self.folder.path().join("draft"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&draft, bytes).unwrap();
        fs::rename(draft, path).unwrap();
    }

    /// Reads an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Vec<u8> {
        fs::read(self.path(key)).unwrap()
    }

    /// Every key of the bucket. What an upload leaves unfinished would be seen too.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys = vec![];
        gather(self.path(""), "", &mut keys);
        keys.sort();
        keys
    }

    /// The requests since this was asked last: method, key, range.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

struct Policy {
    denied: &'static [&'static str],
}

#[async_trait]
impl S3Access for Policy {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let denied = self.denied.contains(&request.s3_op().name());
        if denied || request.credentials().is_none() {
            return Err(s3_error!(AccessDenied));
        }
        Ok(())
    }
}

fn summed_up(request: &hyper::Request<hyper::body::Incoming>) -> String {
    let range = request.headers().get("range");
    let range = range.map_or("", |range| range.to_str().unwrap_or_default());
    let text = format!("{} {} {range}", request.method(), request.uri().path());
    text.trim_end().to_owned()
}

fn gather(dir: PathBuf, below: &str, keys: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let key = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            gather(entry.path(), &format!("{key}/"), keys);
        } else {
            keys.push(key);
        }
    }
}
