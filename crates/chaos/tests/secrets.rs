//! Passwords and keys that are told nobody, whatever goes wrong.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chaos::proxy::{Fault, Proxy};
use chaos::report::report;
use chaos::year::{LAKE_WORKERS, all_but_loaded};
use e2e::authority::Authority;
use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::postgres::Server;
use e2e::s3::{BUCKET, S3};
use e2e::stall::Stalling;
use e2e::tls::TlsFront;
use e2e::wait_until;
use e2e::worker::{Finished, Running, Worker};

/// A password with every character that means something in an address. Any part of it is as good as the whole for a test.
const PASSWORD: &str = "canary/canary@canary?canary#canary:canary%canary canary&canary";

/// The same as a part of an address.
const IN_A_URL: &str =
    "canary%2Fcanary%40canary%3Fcanary%23canary%3Acanary%25canary%20canary%26canary";

/// How `canary` looks: as it is, in hexadecimal, and in base64 wherever it may begin. No letter of it changes by
/// percent-encoding.
const LOOKS: [&str; 5] = ["canary", "63616e617279", "Y2FuYXJ5", "NhbmFye", "jYW5hcn"];

fn assert_says_nothing(case: &str, text: &str) {
    for look in LOOKS {
        let found = match look {
            "canary" => text.to_lowercase().contains(look),
            look => text.contains(look),
        };
        assert!(!found, "{case}: a secret is told: {text}");
    }
}

/// Counts the runs, all with as much log as there is: no secret is in a stream or among the arguments.
struct Runs(AtomicUsize);

impl Runs {
    fn run(&self, case: &str, worker: Worker) -> Finished {
        let finished = self.end(case, worker, |_| {});
        let defect = finished.stderr.contains("a defect of this program");
        // The library panics where a machine's role has a name that is none.
        assert!(
            !defect || case == "a machine's role",
            "{case}: {finished:?}"
        );
        finished
    }

    /// The same, but something may happen to the worker meanwhile.
    fn end(&self, case: &str, worker: Worker, meanwhile: impl FnOnce(&Running)) -> Finished {
        let running = worker.arg("-vvvv").start();
        let arguments = fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
        assert_says_nothing(case, &String::from_utf8_lossy(&arguments));
        meanwhile(&running);
        let finished = running.wait();
        assert_says_nothing(case, &finished.stdout);
        assert_says_nothing(case, &finished.stderr);
        self.0.fetch_add(1, Ordering::Relaxed);
        finished
    }
}

/// Signals that end a program, some of them with a core dump.
const SIGNALS: [&str; 6] = ["TERM", "INT", "QUIT", "ABRT", "ILL", "KILL"];

