//! What must hold whoever calls a worker, with whatever in its arguments and variables: it writes in its
//! data dir and its lake alone, its secrets go nowhere, and it needs no privilege.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use chaos::proxy::{Fault, Proxy};
use chaos::report::report;
use chaos::trace::{Then, trace};
use chaos::year::{Lake, MAKERS, Versions};
use e2e::YEAR;
use e2e::authority::Authority;
use e2e::bronze::Bronze;
use e2e::place::{Files, Place, assert_same};
use e2e::postgres::{Database, Server};
use e2e::s3::{BUCKET, S3};
use e2e::stall::Stalling;
use e2e::tls::TlsFront;
use e2e::wait_until;
use e2e::worker::{ALL, Finished, Worker, binary};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

const LAKE_WORKERS: [&str; 3] = ["extract", "clean", "aggregate"];
const NOBODY: u32 = 65534;

/// A place where the year has run up to detect, so that every worker finds its input.
fn ready() -> Place {
    let raw = Bronze::ordinary(300).set(7, "DISTANCE", "far").text();
    let place = Place::after("detect", &raw);
    place.put("lake/01_bronze/2013.csv", &raw);
    place
}

/// The files below a folder of the place.
fn below(place: &Place, dir: &str) -> Files {
    let mut files = place.files();
    files.retain(|name, _| name.starts_with(dir));
    files
}

// ---------------------------------------------------------------------------------------------------
// Odd values
// ---------------------------------------------------------------------------------------------------

/// Values that nobody means, or means no good with.
fn odd_values() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        " ",
        ".",
        "-",
        "--",
        "~",
        "*",
        "..",
        "../..",
        "../../../etc/passwd",
        "/etc/passwd",
        "/dev/null",
        "/proc/self/environ",
        "a\nload: b",
        "a\r\nb\tc",
        "'",
        "\"",
        "a'b\"c",
        "\\",
        "..\\..",
        "; touch owned",
        "$(touch owned)",
        "`touch owned`",
        "| touch owned",
        "${HOME}",
        "%2e%2e/%2e%2e",
        "..%2f..",
        "%00",
        "%s%n",
        "{0}",
        "{a,b}",
        "[a-z]?",
        "x'; DROP TABLE bystander; --",
        "x\"; DROP TABLE bystander; --",
        "２０１３",
        "2013/../2014",
        "-1",
        "NaN",
        "1e999",
        "0x7dd",
        "99999999999999999999",
        "\u{202e}txt.exe",
        "\u{1b}[2J",
        "é\u{301}\u{1f6eb}",
        "s3://",
        "s3://../..",
        "file://..",
        "://",
    ]
    .map(OsString::from)
    .into();
    values.push("x".repeat(5000).into());
    values.push("x/".repeat(3000).into());
    values.push("../".repeat(2000).into());
    values.push(OsString::from_vec(b"\xff\xfe\x80".into()));
    values
}

/// Where a value gets into a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Flag(&'static str),
    Variable(&'static str),
    /// Beside all flags.
    Bare,
}

/// Every way into a worker, with the exit codes that an odd value may lead to.
fn ways(name: &str) -> Vec<(Way, &'static [i32])> {
    use Way::{Bare, Flag, Variable};
    let mut ways: Vec<(Way, &[i32])> = vec![
        (Bare, &[2]),
        (Flag("--year"), &[2]),
        (Flag("--data-dir"), &[0, 1, 2]),
        (Variable("DATA_DIR"), &[0, 1, 2]),
    ];
    match name {
        "extract" => {
            ways.extend([
                (Flag("--lake"), &[1, 2, 99][..]),
                (Variable("LAKE_URL"), &[1, 2, 99]),
            ]);
            ways.extend(AWS.map(|name| (Variable(name), &[0, 1][..])));
        }
        "clean" => ways.extend([
            (Flag("--lake"), &[0, 1, 2][..]),
            (Variable("LAKE_URL"), &[0, 1, 2]),
            (Flag("--max-rejected"), &[2]),
        ]),
        "aggregate" => ways.extend([
            (Flag("--lake"), &[0, 1, 2][..]),
            (Variable("LAKE_URL"), &[0, 1, 2]),
        ]),
        "detect" => ways.extend([
            (Flag("--contamination"), &[2][..]),
            (Flag("--seed"), &[2]),
            (Flag("--models"), &[2]),
        ]),
        "load" => {
            ways.push((Flag("--table"), &[0, 1, 2]));
            ways.extend(PG.map(|name| (Variable(name), &[0, 1, 2][..])));
        }
        _ => {}
    }
    ways
}

