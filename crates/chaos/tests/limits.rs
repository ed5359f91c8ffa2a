//! Workers that have little: memory, descriptors, folders that can be written, no temporary folder.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use chaos::memory::Ceiling;
use chaos::report::report;
use chaos::year::{Lake, MAKERS, RUNS, Versions};
use e2e::YEAR;
use e2e::bronze::{HEADER, flight};
use e2e::mounts;
use e2e::place::{Place, assert_same};
use e2e::postgres::{Database, Server};
use e2e::worker::{ALL, Worker};

/// 512 MB, in kB.
const CEILING: u64 = 512 << 10;

/// What came of the year after each case.
const WHOLE: &str = "every file and the table whole, the year run again as undisturbed";

/// A raw file with `flights` flights of each of `airports` airports on each day of the year.
fn every_day(airports: usize, flights: usize) -> String {
    const DAYS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut text = format!("{HEADER}\n");
    let dates = (1..)
        .zip(DAYS)
        .flat_map(|(month, days)| (1..=days).map(move |day| format!("{YEAR}-{month:02}-{day:02}")));
    for (day, date) in dates.enumerate() {
        for at in 0..airports * flights {
            let letter =
                |power: u32| char::from(b'A' + (at % airports / 26_usize.pow(power) % 26) as u8);
            let origin: String = (0..3).map(letter).collect();
            let delay = match (day + at) % 50 {
                0 => String::new(),
                _ => format!("{}.0", (day * 31 + at * 7919) % 150),
            };
            let mut row = flight(&date, &origin, &delay);
            row[2] = (1 + at).to_string();
            text += &row.join(",");
            text.push('\n');
        }
    }
    text
}

/// A worker for any year; `lake` is where extract finds the raw file.
fn of_year(place: &Place, database: &Database, name: &'static str, year: i32) -> Worker {
    if name == "load" {
        return database.load_year(place, year);
    }
    let worker = Worker::new(name).args(&format!("--year {year} --data-dir"));
    let worker = worker.arg(place.path("data"));
    match name {
        "extract" | "clean" | "aggregate" => worker.arg("--lake").arg(place.path("lake")),
        _ => worker,
    }
}

/// Runs all six below 512 MB and says what each needed.
fn below_the_ceiling(what: &str, place: &Place, database: &Database, year: i32) {
    let ceiling = Ceiling::of(CEILING);
    let mut peaks = vec![];
    for name in ALL {
        let run = ceiling.run(of_year(place, database, name, year));
        let _ = run.finished.summary();
        peaks.push(format!("{name} {}", run.peak >> 10));
    }
    let outcome = format!(
        "all done; peak MB: {}; ceiling by {}",
        peaks.join(", "),
        ceiling.means()
    );
    report(what, ALL.len(), &outcome);
}

#[test]
fn memory_of_512_mb() {
    let database = Server::shared().database();
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", every_day(340, 4));
    below_the_ceiling(
        "512 MB of memory, 456,960 flights of 340 airports",
        &place,
        &database,
        YEAR,
    );
}

/// The year of `make bench`.
#[test]
#[ignore = "make chaos: minutes"]
fn memory_of_512_mb_and_a_full_year() {
    let raw = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../.run/bench/lake/01_bronze/2018.csv"
    ));
    assert!(raw.exists(), "no {}: make chaos makes it", raw.display());
    let database = Server::shared().database();
    let place = Place::new();
    symlink(raw, place.path("lake/01_bronze/2018.csv")).unwrap();
    below_the_ceiling(
        "512 MB of memory, a full year of 7.2 million flights",
        &place,
        &database,
        2018,
    );
}

/// A ceiling that is too low ends a worker, which leaves nothing half done.
#[test]
fn too_little_memory() {
    let mut versions = Versions::usual();
    let (mut cases, mut ended) = (0, 0);
    for name in MAKERS {
        for kb in [1 << 10, 4 << 10, 16 << 10] {
            let mut year = versions.just_before(name, Lake::Folder);
            let finished = Ceiling::of(kb).run(year.worker(name)).finished;
            cases += 1;
            ended += usize::from(finished.code != Some(0));
            year.assert_whole();
            year.assert_recovers();
        }
    }
    assert!(ended > 0, "the ceiling is none");
    report(
        "too little memory: 1 to 16 MB",
        cases,
        &format!("{ended} ended by it; {WHOLE}"),
    );
}

