//! A lake behind a line that breaks: each worker gets through, or fails with a clear line and changes nothing.

#![allow(clippy::unwrap_used)]

use chaos::proxy::{Fault, Proxy};
use std::fs::File;
use std::io::Write;
use std::thread;
use std::time::Instant;

use chaos::report::report;
use chaos::trace::{Point, Then, points, trace};
use chaos::year::{LAKE_WORKERS, Lake, Versions, in_the_lake};
use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same};
use e2e::s3::{BUCKET, S3};
use e2e::worker::Worker;
use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Faults, those of some bytes after each of `steps` parts of what one connection has of a worker that nothing
/// disturbs.
fn faults([up, down]: [usize; 2], steps: usize) -> Vec<Fault> {
    let mut faults = vec![
        Fault::Refuse,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Slow(64 << 10),
    ];
    for step in 0..steps {
        faults.extend([
            Fault::ResetUpload(up * step / steps),
            Fault::ResetDownload(down * step / steps),
            Fault::CloseDownload(down * step / steps),
        ]);
    }
    faults
}

/// Runs each worker through a line with each fault, in its first `times` connections; whether it got
/// through, the year is whole and can be run again. How many did, and the errors of those that did not.
fn through(steps: usize, times: &[usize]) -> (usize, Vec<String>) {
    let mut versions = Versions::usual();
    let (mut passed, mut missed, mut failed) = (0, 0, vec![]);
    for name in LAKE_WORKERS {
        let year = versions.just_before(name, Lake::Bucket);
        let s3 = year.bucket.as_ref().unwrap();
        let proxy = Proxy::start(s3.address, Fault::Refuse, 0);
        let line = s3.variables_at(proxy.address);
        let _ = year.worker(name).envs(&line).run().summary();
        drop(year);
        for fault in faults(proxy.most(), steps) {
            for &times in times {
                let mut year = versions.just_before(name, Lake::Bucket);
                let s3 = year.bucket.as_ref().unwrap();
                let proxy = Proxy::start(s3.address, fault, times);
                let line = s3.variables_at(proxy.address);
                let start = Instant::now();
                let finished = year.worker(name).envs(&line).run();
                if let Fault::Slow(rate) = fault {
                    let slowest = proxy.most().into_iter().max().unwrap_or(0) / rate;
                    assert!(start.elapsed().as_secs() as usize >= slowest, "{name}");
                }
                if proxy.faults() == 0 {
                    // The worker had more connections than before, with fewer bytes each.
                    missed += 1;
                    continue;
                }
                match finished.code {
                    Some(0) => passed += 1,
                    _ => {
                        let error = finished.error();
                        assert!(error.contains("lake") || error.contains("s3://"), "{error}");
                        failed.push(format!("{name}: {fault:?}: {error}"));
                    }
                }
                year.assert_whole();
                year.assert_recovers_from(name);
            }
        }
    }
    assert!(missed * 10 < passed, "{missed} faults never happened");
    (passed, failed)
}

