//! What a test has to show: a line of the table that `make chaos` prints.

use std::io::Write;

/// Says what was done, how often, and what came of it; also where a passing test's output is not shown.
pub fn report(fault: &str, cases: usize, outcome: &str) {
    let line = format!("CHAOS: | {fault} | {cases} | {outcome} |\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