const AWS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
];

const PG: [&str; 10] = [
    "DATABASE_URL",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGDATABASE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGCONNECT_TIMEOUT",
];

/// Everything in a folder: of a file what is in it, of a folder that it is there.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, Some(bytes));
        }
    }
    found
}

/// The worker with this value, in a folder deep in the place, from which `../..` leads to no harm.
fn with_value(
    place: &Place,
    database: &Database<'_>,
    s3: &S3,
    name: &'static str,
    way: Way,
    value: &OsStr,
) -> Worker {
    let mut worker = Worker::new(name).inside(&place.path(INSIDE));
    if name == "load" {
        worker = worker.envs(&variables(database));
    }
    if way != Way::Flag("--year") {
        worker = worker.args(&format!("--year {YEAR}"));
    }
    if ![Way::Flag("--data-dir"), Way::Variable("DATA_DIR")].contains(&way) {
        worker = worker.arg("--data-dir").arg(place.path("data"));
    }
    let of_bucket = matches!(way, Way::Variable(name) if name.starts_with("AWS_"));
    if of_bucket {
        worker = worker
            .arg(format!("--lake=s3://{BUCKET}"))
            .envs(&s3.variables());
    } else if LAKE_WORKERS.contains(&name)
        && ![Way::Flag("--lake"), Way::Variable("LAKE_URL")].contains(&way)
    {
        worker = worker.arg("--lake").arg(place.path("lake"));
    }
    match way {
        Way::Flag(flag) => {
            let mut both = OsString::from(format!("{flag}="));
            both.push(value);
            worker.arg(both)
        }
        Way::Variable(name) => worker.env(name, value),
        Way::Bare => worker.arg("--").arg(value),
    }
}

const INSIDE: &str = "around/a/b/c";

fn variables(database: &Database<'_>) -> [(&'static str, String); 7] {
    [
        ("PGHOST", "127.0.0.1".into()),
        ("PGPORT", database.port().to_string()),
        ("PGUSER", "postgres".into()),
        ("PGPASSWORD", database.password().into()),
        ("PGDATABASE", database.name.clone()),
        ("PGSSLMODE", "disable".into()),
        ("PGCONNECT_TIMEOUT", "5".into()),
    ]
}

/// The end of a worker is one of the contract's.
fn assert_in_order(name: &str, finished: &Finished) {
    let begin = format!("{name}: ");
    let lines = || finished.stderr.lines();
    assert!(lines().all(|line| line.starts_with(&begin)), "{finished:?}");
    assert!(
        !finished.stderr.contains("a defect of this program"),
        "{finished:?}"
    );
    let orders = |c: char| c.is_control() && c != '\n';
    assert!(!finished.stderr.contains(orders), "{finished:?}");
    match finished.code {
        Some(0) => drop(finished.summary()),
        Some(1) => drop(finished.error()),
        Some(2 | 99) => {
            assert_eq!(finished.stdout, "", "{finished:?}");
            assert_eq!(lines().count(), 1, "{finished:?}");
        }
        _ => panic!("no exit code of the contract: {finished:?}"),
    }
}

/// What is new or other after a worker lies in the data dir or the lake that it was told.
fn assert_nothing_outside(
    place: &Place,
    before: &BTreeMap<PathBuf, Option<Vec<u8>>>,
    told: &OsStr,
) -> Vec<PathBuf> {
    let after = tree(place.dir());
    let told = place.path(INSIDE).join(told);
    let real = fs::canonicalize(&told).ok();
    let roots = [
        Some(place.path("data")),
        Some(place.path("lake")),
        Some(told),
        real,
    ];
    let mut other = vec![];
    for path in before.keys().chain(after.keys()) {
        if before.get(path) == after.get(path) {
            continue;
        }
        let inside = |root: &PathBuf| path.starts_with(root) || root.starts_with(path);
        assert!(
            roots.iter().flatten().any(inside),
            "{path:?} is not the worker's"
        );
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(
            path.is_dir() || !path.exists() || name.starts_with("2013_0"),
            "{path:?}"
        );
        other.push(path.clone());
    }
    other
}

