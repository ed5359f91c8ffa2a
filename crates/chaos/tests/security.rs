//! Names of tables that are SQL, crashes that leave no core dump, workers that need no privilege.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use chaos::report::report;
use chaos::trace::{Then, trace};
use chaos::year::{Lake, MAKERS, Versions, all_but_loaded, rows};
use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same};
use e2e::postgres::Server;
use e2e::stall::Stalling;
use e2e::wait_until;
use e2e::worker::{ALL, Worker, binary};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

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
    let place = all_but_loaded();
    let long = "ö".repeat(31);
    let mut names: Vec<String> = TABLES.map(String::from).into();
    names.push(long);
    names.push("a\"; DROP SCHEMA public CASCADE; --.x\"; DROP TABLE bystander; --".into());
    for name in &names {
        let before = database.rows(relations);
        for inserted in [true, false] {
            let load = database.load(&place).arg("--table").arg(name);
            let finished = load.run();
            finished.assert_in_order();
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
    let mut crashes = 0;
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
            // The end may come first: the signal goes to another thread than the one that stands still.
            assert!(matches!(finished.code, None | Some(0)), "{finished:?}");
            assert_eq!(year.place.names("here"), ["here/empty"]);
            fs::remove_dir_all(here).unwrap();
            year.assert_whole();
            year.assert_recovers();
            crashes += usize::from(finished.code.is_none());
        }
    }
    assert!(crashes >= ALL.len(), "{crashes}");
    report(
        "a crash (SIGABRT, SIGILL, SIGQUIT) where core dumps are wanted",
        crashes,
        "no core dump; every file and the table whole, the year run again as undisturbed",
    );
}

/// The limit also keeps the kernel from starting a program that takes core dumps.
#[test]
fn the_limit_of_core_dumps() {
    let place = all_but_loaded();
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

/// The user with the fewest rights, on every Linux.
const NOBODY: u32 = 65534;

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
    if geteuid().is_root() {
        let silver = fs::metadata(place.path("data/2013_02_silver.parquet"));
        assert_eq!(silver.unwrap().uid(), NOBODY);
    }
    let table = rows(&mut database);
    database.execute("DROP TABLE agg_dep_delay_by_date");
    let _ = database.load(&wanted).run().summary();
    assert!(table == rows(&mut database) && !table.is_empty());
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
    if !geteuid().is_root() {
        e2e::skipped("only root can have files of several users");
        return;
    }
    if !nobody_reaches_the_workers() {
        return;
    }
    let place = all_but_loaded();
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
