//! What the tests in `tests/` need to run the workers as a user does: their binaries, a place with
//! a data dir and a lake, raw files, an S3 server, a PostgreSQL server, certificates.
//!
//! The tests run the binaries beside their own. `cargo test --release --workspace` builds both;
//! `cargo test -p e2e` runs the binaries as they were built last.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod authority;
pub mod bronze;
pub mod mounts;
pub mod parquet_file;
pub mod place;
pub mod postgres;
pub mod psql;
pub mod s3;
pub mod stall;
pub mod tls;
pub mod worker;

use std::io::Write;
use std::time::{Duration, Instant};

/// The year that the tests work on where one is as good as another.
pub const YEAR: i32 = 2013;

/// Waits until `done` says yes; `what` says what never came, after a generous while.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says that the running test cannot do its work here, where it is seen and counted: what a passing
/// test prints with `eprintln!` is not.
pub fn skipped(why: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap();
    let line = format!("SKIPPED: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