fn odd_values_into(every: usize) {
    let mut database = Server::shared().database();
    database.execute("CREATE TABLE bystander AS SELECT generate_series(1, 3) AS number");
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", Bronze::ordinary(300).text());
    let (mut cases, mut number) = (0, 0);
    let mut codes = BTreeMap::<_, usize>::new();
    for name in ALL {
        for (way, allowed) in ways(name) {
            let place = ready();
            fs::create_dir_all(place.path(INSIDE)).unwrap();
            place.put("around/secret", "of somebody else");
            let mut before = tree(place.dir());
            for value in odd_values() {
                number += 1;
                if number % every != 0 {
                    continue;
                }
                let worker = with_value(&place, &database, &s3, name, way, &value);
                let finished = worker.run();
                let code = finished.code.unwrap_or(-1);
                assert!(
                    allowed.contains(&code),
                    "{name} {way:?} {value:?}: {finished:?}"
                );
                assert_in_order(name, &finished);
                for other in assert_nothing_outside(&place, &before, &value) {
                    // The next case finds what this one found.
                    match before.get(&other) {
                        Some(Some(bytes)) => fs::write(&other, bytes).unwrap(),
                        Some(None) => fs::create_dir_all(&other).unwrap(),
                        None if other.is_dir() => fs::remove_dir_all(&other).unwrap(),
                        None => drop(fs::remove_file(&other)),
                    }
                }
                before = tree(place.dir());
                cases += 1;
                *codes.entry(code).or_default() += 1;
            }
        }
    }
    assert_eq!(database.value("SELECT sum(number) FROM bystander"), "6");
    let outcome = format!(
        "exit codes {codes:?}, each as the contract has it, one line of error; nothing written but in data dir and lake"
    );
    report("odd values in every argument and variable", cases, &outcome);
}

#[test]
fn some_odd_values() {
    odd_values_into(3);
}

#[test]
#[ignore = "make chaos: minutes"]
fn every_odd_value() {
    odd_values_into(1);
}

/// Folders may be called anything: what the names of patterns, addresses and shells are made of is no more than a name.
#[test]
fn folders_with_odd_names() {
    let raw = Bronze::ordinary(300).set(7, "DISTANCE", "far").text();
    let wanted = ready();
    let mut names: Vec<OsString> = [
        "a b",
        "*",
        "[a]",
        "{a,b}",
        "?",
        "%2e%2e",
        "%",
        "~",
        "$(touch owned)",
        "'",
        "\"",
        "a\nb",
        "#",
        ";",
        "&",
        "\\",
        "-v",
        "größer",
        "\u{1f6eb}",
        "file:",
        "s3:",
        "a=b",
        "a,b",
        "a@b",
        ":",
    ]
    .map(OsString::from)
    .into();
    names.push("x".repeat(255).into());
    // Only a data dir may be none of UTF-8.
    names.push(OsString::from_vec(b"latin-\xe9".into()));
    for name in &names {
        let place = Place::new();
        let data = place.path("data").join(name);
        let lake = place.path("lake").join(name.to_str().unwrap_or("latin"));
        fs::create_dir_all(lake.join("01_bronze")).unwrap();
        fs::write(lake.join("01_bronze/2013.csv"), &raw).unwrap();
        for worker in MAKERS.into_iter().filter(|maker| *maker != "load") {
            let run = Worker::new(worker)
                .args("--year 2013 --data-dir")
                .arg(&data);
            let run = match LAKE_WORKERS.contains(&worker) {
                true => run.arg("--lake").arg(&lake),
                false => run,
            };
            let finished = run.run();
            assert_in_order(worker, &finished);
            assert_eq!(finished.code, Some(0), "{name:?}: {finished:?}");
        }
        let mut found = Files::new();
        for (dir, of) in [("data", &data), ("lake", &lake)] {
            for (path, bytes) in tree(of) {
                let path = path.strip_prefix(of).unwrap().to_str().unwrap().to_owned();
                found.extend(bytes.map(|bytes| (format!("{dir}/{path}"), bytes)));
            }
        }
        assert_same(&wanted.files(), &found);
    }
    report(
        "data dir and lake in folders with odd names",
        names.len(),
        "all done; files as elsewhere",
    );
}

