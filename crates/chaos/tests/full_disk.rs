//! Disks that are full, or fail: each worker says so, and leaves nothing half done.

#![allow(clippy::unwrap_used)]

use std::fs;

use chaos::report::report;
use chaos::trace::{Point, Side, Then, points, some_times, trace};
use chaos::year::{Lake, MAKERS, Versions, Year};
use e2e::mounts;
use e2e::worker::{ALL, Finished};
use nix::errno::Errno;

/// What came of the year after each case.
const WHOLE: &str = "every file and the table whole, the year run again as undisturbed";

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
/// until all fits; not where nothing can be mounted.
fn on_disks_that_fill_up(step: usize) {
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
            let worker = year.worker(name);
            let Some(worker) = mounts::with_room(&year.place, worker, dir, 4 * pages) else {
                return;
            };
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
    report(
        &format!("a full disk, {} kB more each time until all fits", 4 * step),
        cases,
        &format!(
            "exit 1 and a line that names the place, until all fits; nothing half done is left; {WHOLE}"
        ),
    );
}

#[test]
fn a_disk_with_less_room_than_needed() {
    on_disks_that_fill_up(4);
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_disk_with_any_room() {
    on_disks_that_fill_up(1);
}

/// Whether a worker is about to make a call that needs room on a disk.
fn needs_room(point: &Point) -> bool {
    let on_disk = ["data", "lake"]
        .iter()
        .any(|dir| point.on.split('/').next() == Some(dir));
    let new = point.on.contains(".unfinished");
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
    let (mut cases, mut not_reached, mut went_on) = (0, 0, vec![]);
    for name in MAKERS {
        let mut points = points(versions.just_before(name, Lake::Folder).worker(name));
        points.retain(|point, _| needs_room(point));
        for (number, (point, times)) in points.iter().enumerate() {
            for (time, (error, stays)) in chosen(number, *times) {
                let mut year = versions.just_before(name, Lake::Folder);
                let (mut seen, mut failed) = (0, false);
                let finished = trace(year.worker(name), |at| {
                    let here = at == point;
                    seen += usize::from(here);
                    let broken = (here && seen == time) || (stays && seen >= time);
                    match broken && needs_room(at) {
                        true => {
                            failed = true;
                            Then::Fail(error)
                        }
                        false => Then::GoOn,
                    }
                });
                if !failed {
                    not_reached += 1;
                    continue;
                }
                cases += 1;
                match finished.code {
                    Some(0) => went_on.push(format!("{name}: {point}: {error}")),
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
    assert_eq!(went_on, [""; 0]);
    assert!(not_reached * 10 <= cases, "{not_reached} of {cases}");
    let outcome = format!("exit 1 with a line that says so; {WHOLE}");
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
        let times = some_times(times).into_iter();
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
        &format!("without a log done as ever, without a summary exit 1 and a clear line; {WHOLE}"),
    );
}
