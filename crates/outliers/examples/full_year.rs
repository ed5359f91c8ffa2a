//! What a year of the size of the real ones costs: 350 airports and 365 days through every model.
//!
//! `cargo run --release -p outliers --example full_year`
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use outliers::MODELS;

fn main() {
    let rows = common::Rows::made_up(350, 365, 1);
    println!("{} airports, {} rows", rows.airports.len(), rows.day.len());
    println!("peak memory before the models: {}", peak_memory());
    for model in MODELS {
        let start = Instant::now();
        let verdict = rows.judge(model, 0.01);
        let seconds = start.elapsed().as_secs_f64();
        let flags = verdict.flag.iter().filter(|flag| **flag).count();
        println!("{:<18} {seconds:.3} s, {flags} flagged", model.name);
    }
    println!("peak memory: {}", peak_memory());
}

/// The most memory the process has had, as Linux counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}
