//! Workers that get less than they ask for: memory, descriptors, room on a disk, the right to write.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use chaos::memory::Ceiling;
use chaos::report::report;
use chaos::trace::{Point, Side, Then, trace};
use chaos::year::{Lake, MAKERS, RUNS, Versions, Year};
use e2e::YEAR;
use e2e::bronze::{HEADER, flight};
use e2e::mounts;
use e2e::place::{Place, assert_same};
use e2e::postgres::{Database, Server};
use e2e::worker::{ALL, Finished, Worker};
use nix::errno::Errno;

/// 512 MB, in kB.
const CEILING: u64 = 512 << 10;

/// A raw file with some flights of each of so many airports on the first 28 days of each month.
fn every_day(airports: usize, flights: usize) -> String {
    let mut text = format!("{HEADER}\n");
    for day in 0..12 * 28 {
        let date = format!("{YEAR}-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        for at in 0..airports * flights {
            let letter =
                |power: u32| char::from(b'A' + (at % airports / 26_usize.pow(power) % 26) as u8);
            let origin: String = (0..3).map(letter).collect();
            let delay = match (day + at) % 50 {
                0 => String::new(),
                _ => format!("{}.0", (day * 31 + at * 7919) % 150),
            };
            text += &flight(&date, &origin, &delay).join(",");
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
        for kb in [1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10] {
            let mut year = versions.just_before(name, Lake::Folder);
            let finished = Ceiling::of(kb).run(year.worker(name)).finished;
            cases += 1;
            ended += usize::from(finished.code != Some(0));
            year.assert_whole();
            year.assert_recovers();
        }
    }
    assert!(ended >= MAKERS.len(), "{ended}");
    report(
        "too little memory: 1 to 16 MB",
        cases,
        &format!("{ended} ended by it; as above"),
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
        "all done; the year as undisturbed",
    );
}

/// Said at once: in the middle of its work a library might panic. With three a program does not even find the system's
/// libraries.
#[test]
fn too_few_descriptors() {
    let mut versions = Versions::usual();
    let limits = [4, 5, 8, 16, 32, 63];
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

/// The error of a disk that is full says so and what to do.
fn assert_says_full(finished: &Finished) {
    let error = finished.error();
    assert!(error.contains("free some space and run again"), "{error}");
}

/// Puts what a worker left on a disk of its own where the folder was.
fn keep(year: &Year<'_>, dir: &str) {
    let after = year.place.path(&format!("{dir}.after"));
    fs::remove_dir_all(year.place.path(dir)).unwrap();
    fs::rename(after, year.place.path(dir)).unwrap();
}

/// Runs each worker that writes on a disk with room for nothing, then for `step` pages more, and so on
/// until all fits. `None` where nothing can be mounted.
fn on_disks_that_fill_up(step: usize) -> Option<usize> {
    let mut versions = Versions::usual();
    let mut cases = 0;
    for (name, dir) in [
        ("extract", "data"),
        ("clean", "data"),
        ("aggregate", "data"),
        ("detect", "data"),
        ("clean", "lake"),
        ("aggregate", "lake"),
    ] {
        for pages in (0..).step_by(step) {
            let mut year = versions.just_before(name, Lake::Folder);
            let worker = mounts::with_room(&year.place, year.worker(name), dir, 4 * pages)?;
            let finished = worker.run();
            keep(&year, dir);
            let fits = finished.code == Some(0);
            if !fits {
                assert_says_full(&finished);
                let place = year.place.path(dir);
                assert!(finished.error().contains(place.to_str().unwrap()));
                let names = year.place.names("");
                let hidden = names.iter().find(|name| name.ends_with(".unfinished"));
                assert_eq!(hidden, None);
            }
            year.assert_whole();
            year.assert_recovers();
            cases += 1;
            if fits {
                assert!(pages > 0, "{name} needs no room in {dir}");
                break;
            }
        }
    }
    Some(cases)
}

const FULL_DISK: &str = "exit 1 and a line that names the place, until all fits; every file whole, \
                         none half done; with room again the year as undisturbed";

#[test]
fn a_disk_with_less_room_than_needed() {
    if let Some(cases) = on_disks_that_fill_up(4) {
        report(
            "a full disk, room for 0, 16, 32, … kB until all fits",
            cases,
            FULL_DISK,
        );
    }
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_disk_with_any_room() {
    if let Some(cases) = on_disks_that_fill_up(1) {
        report(
            "a full disk, room for 0, 4, 8, … kB until all fits",
            cases,
            FULL_DISK,
        );
    }
}

/// Whether a worker is about to make a call that needs room on a disk.
fn needs_room(point: &Point) -> bool {
    let on_disk = ["data/", "lake/"]
        .iter()
        .any(|dir| point.on.starts_with(dir));
    let new = point.on.contains(".unfinished") || point.on.contains('#');
    let needs = match point.call {
        "openat" | "open" => new,
        "write" | "pwrite64" | "writev" | "copy_file_range" | "fsync" | "fdatasync" | "mkdir"
        | "rename" | "renameat" | "renameat2" | "link" | "linkat" => true,
        _ => false,
    };
    on_disk && needs && point.side == Side::Before
}

/// What the disk says, and whether it goes on saying so.
const DISKS: [(Errno, bool); 3] = [
    (Errno::ENOSPC, true),
    (Errno::EDQUOT, true),
    (Errno::EIO, false),
];

/// Lets the disk be full, or fail once, from each write of each worker on.
fn from_each_write_on(chosen: impl Fn(usize, usize) -> Vec<(usize, (Errno, bool))>) -> usize {
    let mut versions = Versions::usual();
    let (mut cases, mut went_on) = (0, 0);
    for name in MAKERS {
        let mut points = BTreeMap::<_, usize>::new();
        let year = versions.just_before(name, Lake::Folder);
        let finished = trace(year.worker(name), |point| {
            if needs_room(point) {
                *points.entry(point.clone()).or_default() += 1;
            }
            Then::GoOn
        });
        let _ = finished.summary();
        drop(year);
        for (number, (point, times)) in points.iter().enumerate() {
            for (time, (error, stays)) in chosen(number, *times) {
                let mut year = versions.just_before(name, Lake::Folder);
                let mut seen = 0;
                let finished = trace(year.worker(name), |at| {
                    let here = at == point;
                    seen += usize::from(here);
                    let broken = (here && seen == time) || (stays && seen >= time);
                    match broken && needs_room(at) {
                        true => Then::Fail(error),
                        false => Then::GoOn,
                    }
                });
                cases += 1;
                match finished.code {
                    Some(0) => went_on += 1,
                    _ if stays => assert_says_full(&finished),
                    _ => assert!(
                        finished.error().contains("/data") || finished.error().contains("/lake")
                    ),
                }
                year.assert_whole();
                year.assert_recovers();
            }
        }
    }
    assert!(went_on < cases / 2, "{went_on} of {cases}");
    let outcome = format!(
        "{} with exit 1 and a line that says so, {went_on} got through; as above",
        cases - went_on
    );
    report(
        "a disk that is full (ENOSPC, EDQUOT), or fails once (EIO), at each call that writes",
        cases,
        &outcome,
    );
    cases
}

#[test]
fn a_disk_that_is_full_at_some_writes() {
    let cases = from_each_write_on(|number, _| vec![(1, DISKS[number % 3])]);
    assert!(cases >= 20, "{cases}");
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_disk_that_is_full_at_each_write() {
    let cases = from_each_write_on(|_, times| {
        let times = std::collections::BTreeSet::from([1, times.div_ceil(2), times]);
        let times = times.into_iter();
        times
            .flat_map(|time| DISKS.map(|disk| (time, disk)))
            .collect()
    });
    assert!(cases >= 100, "{cases}");
}

/// A summary that cannot be written is a failure; a log that cannot be written is none.
#[test]
fn streams_onto_a_full_disk() {
    let mut versions = Versions::usual();
    for name in ALL {
        let mut year = versions.just_before(name, Lake::Folder);
        let worker = year.worker(name).in_shell("exec \"$@\" 2>/dev/full");
        let _ = worker.run().summary();
        year.assert_whole();
        let worker = year.worker(name).in_shell("exec \"$@\" >/dev/full");
        let finished = worker.run();
        assert!(
            finished.error().contains("No space left on device"),
            "{finished:?}"
        );
        year.assert_whole();
        year.assert_recovers();
    }
    report(
        "stdout, or stderr, onto a full disk",
        2 * ALL.len(),
        "without a log done as ever, without a summary exit 1 and a clear line; as above",
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
        "who writes there: exit 1 and a line that names it; the others are done as ever; as above",
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