#[test]
fn a_line_that_breaks_a_few_times() {
    let (passed, failed) = through(3, &[2]);
    assert_eq!(failed, [""; 0]);
    report(
        "S3: refused, reset, closed in mid-body, slow, 500, 503; twice each",
        passed,
        "every worker got through; every file and object whole, the year as undisturbed",
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_line_that_breaks_in_many_places() {
    let (passed, failed) = through(16, &[1, 4]);
    assert_eq!(failed, [""; 0]);
    report(
        "S3: the same at many places, once and four times each",
        passed,
        "as above",
    );
}

/// A year whose silver is more than 8 MB, so that it goes up in parts.
struct InParts {
    s3: S3,
    place: Place,
    /// The key of silver.
    silver: String,
    /// What it is when nothing disturbs `clean`.
    whole: Vec<u8>,
    /// The most that one connection of `clean` sent.
    up: usize,
}

impl InParts {
    fn new() -> InParts {
        let mut bronze = Bronze::ordinary(300_000);
        // Numbers that do not compress.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for row in &mut bronze.rows {
            for at in [9, 10, 13, 14, 18, 19, 20, 21] {
                row[at] = format!("{:.4}", random.random_range(0.0..2e4));
            }
        }
        let s3 = S3::start();
        s3.put("01_bronze/2013.csv", bronze.text());
        let place = Place::new();
        let worker = |name| place.worker_on(name, &format!("s3://{BUCKET}"));
        let _ = worker("extract").envs(&s3.variables()).run().summary();
        let undisturbed = Proxy::start(s3.address, Fault::Refuse, 0);
        let line = s3.variables_at(undisturbed.address);
        let _ = worker("clean").envs(&line).run().summary();
        let mut keys = s3.keys().into_iter();
        let silver = keys.find(|key| key.contains("silver")).unwrap();
        let whole = s3.get(&silver);
        assert!(whole.len() > 9 << 20, "{}", whole.len());
        let [up, _] = undisturbed.most();
        InParts {
            s3,
            place,
            silver,
            whole,
            up,
        }
    }

    /// Lays another silver into the lake.
    fn put_older(&self) {
        self.s3.put(&self.silver, "older");
    }

    fn clean(&self) -> Worker {
        let worker = self.place.worker_on("clean", &format!("s3://{BUCKET}"));
        worker.envs(&self.s3.variables())
    }
}

/// Each request of the upload is reset, or its answer cut off.
fn an_upload_in_parts(what: &str, cuts: usize, steps: usize) {
    let year = InParts::new();
    let mut faults: Vec<Fault> = (0..steps)
        .map(|step| Fault::ResetUpload(year.up * step / steps))
        .collect();
    // The answer to the beginning of the upload, to a part, which has no body, and to its end.
    for (to, bytes) in [("?uploads", 300), ("partNumber=", 90), ("?uploadId=", 300)] {
        faults.extend((0..cuts).map(|cut| Fault::CutAnswer {
            to,
            after: bytes * cut / cuts,
        }));
    }
    let mut cases = 0;
    for &fault in &faults {
        for times in [1, 3] {
            let proxy = Proxy::start(year.s3.address, fault, times);
            let line = year.s3.variables_at(proxy.address);
            year.put_older();
            let _ = year.clean().envs(&line).run().summary();
            assert!(proxy.faults() > 0, "{fault:?} never happened");
            let silver = year.s3.get(&year.silver);
            assert!(silver == year.whole, "{fault:?}: another silver");
            cases += 1;
        }
    }
    report(
        what,
        cases,
        "every upload got through, silver as undisturbed",
    );
}

#[test]
fn an_upload_in_parts_that_breaks() {
    an_upload_in_parts(
        "S3: an upload in parts that breaks, once and three times",
        1,
        2,
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn an_upload_in_parts_that_breaks_in_many_places() {
    an_upload_in_parts(
        "S3: an upload in parts that breaks in many places, once and three times",
        6,
        12,
    );
}

/// Before and after each request of the upload: its beginning, its parts, its end, the look at what came of it.
#[test]
fn an_upload_in_parts_that_is_killed() {
    let year = InParts::new();
    let is_of_it = |point: &Point| {
        let mut methods = ["POST", "PUT", "HEAD"].into_iter();
        methods.any(|method| {
            let request = format!("{method} /{BUCKET}/02_silver/");
            point.on.starts_with(&request)
        })
    };
    let mut points = points(year.clean());
    points.retain(|point, _| is_of_it(point));
    let requests: usize = points.values().sum();
    assert!(requests >= 8, "before and after each of four: {points:?}");
    let (mut older, mut newer) = (0, 0);
    for request in 0..requests {
        year.put_older();
        let mut come = 0;
        let finished = trace(year.clean(), |point| {
            come += usize::from(is_of_it(point));
            match come > request {
                true => Then::Signal(Signal::SIGKILL),
                false => Then::GoOn,
            }
        });
        assert_eq!(finished.code, None, "{request}: {finished:?}");
        let silver = year.s3.get(&year.silver);
        match silver == year.whole {
            true => newer += 1,
            false => {
                assert!(silver == b"older", "{request}: silver is half done");
                older += 1;
            }
        }
        let _ = year.clean().run().summary();
        let silver = year.s3.get(&year.silver);
        assert!(silver == year.whole, "{request}: another silver");
    }
    assert!(older > 4 && newer > 0, "{older}, {newer}");
    report(
        "S3: killed before and after each request of an upload in parts",
        requests,
        &format!(
            "silver the older {older} and the newer one {newer} times, whole; run again as undisturbed"
        ),
    );
}

/// Longer than any patience: a clear line, and nothing is changed.
#[test]
fn a_line_that_never_works() {
    let mut versions = Versions::usual();
    let mut failed = 0;
    for name in LAKE_WORKERS {
        for fault in [Fault::Refuse, Fault::Status(503)] {
            let mut year = versions.just_before(name, Lake::Bucket);
            let before = year.files();
            let s3 = year.bucket.as_ref().unwrap();
            let proxy = Proxy::start(s3.address, fault, usize::MAX);
            let line = s3.variables_at(proxy.address);
            let finished = year.worker(name).envs(&line).run();
            assert_eq!(finished.code, Some(1), "{finished:?}");
            let error = finished.error();
            assert!(error.contains("s3://flights"), "{error}");
            // What the worker makes may be in the data dir, complete; the lake is as it was.
            assert_same(&in_the_lake(before), &in_the_lake(year.files()));
            year.assert_whole();
            year.assert_recovers();
            failed += 1;
        }
    }
    report(
        "S3: refused or 503 for good",
        failed,
        "exit 1 and a line that names the lake; the lake unchanged, the year run again as undisturbed",
    );
}

/// The server says nothing any more: within a minute and some seconds the request is made anew.
#[test]
#[ignore = "make chaos: minutes"]
fn a_line_that_stalls() {
    let cases = [
        ("extract", "list-type", 0),
        ("extract", "/01_bronze/2013.csv", 20_000),
        ("clean", "PUT ", 0),
        ("aggregate", "PUT ", 0),
    ];
    thread::scope(|scope| {
        for (name, to, after) in cases {
            scope.spawn(move || {
                let (s3, place) = (S3::start(), Place::new());
                s3.put("01_bronze/2013.csv", Bronze::ordinary(900).text());
                let worker = |name| place.worker_on(name, &format!("s3://{BUCKET}"));
                for before in ["extract", "clean"]
                    .into_iter()
                    .take_while(|before| *before != name)
                {
                    let _ = worker(before).envs(&s3.variables()).run().summary();
                }
                let proxy = Proxy::start(s3.address, Fault::StallAnswer { to, after }, 1);
                let line = s3.variables_at(proxy.address);
                let start = Instant::now();
                let _ = worker(name).envs(&line).run().summary();
                let took = start.elapsed().as_secs();
                assert!(proxy.faults() == 1 && took < 90, "{name}, {to}: {took} s");
            });
        }
    });
    report(
        "S3: an answer that never ends",
        cases.len(),
        "every worker got through within 90 s",
    );
}

/// Two raw files of four parts of 8 MB that have the same size.
fn two_versions() -> [String; 2] {
    let versions = ["1.0", "2.0"].map(|delay| {
        let bronze = Bronze::ordinary(1).set(0, "DEP_DELAY", delay).text();
        let (head, row) = bronze.split_once('\n').unwrap();
        let mut text = format!("{head}\n");
        while text.len() < 26 << 20 {
            text.push_str(row);
        }
        text
    });
    assert_eq!(versions[0].len(), versions[1].len());
    versions
}

/// In a folder it may be written over in place, under its name, while it is read.
#[test]
fn a_raw_file_that_is_written_over_in_place() {
    let [old, new] = two_versions();
    let place = Place::new();
    let raw = "lake/01_bronze/2013.csv";
    let (mut cases, mut changed) = (0, 0);
    // Before and after the write of each of four parts.
    for write in 0..8 {
        place.put(raw, &old);
        let _ = place.worker("cleanup").run().summary();
        let mut seen = 0;
        let finished = trace(place.worker("extract"), |point| {
            if point.call == "write" && point.on.ends_with(".unfinished") {
                if seen == write {
                    let mut over = File::options().write(true).open(place.path(raw)).unwrap();
                    over.write_all(new.as_bytes()).unwrap();
                }
                seen += 1;
            }
            Then::GoOn
        });
        assert!(seen > write, "{seen}");
        if finished.code == Some(0) {
            let copy = place.get("data/2013_01_bronze.csv");
            assert!(
                copy == old.as_bytes() || copy == new.as_bytes(),
                "a mixture"
            );
        } else {
            let error = finished.error();
            assert!(
                error.contains("the object changed while it was read: run again"),
                "{error}"
            );
            assert_eq!(place.names("data/"), [""; 0]);
            changed += 1;
        }
        cases += 1;
    }
    assert!(changed > 3, "{changed}");
    report(
        "the raw file in a folder is written over in place while it is read",
        cases,
        &format!("{changed} times exit 1 and a line that says so"),
    );
}

/// The object is written anew before each of the requests that read it.
#[test]
fn an_object_that_changes_while_it_is_read() {
    let [old, new] = two_versions();
    let s3 = S3::start();
    let worker = |place: &Place| {
        let worker = place.worker_on("extract", &format!("s3://{BUCKET}"));
        worker.envs(&s3.variables())
    };
    s3.put("01_bronze/2013.csv", &old);
    let mut points = points(worker(&Place::new()));
    points.retain(|point, _| point.on.starts_with("GET /flights/01_bronze/2013.csv"));
    let requests: usize = points.values().sum();
    assert!(requests >= 8, "before and after each of four: {points:?}");
    let (mut changed, mut whole) = (0, 0);
    for request in 0..requests {
        s3.put("01_bronze/2013.csv", &old);
        let place = Place::new();
        let mut seen = 0;
        let finished = trace(worker(&place), |point| {
            if points.contains_key(point) {
                if seen == request {
                    s3.put("01_bronze/2013.csv", &new);
                }
                seen += 1;
            }
            Then::GoOn
        });
        if finished.code == Some(0) {
            let copy = place.get("data/2013_01_bronze.csv");
            assert!(
                copy == old.as_bytes() || copy == new.as_bytes(),
                "a mixture"
            );
            whole += 1;
        } else {
            let error = finished.error();
            assert!(
                error.contains("the object changed while it was read: run again"),
                "{error}"
            );
            assert_eq!(place.names("data/"), [""; 0]);
            changed += 1;
        }
        let _ = worker(&place).run().summary();
        assert!(place.get("data/2013_01_bronze.csv") == new.as_bytes());
    }
    assert!(changed > 3, "{changed}");
    let outcome = format!(
        "{changed} times exit 1 and a line that says so, {whole} times one version whole; run again, the newer one"
    );
    report(
        "S3: the object changes while it is read",
        requests,
        &outcome,
    );
}