#[test]
fn the_warehouses_password_is_told_nobody() {
    let mut database = Server::shared().database();
    let role = database.name.clone();
    database.execute(&format!(
        "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"
    ));
    let place = all_but_loaded();
    let port = database.port().to_string();
    let load = || {
        database
            .load(&place)
            .env("PGUSER", &role)
            .env("PGPASSWORD", PASSWORD)
    };
    let runs = Runs(AtomicUsize::new(0));

    let finished = runs.run("right", load());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let address = format!("postgresql://{role}:{IN_A_URL}@127.0.0.1:{port}/{role}?sslmode=disable");
    let by_url = || database.load(&place).env("PGPASSWORD", "");
    let finished = runs.run(
        "right, in an address",
        by_url().env("DATABASE_URL", &address),
    );
    assert_eq!(finished.code, Some(0), "{finished:?}");

    let wrong = |worker: Worker| worker.env("PGPASSWORD", "another canary");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let s3 = S3::start();
    let authority = Authority::new("ours").localhost(2099);
    let server = SocketAddr::from(([127, 0, 0, 1], database.port()));
    let tls = TlsFront::start(&authority, server);
    place.put("pgpass", format!("*:*:*:*:{PASSWORD}\n"));
    place.put("unknown.pem", Authority::new("another").root);
    for (case, worker) in [
        ("wrong password", wrong(load())),
        ("wrong user", load().env("PGUSER", "nobody")),
        ("no such database", load().env("PGDATABASE", "none")),
        ("refused", load().env("PGPORT", closed.port().to_string())),
        ("no such host", load().env("PGHOST", "db.invalid")),
        ("no host at all", load().env("PGHOST", "a b")),
        (
            "no PostgreSQL",
            load()
                .env("PGPORT", s3.address.port().to_string())
                .env("PGSSLMODE", "require"),
        ),
        ("no TLS there", load().env("PGSSLMODE", "require")),
        (
            "a server nobody knows",
            load().envs(&[
                ("PGHOST", "localhost".into()),
                ("PGPORT", tls.address.port().to_string()),
                ("PGSSLMODE", "verify-full".into()),
                (
                    "PGSSLROOTCERT",
                    place.path("unknown.pem").display().to_string(),
                ),
            ]),
        ),
        (
            "the password file for the certificate",
            load().envs(&[
                ("PGSSLMODE", "verify-ca".into()),
                ("PGSSLROOTCERT", place.path("pgpass").display().to_string()),
            ]),
        ),
        (
            "a password file for all to read",
            by_url().env("PGPASSFILE", place.path("pgpass")),
        ),
        ("no table of that name", load().args("--table a.b.c")),
        ("no schema of that name", load().args("--table nowhere.x")),
        (
            "no time-out of that kind",
            load().env("PGCONNECT_TIMEOUT", "soon"),
        ),
        ("no mode of that kind", load().env("PGSSLMODE", "maybe")),
        (
            "no input",
            load()
                .env("DATA_DIR", "/nonexistent")
                .args("--data-dir=/nonexistent"),
        ),
    ] {
        let finished = runs.run(case, worker);
        assert!(matches!(finished.code, Some(1 | 2)), "{case}: {finished:?}");
    }

    // An address in which the password is not written as it has to be: whatever comes of it, it is not told.
    for odd in "/@?#:% +[]{}\\^|<>\"'`&=;,$!*()~\t\n\u{e9}".chars() {
        for address in [
            format!("postgresql://{role}:canary{odd}canary@127.0.0.1:{port}/{role}"),
            format!("postgresql://{role}:{odd}canary@127.0.0.1:{port}/{role}"),
            format!("postgresql://{role}:12{odd}canary@127.0.0.1:{port}/{role}?sslmode=disable"),
            format!("postgresql://127.0.0.1:{port}/{role}?user={role}&password=canary{odd}canary"),
            format!("mysql://{role}:canary{odd}canary@127.0.0.1:{port}/{role}"),
            format!("{role}:canary{odd}canary@127.0.0.1:{port}/{role}"),
        ] {
            let case = format!("an address: {address:?}");
            let _ = runs.run(&case, by_url().env("DATABASE_URL", address));
        }
    }
    for address in [
        "postgresql:canary@127.0.0.1/d",
        "postgresql://u:canary@127.0.0.1:99999/d",
        "postgresql://u:canary@[::1/d",
        "postgresql://u:canary%FF@127.0.0.1/d",
        "postgresql://u:canary%00canary@127.0.0.1/d",
        "postgresql://u:canary@/d?host=/nonexistent",
        "postgresql://u:canary@h/d?canary=x",
    ] {
        let _ = runs.run(address, by_url().env("DATABASE_URL", address));
    }
    // Where it does not belong: it is seen among the processes then, but not in a log as well.
    for flag in [
        "--table",
        "--database-url",
        "--lake",
        "--year",
        "--data-dir",
    ] {
        let address = format!("postgresql://u:{PASSWORD}@h/d");
        let worker = Worker::new("load")
            .args("--year 2013")
            .arg(format!("{flag}={address}"));
        let finished = worker.arg("-vvvv").run();
        if flag != "--data-dir" {
            assert_says_nothing(flag, &finished.stderr);
            assert_eq!(finished.code, Some(2), "{finished:?}");
        }
    }

    for signal in SIGNALS {
        let silent = Stalling::silent();
        let worker = load().env("PGPORT", silent.address.port().to_string());
        let _ = runs.end(signal, worker, |running| {
            wait_until("it waits for the server", || silent.has_stalled());
            running.signal(signal);
        });
    }
    for bytes in [100, 400, 1000] {
        let cut = Proxy::start(server, Fault::ResetDownload(bytes), 1);
        let worker = load().env("PGPORT", cut.address.port().to_string());
        let finished = runs.run("a connection that breaks", worker);
        assert!(cut.faults() > 0, "{bytes} bytes: {finished:?}");
    }
    assert_says_nothing("the server's log", &Server::shared().log());
    report(
        "the warehouse's password: wrong, in addresses that make no sense, TLS, refused, cut, killed",
        runs.0.into_inner(),
        "with all the log there is in no stream and no argument, in no encoding",
    );
}