// ---------------------------------------------------------------------------------------------------
// SQL
// ---------------------------------------------------------------------------------------------------

/// Names of tables that are SQL, or would end a name in it.
const TABLES: [&str; 24] = [
    "x; DROP TABLE bystander",
    "x; DROP TABLE bystander; --",
    "x\"; DROP TABLE bystander; --",
    "x\"\"; DROP TABLE bystander; --",
    "\"x\"",
    "\"",
    "'",
    "x' OR '1'='1",
    "x') ; DELETE FROM bystander; --",
    "x -- y",
    "/* x */",
    "$1",
    "$$",
    "$$; DROP TABLE bystander; $$",
    "\\",
    "x\\\"y",
    "U&\"x\"",
    "%s",
    "{}",
    " ",
    "a b",
    "a\nb",
    "select",
    "Größe",
];

#[test]
fn tables_with_names_that_are_sql() {
    let mut database = Server::shared().database();
    database.execute("CREATE TABLE bystander AS SELECT generate_series(1, 3) AS number");
    database.execute("CREATE SCHEMA \"a\"\"; DROP SCHEMA public CASCADE; --\"");
    let relations = "SELECT relkind, nspname, relname, pg_class.oid FROM pg_class \
                     JOIN pg_namespace n ON n.oid = relnamespace \
                     WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema' ORDER BY pg_class.oid";
    let place = ready();
    let long = "ö".repeat(31);
    let mut names: Vec<String> = TABLES.map(String::from).into();
    names.push(long);
    names.push("a\"; DROP SCHEMA public CASCADE; --.x\"; DROP TABLE bystander; --".into());
    for name in &names {
        let before = database.rows(relations);
        for inserted in [true, false] {
            let load = database.load(&place).arg("--table").arg(name);
            let finished = load.run();
            assert_in_order("load", &finished);
            let summary = finished.summary();
            let rows = match inserted {
                true => summary["rows_in"].as_u64().unwrap(),
                false => 0,
            };
            assert_eq!(summary["inserted"], rows, "{name}");
        }
        let after = database.rows(relations);
        let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        assert!(
            before.iter().all(|row| after.contains(row)),
            "{name}: something is gone"
        );
        let tables = new.iter().filter(|row| row[0] == "r").collect::<Vec<_>>();
        let last = name.rsplit('.').next().unwrap();
        assert!(tables.len() == 1 && tables[0][2] == last, "{name}: {new:?}");
        // The table, its primary key and the three indexes.
        assert!(
            new.iter().all(|row| row[0] == "r" || row[0] == "i"),
            "{name}: {new:?}"
        );
        assert_eq!(new.len(), 5, "{name}: {new:?}");
    }
    assert_eq!(database.value("SELECT sum(number) FROM bystander"), "6");
    report(
        "tables with names that are SQL",
        names.len(),
        "a table of that very name, loaded twice; nothing else in the database changed",
    );
}

// ---------------------------------------------------------------------------------------------------
// Secrets
// ---------------------------------------------------------------------------------------------------

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
struct Runs(usize);