/// Many lines that are no rows: a piece of the file has more of them than it could have rows.
#[test]
fn lines_of_one_byte_in_512_mb() {
    let place = Place::new();
    let text = format!("{}\n{}", HEADER, "x\n".repeat(20 << 20));
    place.put("data/2013_01_bronze.csv", &text);
    let quoted = text.replacen("x\n", "\"x\n", 1);
    for text in [text, quoted] {
        place.put("data/2013_01_bronze.csv", text);
        let measured = Ceiling::of(512 << 10).run(place.worker("clean"));
        let error = measured.finished.error();
        assert!(
            error
                .ends_with("lines of one part of it cannot be read: this is not a file of flights"),
            "{error}"
        );
        assert_eq!(place.names("data/"), ["data/2013_01_bronze.csv"]);
    }
    report(
        "20 million lines of one byte, 512 MB of memory",
        2,
        "exit 1 with a line that says so",
    );
}

/// Fewer threads than the libraries start: said at once.
#[test]
fn too_few_threads() {
    // The limit counts all threads of a user, but root's: one who has none yet.
    let somebody = |limit: usize| {
        let limit = format!("--nproc={limit}");
        move |worker: Worker| {
            worker.behind(&[
                "setpriv",
                "--reuid=54321",
                "--clear-groups",
                "prlimit",
                &limit,
            ])
        }
    };
    let version = somebody(64)(Worker::new("extract").arg("--version")).run();
    if version.code != Some(0) {
        return e2e::skipped("only root may be somebody else, who has to reach the workers");
    }
    let mut versions = Versions::usual();
    let limits = [2, 4, 8];
    for name in ALL {
        let mut year = versions.just_before(name, Lake::Folder);
        let before = year.files();
        for limit in limits {
            let finished = somebody(limit)(year.worker(name)).run();
            let error = finished.error();
            assert!(
                error.contains("threads may be started: raise the limit on processes"),
                "{error}"
            );
            assert_same(&before, &year.files());
        }
        year.assert_whole();
        year.assert_recovers();
    }
    report(
        "fewer threads",
        ALL.len() * limits.len(),
        "exit 1 and a line that says what to raise; nothing changed",
    );
}

/// No file may be larger than so many blocks of 512 bytes.
#[test]
fn files_of_no_more_than_some_kb() {
    let mut versions = Versions::usual();
    for name in ["extract", "clean", "aggregate", "detect"] {
        for blocks in [0, 2] {
            let mut year = versions.just_before(name, Lake::Folder);
            let worker = year.worker(name);
            let finished = worker
                .in_shell(&format!("ulimit -f {blocks}; exec \"$@\""))
                .run();
            let error = finished.error();
            assert!(
                error.contains("raise the limit (ulimit -f) and run again"),
                "{name}: {error}"
            );
            year.assert_whole();
            year.assert_recovers();
        }
    }
    report(
        "a limit on the size of files",
        8,
        &format!("exit 1 and a line that says what to raise; {WHOLE}"),
    );
}

fn with_descriptors(worker: Worker, limit: usize) -> Worker {
    worker.in_shell(&format!("ulimit -n {limit}; exec \"$@\""))
}

#[test]
fn sixty_four_descriptors() {
    let mut versions = Versions::usual();
    for (name, lake) in RUNS {
        let mut year = versions.just_before(name, lake);
        let _ = with_descriptors(year.worker(name), 64).run().summary();
        year.assert_whole();
        year.assert_recovers();
    }
    report(
        "64 file descriptors",
        RUNS.len(),
        &format!("all done; {WHOLE}"),
    );
}

/// Said at once: in the middle of its work a library might panic. With three a program does not even find the system's
/// libraries.
#[test]
fn too_few_descriptors() {
    let mut versions = Versions::usual();
    let limits = [4, 16, 63];
    for name in ALL {
        let mut year = versions.just_before(name, Lake::Folder);
        let before = year.files();
        for limit in limits {
            let finished = with_descriptors(year.worker(name), limit).run();
            let told = format!(
                "{limit} open files are too few: raise the limit (ulimit -n) to 64 or more"
            );
            assert_eq!(finished.error(), told);
            assert_same(&before, &year.files());
        }
        year.assert_whole();
        year.assert_recovers();
    }
    report(
        "fewer file descriptors",
        ALL.len() * limits.len(),
        "exit 1 and a line with the limit that is needed; nothing changed",
    );
}