/// Answers every request with the same body, and never says another word; counts the requests.
fn answering(body: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let requests = Arc::clone(&asked);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            if client.read(&mut [0; 16 << 10]).is_ok_and(|bytes| bytes > 0) {
                requests.fetch_add(1, Ordering::Relaxed);
            }
            let _ = client.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

#[test]
fn the_lakes_keys_are_told_nobody() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", Bronze::ordinary(60_000).text());
    let place = all_but_loaded();
    let lake = format!("s3://{BUCKET}");
    let token = ("AWS_SESSION_TOKEN", String::from("token+canary/canary="));
    let runs = Runs(AtomicUsize::new(0));
    let of_each = |name| {
        let worker = || {
            place
                .worker_on(name, &lake)
                .envs(&s3.variables())
                .envs(std::slice::from_ref(&token))
        };
        let finished = runs.run("right", worker());
        assert_eq!(finished.code, Some(0), "{name}: {finished:?}");
        for (case, worker) in [
            (
                "wrong secret",
                worker().env("AWS_SECRET_ACCESS_KEY", "another/canary+canary="),
            ),
            (
                "no line break belongs there",
                worker().env("AWS_SECRET_ACCESS_KEY", "canary\n"),
            ),
            (
                "nor there",
                worker().env("AWS_SESSION_TOKEN", "canary canary"),
            ),
            (
                "not UTF-8",
                worker().env("AWS_SECRET_ACCESS_KEY", OsStr::from_bytes(b"canary\xff")),
            ),
            (
                "a key in the endpoint",
                worker().env("AWS_ENDPOINT_URL", "http://key:canary@127.0.0.1:1"),
            ),
            ("no endpoint", worker().env("AWS_ENDPOINT_URL", "canary")),
            (
                "a key for the customer's own encryption",
                worker().envs(&[
                    ("AWS_SERVER_SIDE_ENCRYPTION", "sse-c".into()),
                    ("AWS_SSE_CUSTOMER_KEY_BASE64", "canary".into()),
                ]),
            ),
        ] {
            let finished = runs.run(case, worker);
            assert_eq!(finished.code, Some(1), "{name}: {case}: {finished:?}");
        }
        for address in [
            "s3://key:canary@flights",
            "s3://key:canary@flights/x",
            "ftp://key:canary@host/x",
        ] {
            let worker = Worker::new(name)
                .args("--year 2013")
                .env("LAKE_URL", address);
            let finished = runs.run("a key in the address", worker);
            assert_eq!(finished.code, Some(2), "{finished:?}");
        }
    };
    // Side by side: mostly they wait.
    thread::scope(|scope| {
        for name in LAKE_WORKERS {
            let of_each = &of_each;
            scope.spawn(move || of_each(name));
        }
    });

    let worker = || {
        let worker = place.worker_on("extract", &lake).envs(&s3.variables());
        worker.envs(std::slice::from_ref(&token))
    };
    for status in [301, 400, 401, 404] {
        let server = Proxy::start(s3.address, Fault::Status(status), usize::MAX);
        let endpoint = format!("http://{}", server.address);
        let finished = runs.run("refused", worker().env("AWS_ENDPOINT_URL", endpoint));
        assert_eq!(finished.code, Some(1), "{status}: {finished:?}");
        assert!(server.faults() > 0, "{status}: {finished:?}");
    }
    // A proxy that has a password of its own.
    let proxy = Proxy::start(s3.address, Fault::Status(407), usize::MAX);
    let address = format!("http://user:canary@{}", proxy.address);
    let proxied = worker().env("HTTP_PROXY", &address);
    let finished = runs.run("a proxy", proxied.env("http_proxy", address));
    assert!(proxy.faults() > 0, "{finished:?}");

    // Keys of a role, from a service that answers nonsense.
    place.put("token", "canary");
    // Who gives tokens for those of others is asked over TLS alone.
    let authority = Authority::new("ours");
    place.put("root.pem", &authority.root);
    let certificate = authority.localhost(2099);
    let (mut with_roles, mut fronts) = (vec![], vec![]);
    for body in [
        "canary",
        "\"canary\"",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\"}",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\",\"Token\":1,\"Expiration\":\"canary\"}",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\",\"Token\":\"canary\",\"Expiration\":\"canary\"}",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\",\"Token\":\"canary\",\"Expiration\":\"2099-01-01T00:00:00Z\"}",
        "<AssumeRoleWithWebIdentityResponse><Credentials><SecretAccessKey>canary</SecretAccessKey></Credentials>",
        "<AssumeRoleWithWebIdentityResponse>canary</AssumeRoleWithWebIdentityResponse>",
        "<A><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>k</AccessKeyId>\
         <SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken><Expiration>canary</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></A>",
    ] {
        for case in ["a container's role", "a web identity", "a machine's role"] {
            let (service, asked) = answering(body);
            let token = place.path("token").display().to_string();
            let role = match case {
                "a container's role" => vec![
                    (
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                        format!("http://{service}"),
                    ),
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token),
                ],
                "a web identity" => {
                    let front = TlsFront::start(&certificate, service);
                    let address = format!("https://localhost:{}", front.address.port());
                    fronts.push(front);
                    vec![
                        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x".into()),
                        ("AWS_ENDPOINT_URL_STS", address),
                        (
                            "SSL_CERT_FILE",
                            place.path("root.pem").display().to_string(),
                        ),
                    ]
                }
                _ => vec![("AWS_METADATA_ENDPOINT", format!("http://{service}"))],
            };
            let worker = place.worker_on("extract", &lake).envs(&role).envs(&[
                ("AWS_ENDPOINT_URL", format!("http://{}", s3.address)),
                ("AWS_ALLOW_HTTP", "true".into()),
            ]);
            // A machine's role is asked for a token and its name first.
            let wanted = match case {
                "a machine's role" if body.starts_with('{') => 3,
                _ => 1,
            };
            with_roles.push((case, worker, asked, wanted));
        }
    }
    thread::scope(|scope| {
        for (case, worker, asked, wanted) in with_roles {
            let runs = &runs;
            scope.spawn(move || {
                let finished = runs.run(case, worker);
                let asked = asked.load(Ordering::Relaxed);
                assert!(asked >= wanted, "{case}: asked {asked} times: {finished:?}");
            });
        }
    });

    for signal in SIGNALS {
        let stalling = Stalling::after(1 << 20, s3.address);
        let place = Place::new();
        let worker = place
            .worker_on("extract", &lake)
            .envs(&s3.variables_at(stalling.address));
        let worker = worker.envs(std::slice::from_ref(&token));
        let _ = runs.end(signal, worker, |running| {
            wait_until("the download stalls", || stalling.has_stalled());
            running.signal(signal);
        });
    }
    report(
        "the lake's keys and tokens: wrong, in addresses, TLS, refused, from roles that answer nonsense, killed",
        runs.0.into_inner(),
        "with all the log there is in no stream and no argument, in no encoding",
    );
}
