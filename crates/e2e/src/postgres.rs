//! A real PostgreSQL server, and databases on it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::YEAR;
use crate::authority::Certificate;
use crate::place::Place;
use crate::worker::Worker;

/// A running server; it stops when the test's process ends, however it ends.
pub struct Server {
    folder: PathBuf,
    port: u16,
    password: String,
    /// Its standard input stays open as long as we live, and the server as long as that; its answers.
    process: Mutex<(Child, BufReader<ChildStdout>)>,
}

impl Server {
    /// The server that the tests of one file share. It has no TLS.
    #[must_use]
    pub fn shared() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Server::start(&[], &[]))
    }

    /// A server of one test's own, which can be stopped.
    #[must_use]
    pub fn own() -> &'static Server {
        Box::leak(Box::new(Server::start(&[], &[])))
    }

    /// The same with a disk of so many kB at `/mnt/small`, which nobody else sees. `None`, with a line that says why,
    /// where a test may not mount one.
    #[must_use]
    pub fn with_small_disk(room: usize) -> Option<&'static Server> {
        // Not root of a user namespace either: that would be root for PostgreSQL.
        let script = format!(
            "mount -t tmpfs -o size={room}k tmpfs /mnt && mkdir /mnt/small && chown nobody /mnt/small && exec \"$@\""
        );
        let tried = Command::new("unshare")
            .args(["-m", "sh", "-c", &script, "sh", "true"])
            .output();
        if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
            crate::skipped(&format!(
                "only root may mount a disk for PostgreSQL: {tried:?}"
            ));
            return None;
        }
        let server = Server::start(&["unshare", "-m", "sh", "-c", &script, "sh"], &[]);
        Some(Box::leak(Box::new(server)))
    }

    /// The small disk, as who does not see it reaches it.
    #[must_use]
    pub fn small_disk(&self) -> PathBuf {
        let pid = self.process.lock().unwrap().0.id();
        PathBuf::from(format!("/proc/{pid}/root/mnt/small"))
    }

    /// Ends it, by `INT` with its sessions in order, by `QUIT` as a crash would.
    pub fn stop(&self, signal: &str) {
        self.tell(&format!("stop {signal}"));
    }

    /// Starts it again after [`Server::stop`].
    pub fn start_again(&self) {
        self.tell("start");
    }

    /// The same, as a standby: it only reads.
    pub fn start_as_standby(&self) {
        self.tell("standby");
    }

    fn tell(&self, line: &str) {
        let (process, output) = &mut *self.process.lock().unwrap();
        let input = process.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        assert_eq!(output.read_line(&mut String::new()).unwrap(), 1, "{line}");
    }

    /// A server that shows this certificate: the operating system's PostgreSQL, because the package
    /// that the others come from has no TLS. `None` where there is none.
    #[must_use]
    pub fn with_tls(place: &Place, certificate: &Certificate) -> Option<Server> {
        if !Path::new("/usr/lib/postgresql").exists() {
            crate::skipped("no PostgreSQL with TLS (Debian: apt-get install postgresql)");
            return None;
        }
        place.put("server.pem", &certificate.certificate);
        place.put("server.key", &certificate.key);
        let (pem, key) = (place.path("server.pem"), place.path("server.key"));
        Some(Server::start(
            &[],
            &["--tls".as_ref(), pem.as_ref(), key.as_ref()],
        ))
    }

    /// Starts a server on a new cluster, which is removed when the server has stopped; perhaps by a program that ends up
    /// running what follows.
    fn start(behind: &[&str], options: &[&OsStr]) -> Self {
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir();
        let folder = folder.unwrap().keep();
        let python = python();
        let line: Vec<&OsStr> = behind
            .iter()
            .map(OsStr::new)
            .chain([python.as_os_str()])
            .collect();
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .arg(repository().join("airflow/local/postgres.py"))
            .arg("serve")
            .arg(&folder)
            .arg("--temporary")
            .args(options);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let about: Value =
            serde_json::from_str(&line).expect("PostgreSQL does not start, see the lines above");
        Server {
            folder,
            port: about["port"].as_u64().unwrap().try_into().unwrap(),
            password: about["password"].as_str().unwrap().into(),
            process: Mutex::new((process, output)),
        }
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// The port at 127.0.0.1 on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new and empty database, named for the test that runs.
    #[must_use]
    pub fn database(&self) -> Database<'_> {
        let test = std::thread::current();
        let name = test.name().unwrap().replace("::", "_");
        let mut maintenance = self.session("postgres");
        maintenance.execute(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
        maintenance.execute(&format!("CREATE DATABASE \"{name}\""));
        let session = self.session(&name);
        Database {
            server: self,
            name,
            session,
        }
    }

    fn session(&self, database: &str) -> Session {
        Session::open(&format!(
            "host=127.0.0.1 port={} user=postgres password={} dbname={database}",
            self.port, self.password
        ))
    }
}

/// A database of one test, and the superuser's session on it.
pub struct Database<'a> {
    server: &'a Server,
    /// The name of the database.
    pub name: String,
    session: Session,
}

impl Database<'_> {
    /// Runs statements.
    pub fn execute(&mut self, sql: &str) {
        self.session.execute(sql);
    }

    /// The rows of a query, each value as text, a null as `-`.
    #[must_use]
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        self.session.rows(sql)
    }

    /// The one value of a query.
    #[must_use]
    pub fn value(&mut self, sql: &str) -> String {
        self.session.rows(sql)[0][0].clone()
    }

    /// A further session on the same database.
    #[must_use]
    pub fn session(&self) -> Session {
        self.server.session(&self.name)
    }

    /// The server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The superuser's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.server.password
    }

    /// The worker `load` for the data dir of the place and this database, as the superuser.
    #[must_use]
    pub fn load(&self, place: &Place) -> Worker {
        self.load_year(place, YEAR)
    }

    /// The same for another year.
    #[must_use]
    pub fn load_year(&self, place: &Place, year: i32) -> Worker {
        let worker = Worker::new("load").args(&format!("--year {year} --data-dir"));
        worker.arg(place.path("data")).envs(&[
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", self.server.port.to_string()),
            ("PGUSER", "postgres".into()),
            ("PGPASSWORD", self.server.password.clone()),
            ("PGDATABASE", self.name.clone()),
            ("PGSSLMODE", "disable".into()),
        ])
    }
}

/// A session of the superuser. If it has ended, because the server did, the next statement begins another.
pub struct Session {
    config: String,
    client: Client,
}

impl Session {
    fn open(config: &str) -> Self {
        let client = runtime().block_on(async {
            let (client, connection) = tokio_postgres::connect(config, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        let config = config.to_owned();
        Session { config, client }
    }

    fn client(&mut self) -> &Client {
        if self.client.is_closed() {
            *self = Session::open(&self.config);
        }
        &self.client
    }

    /// Runs statements.
    pub fn execute(&mut self, sql: &str) {
        let done = runtime().block_on(self.client().batch_execute(sql));
        done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// The rows of a query, each value as text, a null as `-`.
    #[must_use]
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let messages = runtime().block_on(self.client().simple_query(sql));
        let messages = messages.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let value = |at| row.get(at).unwrap_or("-").to_owned();
                Some((0..row.len()).map(value).collect())
            }
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The Python that has the server's package.
pub(crate) fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("FLIGHT_DELAYS_PYTHON") {
        return python.into();
    }
    let python = repository().join(".venv/bin/python");
    assert!(
        python.exists(),
        "no {}: run make test, which sets it up",
        python.display()
    );
    python
}