/// Who does not write there does not notice.
#[test]
fn folders_that_are_mounted_read_only() {
    let mut versions = Versions::usual();
    let mut cases = 0;
    for (dir, stopped) in [
        (
            "data",
            &["extract", "clean", "aggregate", "detect", "cleanup"][..],
        ),
        ("lake", &["clean", "aggregate"]),
    ] {
        for name in ALL {
            let mut year = versions.just_before(name, Lake::Folder);
            let before = year.files();
            let Some(worker) = mounts::read_only(&year.place, year.worker(name), dir) else {
                return;
            };
            let finished = worker.run();
            if stopped.contains(&name) {
                let error = finished.error();
                let place = year.place.path(dir);
                assert!(error.contains("Read-only file system"), "{error}");
                assert!(error.contains(place.to_str().unwrap()), "{error}");
                let of_dir = |name: &String| name.starts_with(dir);
                let (mut before, mut after) = (before, year.files());
                before.retain(|name, _| of_dir(name));
                after.retain(|name, _| of_dir(name));
                assert_same(&before, &after);
            } else {
                let _ = finished.summary();
            }
            year.assert_whole();
            year.assert_recovers();
            cases += 1;
        }
    }
    report(
        "data dir or lake mounted read-only",
        cases,
        &format!(
            "who writes there: exit 1 and a line that names it; the others are done as ever; {WHOLE}"
        ),
    );
}

/// What stands for TMPDIR: none, none that is there, none that can be written, no folder, an empty one.
const TEMPORARY: [Option<&str>; 5] = [
    None,
    Some("/nonexistent/tmp"),
    Some("/proc"),
    Some("/dev/null"),
    Some(""),
];

/// No worker needs a folder for temporary files, or that data dir and lake are on the same disk.
#[test]
fn file_systems_apart_and_no_temporary_folder() {
    let shared_memory = PathBuf::from("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|folder| folder.dev()).ok();
    if [None, device(&std::env::temp_dir())].contains(&device(&shared_memory)) {
        e2e::skipped("/dev/shm is not on another file system");
        return;
    }
    let raw = e2e::bronze::Bronze::ordinary(1200).set(9, "DISTANCE", "far");
    let mut database = Server::shared().database();
    let wanted = Place::after("detect", raw.text());
    let mut cases = 0;
    for temporary in TEMPORARY {
        for data_in_memory in [true, false] {
            let (there, here) = (Place::within(&shared_memory), Place::new());
            let (data, lake) = if data_in_memory {
                (&there, &here)
            } else {
                (&here, &there)
            };
            lake.put("lake/01_bronze/2013.csv", raw.text());
            for name in ALL {
                let worker = match name {
                    "load" => database.load(data),
                    _ => data.worker_on(name, lake.path("lake").to_str().unwrap()),
                };
                let worker = match temporary {
                    Some(folder) => worker.env("TMPDIR", folder),
                    None => worker,
                };
                if name == "cleanup" {
                    let files = |place: &Place, below: &str| {
                        let mut files = place.files();
                        files.retain(|name, _| name.starts_with(below));
                        files
                    };
                    assert_same(&files(&wanted, "data/"), &files(data, "data/"));
                    assert_same(&files(&wanted, "lake/0"), &{
                        let mut files = files(lake, "lake/0");
                        files.remove("lake/01_bronze/2013.csv");
                        files
                    });
                }
                let _ = worker.run().summary();
                cases += 1;
            }
            assert_eq!(data.names("data/"), Vec::<String>::new());
        }
    }
    assert_ne!(
        database.value("SELECT count(*) FROM agg_dep_delay_by_date"),
        "0"
    );
    report(
        "data dir and lake on different file systems, TMPDIR missing, unwritable or a file",
        cases,
        "all done; files as undisturbed",
    );
}