impl Runs {
    fn run(&mut self, case: &str, worker: Worker) -> Finished {
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
    fn end(
        &mut self,
        case: &str,
        worker: Worker,
        meanwhile: impl FnOnce(&e2e::worker::Running),
    ) -> Finished {
        let running = worker.arg("-vvvv").start();
        let arguments = fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
        assert_says_nothing(case, &String::from_utf8_lossy(&arguments));
        meanwhile(&running);
        let finished = running.wait();
        assert_says_nothing(case, &finished.stdout);
        assert_says_nothing(case, &finished.stderr);
        self.0 += 1;
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
    let place = ready();
    let port = database.port().to_string();
    let load = || {
        database
            .load(&place)
            .env("PGUSER", &role)
            .env("PGPASSWORD", PASSWORD)
    };
    let mut runs = Runs(0);

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
            load().env("PGPORT", s3.address.port().to_string()),
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
        let _ = runs.run("a connection that breaks", worker);
    }
    assert_says_nothing("the server's log", &Server::shared().log());
    report(
        "the warehouse's password: wrong, in addresses that make no sense, TLS, refused, cut, killed",
        runs.0,
        "with all the log there is in no stream and no argument, in no encoding",
    );
}

/// Answers every request with the same body, and never says another word.
fn answering(body: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 16 << 10]);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn the_lakes_keys_are_told_nobody() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", Bronze::ordinary(60_000).text());
    let place = ready();
    let lake = format!("s3://{BUCKET}");
    let token = ("AWS_SESSION_TOKEN", String::from("token+canary/canary="));
    let mut runs = Runs(0);
    for name in LAKE_WORKERS {
        let worker = || {
            place
                .worker_on(name, &lake)
                .envs(&s3.variables())
                .envs(std::slice::from_ref(&token))
        };
        let _ = runs.run("right", worker());
        let at = |address: SocketAddr| worker().envs(&s3.variables_at(address));
        let status =
            |status| at(Proxy::start(s3.address, Fault::Status(status), usize::MAX).address);
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
            ("401", status(401)),
            ("400", status(400)),
            ("404", status(404)),
            ("redirected", status(301)),
            (
                "no TLS there",
                worker().env("AWS_ENDPOINT_URL", format!("https://{}", s3.address)),
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
        // A proxy that has a password of its own.
        let proxy = Proxy::start(s3.address, Fault::Status(407), usize::MAX).address;
        let proxied = worker().env("HTTP_PROXY", format!("http://user:canary@{proxy}"));
        let _ = runs.run(
            "a proxy",
            proxied.env("http_proxy", format!("http://user:canary@{proxy}")),
        );
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
    }

    // Keys of a role, from a service that answers nonsense.
    place.put("token", "canary");
    for body in [
        "canary",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\"}",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\",\"Token\":\"canary\",\"Expiration\":\"canary\"}",
        "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"canary\",\"Token\":\"canary\",\"Expiration\":\"2099-01-01T00:00:00Z\"}",
        "<AssumeRoleWithWebIdentityResponse><Credentials><SecretAccessKey>canary</SecretAccessKey></Credentials>",
    ] {
        let service = format!("http://{}", answering(body));
        let token = place.path("token").display().to_string();
        let endpoint = ("AWS_ENDPOINT_URL", format!("http://{}", s3.address));
        for (case, role) in [
            (
                "a container's role",
                vec![
                    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.clone()),
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.clone()),
                ],
            ),
            (
                "a web identity",
                vec![
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                    ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x".into()),
                    ("AWS_ENDPOINT_URL_STS", service.clone()),
                ],
            ),
            (
                "a machine's role",
                vec![("AWS_METADATA_ENDPOINT", service.clone())],
            ),
        ] {
            let worker = place
                .worker_on("extract", &lake)
                .envs(&role)
                .envs(std::slice::from_ref(&endpoint));
            let finished = runs.run(case, worker.env("AWS_ALLOW_HTTP", "true"));
        }
    }

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
        runs.0,
        "as above",
    );
}

// ---------------------------------------------------------------------------------------------------
// Core dumps
// ---------------------------------------------------------------------------------------------------

/// Whether the kernel writes core dumps into the folder where a program runs.
fn leaves_core_dumps(dir: &Path) -> bool {
    let crash = "ulimit -c unlimited && kill -ABRT $$";
    let mut shell = Command::new("sh");
    let crashed = shell.args(["-c", crash]).current_dir(dir).status();
    assert!(!crashed.unwrap().success());
    let mut left = false;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
            left = true;
        }
    }
    left
}

#[test]
fn a_crash_leaves_no_core_dump() {
    let mut versions = Versions::usual();
    let place = Place::new();
    if !leaves_core_dumps(&place.path("data")) {
        e2e::skipped("the kernel's core_pattern puts core dumps elsewhere");
        return;
    }
    let mut cases = 0;
    for name in ALL {
        for signal in [Signal::SIGABRT, Signal::SIGILL, Signal::SIGQUIT] {
            let mut year = versions.just_before(name, Lake::Folder);
            year.place.put("here/empty", "");
            let here = year.place.path("here");
            let worker = year
                .worker(name)
                .inside(&here)
                .in_shell("ulimit -c unlimited; exec \"$@\"");
            let finished = trace(worker, |_| Then::Signal(signal));
            assert_eq!(finished.code, None, "{finished:?}");
            assert_eq!(year.place.names("here"), ["here/empty"]);
            fs::remove_dir_all(here).unwrap();
            year.assert_whole();
            year.assert_recovers();
            cases += 1;
        }
    }
    report(
        "a crash (SIGABRT, SIGILL, SIGQUIT) where core dumps are wanted",
        cases,
        "no core dump; as above",
    );
}

