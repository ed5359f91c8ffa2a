//! For `cargo test` Cargo builds a binary only where its package has an integration test, as this
//! one. The tests in `crates/e2e` run the binaries of all workers.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn tells_its_name_and_version() {
    let worker = Command::new(env!("CARGO_BIN_EXE_compare"))
        .arg("--version")
        .output();
    let worker = worker.unwrap();
    assert_eq!(worker.status.code(), Some(0));
    let wanted = concat!("compare ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8(worker.stdout).unwrap(), wanted);
}
