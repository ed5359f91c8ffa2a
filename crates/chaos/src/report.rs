//! What a test has to show: a line of the table that `make chaos` prints.

use std::io::Write;

/// Says what was done, how often, and what came of it; also where a passing test's output is not shown.
pub fn report(fault: &str, cases: usize, outcome: &str) {
    let line = format!("CHAOS: | {fault} | {cases} | {outcome} |\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The case that a test is at, which is told when it fails there.
pub struct Case(pub String);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "CHAOS: failed at {}", self.0);
        }
    }
}
