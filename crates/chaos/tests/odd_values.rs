//! Whatever is in the arguments and variables of a worker, it ends as the contract has it, and writes in its data dir
//! and its lake alone.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use chaos::report::report;
use chaos::year::{LAKE_WORKERS, MAKERS, all_but_loaded};
use e2e::YEAR;
use e2e::bronze::Bronze;
use e2e::place::{Files, Place, assert_same, is_source};
use e2e::postgres::{Database, Server};
use e2e::s3::{BUCKET, S3};
use e2e::worker::{ALL, Worker};

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

const PG: [&str; 15] = [
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
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGCHANNELBINDING",
    "PGTARGETSESSIONATTRS",
    "PGREQUIRESSL",
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
    // So that they are read.
    match way {
        Way::Variable("PGPASSFILE") => worker = worker.env("PGPASSWORD", ""),
        Way::Variable("PGSSLROOTCERT") => worker = worker.env("PGSSLMODE", "verify-full"),
        _ => {}
    }
    if name == "clean" {
        worker = worker.arg("--partial");
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
            path.is_dir() || !path.exists() || name.starts_with("2013_0") || is_source(&name),
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
            let place = all_but_loaded();
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
                finished.assert_in_order();
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
    odd_values_into(5);
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
    let wanted = all_but_loaded();
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
            let partial = if worker == "clean" { "--partial" } else { "" };
            let run = Worker::new(worker)
                .args(&format!("{partial} --year 2013 --data-dir"))
                .arg(&data);
            let run = match LAKE_WORKERS.contains(&worker) {
                true => run.arg("--lake").arg(&lake),
                false => run,
            };
            let finished = run.run();
            finished.assert_in_order();
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