/// The limit also keeps the kernel from starting a program that takes core dumps.
#[test]
fn the_limit_of_core_dumps() {
    let place = ready();
    let silent = Stalling::silent();
    let worker = place.worker("load").envs(&[
        ("PGHOST", "127.0.0.1".into()),
        ("PGPORT", silent.address.port().to_string()),
        ("PGUSER", "postgres".into()),
    ]);
    let running = worker.in_shell("ulimit -c unlimited; exec \"$@\"").start();
    wait_until("it waits for the server", || silent.has_stalled());
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    running.signal("KILL");
    let _ = running.wait();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[4..], ["1", "1", "bytes"]);
}

// ---------------------------------------------------------------------------------------------------
// Privileges
// ---------------------------------------------------------------------------------------------------

/// The worker as a user without any right, where the test may choose; else it has none already.
fn as_nobody(worker: Worker) -> Worker {
    match geteuid().is_root() {
        true => worker.behind(&[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs",
        ]),
        false => worker,
    }
}

/// Whether that user can start the workers at all.
fn nobody_reaches_the_workers() -> bool {
    let reached = as_nobody(Worker::new("extract").arg("--version")).run();
    let reaches = reached.code == Some(0);
    if !reaches {
        let binary = binary("extract");
        e2e::skipped(&format!("{} is closed to other users", binary.display()));
    }
    reaches
}

fn give_away(path: &Path) {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                give_away(&entry.unwrap().path());
            }
        }
    }
}

#[test]
fn the_year_as_an_unprivileged_user() {
    if !nobody_reaches_the_workers() {
        return;
    }
    let raw = Bronze::ordinary(1200).set(9, "DISTANCE", "far").text();
    let wanted = Place::after("detect", &raw);
    wanted.put("lake/01_bronze/2013.csv", &raw);
    let mut database = Server::shared().database();
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", &raw);
    give_away(place.dir());
    for name in MAKERS {
        let worker = match name {
            "load" => database.load(&place),
            _ => place.worker(name),
        };
        let _ = as_nobody(worker).run().summary();
    }
    assert_same(&wanted.files(), &place.files());
    assert_ne!(
        database.value("SELECT count(*) FROM agg_dep_delay_by_date"),
        "0"
    );
    let _ = as_nobody(place.worker("cleanup")).run().summary();
    assert_eq!(place.names("data/"), Vec::<String>::new());
    report(
        "the year as an unprivileged user",
        ALL.len(),
        "files and table as of any other",
    );
}

/// What belongs to others stays theirs, and a line says what is missing.
#[test]
fn folders_and_files_of_other_users() {
    if !geteuid().is_root() || !nobody_reaches_the_workers() {
        return;
    }
    let place = ready();
    fs::set_permissions(place.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let before = place.files();
    let mut cases = 0;
    let mut refused = |worker: Worker| {
        let finished = as_nobody(worker).run();
        let error = finished.error();
        assert!(error.contains("Permission denied"), "{error}");
        assert!(error.contains(place.dir().to_str().unwrap()), "{error}");
        assert_same(&before, &place.files());
        cases += 1;
    };
    place.put(
        "lake/01_bronze/2013.csv",
        below(&place, "lake/")["lake/01_bronze/2013.csv"].clone(),
    );
    // Folders that cannot be written.
    for name in ["extract", "clean", "aggregate", "detect", "cleanup"] {
        refused(place.worker(name));
    }
    // Files that cannot be read.
    for name in place.names("data/").iter().chain(&place.names("lake/")) {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    for name in ["extract", "clean", "aggregate", "detect", "load"] {
        refused(place.worker(name).env("PGUSER", "postgres"));
    }
    // A data dir that cannot be looked into.
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    for name in ALL {
        refused(place.worker(name).env("PGUSER", "postgres"));
    }
    report(
        "files and folders of other users",
        cases,
        "exit 1 and a line that names them; nothing changed",
    );
}
