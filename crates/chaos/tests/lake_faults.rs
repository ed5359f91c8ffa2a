//! A lake behind a line that breaks: each worker gets through, or fails with a clear line and changes nothing.

#![allow(clippy::unwrap_used)]

use chaos::proxy::{Fault, Proxy};
use chaos::report::report;
use chaos::year::{LAKE_WORKERS, Lake, Versions};

/// Faults, the same with each number of bytes of `after`.
fn faults(after: &[usize]) -> Vec<Fault> {
    let mut faults = vec![
        Fault::Refuse,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Slow(1 << 20),
    ];
    for &after in after {
        faults.extend([
            Fault::ResetUpload(after),
            Fault::ResetDownload(after),
            Fault::CloseDownload(after),
        ]);
    }
    faults
}

/// Runs each worker through a line with each fault, in its first `times` connections; whether it got
/// through, the year is whole and can be run again. How many did, and the errors of those that did not.
fn through(faults: &[Fault], times: &[usize]) -> (usize, Vec<String>) {
    let mut versions = Versions::usual();
    let (mut passed, mut failed) = (0, vec![]);
    for name in LAKE_WORKERS {
        for &fault in faults {
            for &times in times {
                let mut year = versions.begin(Lake::Bucket);
                year.run_up_to(name);
                let s3 = year.bucket.as_ref().unwrap();
                let proxy = Proxy::start(s3.address, fault, times);
                let line = s3.variables_at(proxy.address);
                let finished = year.worker(name).envs(&line).run();
                assert!(proxy.faults() > 0, "{name}: {fault:?} never happened");
                match finished.code {
                    Some(0) => passed += 1,
                    _ => {
                        let error = finished.error();
                        assert!(error.contains("lake") || error.contains("s3://"), "{error}");
                        failed.push(format!("{name}: {fault:?}: {error}"));
                    }
                }
                year.assert_whole();
                year.assert_recovers();
            }
        }
    }
    (passed, failed)
}

#[test]
fn a_line_that_breaks_a_few_times() {
    let (passed, failed) = through(&faults(&[0, 300, 20_000]), &[2]);
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
    let after: Vec<usize> = (0..24).map(|step| step * step * 450).collect();
    let (passed, failed) = through(&faults(&after), &[1, 4]);
    assert_eq!(failed, [""; 0]);
    report(
        "S3: the same at many places, once and four times each",
        passed,
        "as above",
    );
}

/// Longer than any patience: a clear line, and nothing is changed.
#[test]
fn a_line_that_never_works() {
    let mut versions = Versions::usual();
    let mut failed = 0;
    for name in LAKE_WORKERS {
        for fault in [Fault::Refuse, Fault::Status(503)] {
            let mut year = versions.begin(Lake::Bucket);
            year.run_up_to(name);
            let before = year.files();
            let s3 = year.bucket.as_ref().unwrap();
            let proxy = Proxy::start(s3.address, fault, usize::MAX);
            let line = s3.variables_at(proxy.address);
            let finished = year.worker(name).envs(&line).run();
            assert_eq!(finished.code, Some(1), "{finished:?}");
            let error = finished.error();
            assert!(error.contains("s3://flights"), "{error}");
            // What the worker makes may be in the data dir, complete; the lake is as it was.
            for (file, bytes) in year.files() {
                let same = before.get(&file).is_some_and(|old| *old == bytes);
                assert!(same || file.starts_with("data/"), "{file}");
            }
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
