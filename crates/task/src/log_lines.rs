//! Log lines on stderr, each beginning with the worker's name, printed above any progress bar.

use std::io::{self, Write};

use crate::progress::BARS;

/// Sends the `log` macros of every crate to stderr as `name: message`.
pub(crate) fn start(name: &'static str, level: log::LevelFilter) {
    env_logger::Builder::new()
        .filter_level(level)
        .target(env_logger::Target::Pipe(Box::new(AboveBars)))
        .format(move |out, record| match record.level() {
            log::Level::Error => writeln!(out, "{name}: error: {}", record.args()),
            log::Level::Warn => writeln!(out, "{name}: warning: {}", record.args()),
            _ => writeln!(out, "{name}: {}", record.args()),
        })
        .init();
}

struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
