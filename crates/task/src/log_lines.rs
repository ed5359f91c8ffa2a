//! Log lines on stderr, each beginning with the worker's name, printed above any progress bar.

use std::io::{self, Write};

use crate::progress::BARS;

/// Sends the `log` macros of every crate to stderr as `name: message`.
pub(crate) fn start(name: &'static str, level: log::LevelFilter) {
    env_logger::Builder::new()
        .filter_level(level)
        // At each attempt it calls an error what the worker's one line will say.
        .filter_module("rustls_platform_verifier", log::LevelFilter::Off)
        .target(env_logger::Target::Pipe(Box::new(AboveBars)))
        .format(move |out, record| {
            let line = one_line(&record.args().to_string());
            match record.level() {
                log::Level::Error => writeln!(out, "{name}: error: {line}"),
                log::Level::Warn => writeln!(out, "{name}: warning: {line}"),
                _ => writeln!(out, "{name}: {line}"),
            }
        })
        .init();
}

/// The text on one line. Names of files and columns come from elsewhere: none of them can look like
/// another line, or give the terminal orders.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let mut line = String::new();
    for c in words.join(" ").chars() {
        match c.is_control() || turns_text(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// The marks of Unicode's bidirectional algorithm, which show a text in another order than it has, and those that
/// are not shown at all.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
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

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn no_text_looks_like_two_lines_or_gives_orders() {
        let text = "a\nload: error: b\r\u{2028}c \u{1b}[2J\0 größer \u{202e}1";
        assert_eq!(
            one_line(text),
            r"a load: error: b c \u{1b}[2J\u{0} größer \u{202e}1"
        );
    }
}
