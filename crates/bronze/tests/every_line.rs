//! Every line of a file is accounted for, wherever quotes and line breaks are.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use arrow_array::RecordBatch;
use bronze::{Batch, Flight, Notes, Reader, Reject};
use flights::Cancellations;
use flights::silver::COLUMNS;
use proptest::collection::vec;
use proptest::prelude::*;

/// What became of a file.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    read: u64,
    cancellations: Cancellations,
    notes: Notes,
    flights: Vec<Flight>,
    rejects: Vec<Reject>,
}

impl Outcome {
    /// Read, or dropped because there is no departure delay.
    fn kept(&self) -> u64 {
        self.read + u64::from(self.cancellations.total().not_flown)
    }

    fn rows(&self) -> u64 {
        self.kept() + self.rejects.iter().map(Reject::lines).sum::<u64>()
    }
}

/// By the reader that is for it, as `clean` does.
fn read(text: &[u8]) -> Outcome {
    read_on(2, text)
}

fn read_on(threads: usize, text: &[u8]) -> Outcome {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let reader = Reader::open(file.path(), 2013).unwrap();
    let make = |_, rows: RecordBatch| Ok(rows.num_rows());
    let mut outcome = Outcome::default();
    let mut add = |batch: Batch<usize>| {
        assert_eq!(batch.made as u64, batch.read);
        outcome.read += batch.read;
        outcome.cancellations.add_all(&batch.cancellations);
        outcome.notes.add(batch.notes);
        outcome.flights.extend(batch.flights);
        outcome.rejects.extend(batch.rejects);
        Ok(())
    };
    if !reader.unquoted(threads, make, &mut add).unwrap() {
        // Nothing was taken from a small file before its quote was met.
        reader.quoted(make, &mut add).unwrap();
    }
    outcome
}

/// The known columns, behind an unknown one.
fn header() -> String {
    let names: Vec<_> = COLUMNS.iter().map(|c| c.bronze_name()).collect();
    format!("TAIL_NUM,{},", names.join(","))
}

fn row(tail: &str, day: u32) -> String {
    format!("{tail},2013-01-{day:02},UA,1545,JFK,IAH,515,,2.0,,,,819,,,,,,,,,,,,,,,,")
}

fn file(rows: impl IntoIterator<Item = String>) -> String {
    let rows: Vec<_> = std::iter::once(header()).chain(rows).collect();
    rows.join("\n") + "\n"
}

#[test]
fn two_stray_quotes_far_apart_lose_their_own_rows_only() {
    let tail = |i| match i {
        1_000 => "\"N1",
        101_000 => "x\"",
        _ => "N1",
    };
    let outcome = read(file((0..102_000).map(|i| row(tail(i), 1))).as_bytes());
    assert_eq!((outcome.read, outcome.rejects.len()), (101_999, 1));
    let stray = &outcome.rejects[0];
    assert_eq!(stray.line, 1_002);
    assert_eq!(stray.reason, "field 1: a quote is not closed");
    assert_eq!(stray.row, row("\"N1", 1).as_bytes());
}

#[test]
fn a_line_break_belongs_to_an_unknown_column_only() {
    let outcome = read(file([row("\"a, b\n\nc\"", 1), row("", 32)]).as_bytes());
    assert_eq!(outcome.read, 1);
    assert_eq!(outcome.rejects[0].line, 5);

    let torn = row("N1", 1).replace("IAH", "\"I\nAH\"");
    let outcome = read(file([torn.clone(), row("N1", 2)]).as_bytes());
    assert_eq!(outcome.read, 1);
    let rejects: Vec<_> = outcome.rejects.iter().map(|r| (r.line, &r.row)).collect();
    let halves: Vec<_> = torn.lines().map(|l| l.as_bytes().to_vec()).collect();
    assert_eq!(rejects, [(2, &halves[0]), (3, &halves[1])]);
    assert_eq!(outcome.rejects[0].reason, "dest: a quote is not closed");
}

#[test]
fn a_quote_that_is_open_at_the_end_of_the_file() {
    for end in ["", "\n", "\n\n\nmore"] {
        let text = file([row("N1", 1), row("\"N1", 2)]);
        let outcome = read([text.trim_end(), end].concat().as_bytes());
        assert_eq!((outcome.read, outcome.rejects[0].line), (1, 3), "{end:?}");
    }
}

#[test]
fn a_row_is_rejected_with_the_bytes_it_has() {
    let bad = " \t\u{c}x\u{a0}\0\t ";
    let outcome = read(file([row("\"N1\"", 1), bad.into()]).as_bytes());
    assert_eq!(outcome.rejects[0].row, bad.as_bytes());
}

#[test]
fn a_date_of_nul_bytes() {
    let nul = row("N1", 1).replace("2013-01-01", &"\0".repeat(10));
    assert_eq!(read(file([nul]).as_bytes()).rejects.len(), 1);
}

/// Line numbers are those of an editor, whichever way lines end.
#[test]
fn line_numbers() {
    for quote in ["N1", "\"N1\""] {
        let rows = [row(quote, 1), String::new(), row(quote, 32), row(quote, 33)];
        let text = format!("\n\n{}", file(rows));
        for end in ["\n", "\r\n", "\r"] {
            let outcome = read(text.replace('\n', end).as_bytes());
            let lines: Vec<_> = outcome.rejects.iter().map(|r| r.line).collect();
            assert_eq!((outcome.read, lines), (1, vec![6, 7]), "{quote} {end:?}");
        }
    }
}

/// A quote in the header swallows no rows either.
#[test]
fn a_stray_quote_in_the_header() {
    let text = file([row("N1", 1), row("N\"1", 2)]);
    let last = text
        .replacen("DELAY,\n", "DELAY,\"OTHER\n", 1)
        .replace(",\n", ",,\n");
    assert_eq!(read(last.as_bytes()).read, 2);
}

/// What was not flown or was cancelled is counted alike by both readers; a row that cannot be read
/// counts nowhere.
#[test]
fn cancelled_flights() {
    let flight = |tail: &str, delay: &str, cancelled: &str, day| {
        let row = row(tail, day).replacen(",2.0,,,,819,", &format!(",{delay},,,,819,"), 1);
        let mut fields: Vec<_> = row.split(',').collect();
        let at = |name| 1 + COLUMNS.iter().position(|c| c.name == name).unwrap();
        fields[at("cancelled")] = cancelled;
        // It left, and was cancelled after that.
        if delay == "7.0" {
            fields[at("dep_time")] = "522.0";
        }
        fields.join(",")
    };
    for tail in ["N1", "\"N1\""] {
        let outcome = read(
            file([
                flight(tail, "2.0", "0.0", 1),
                flight(tail, "", "1.0", 1),
                flight(tail, "", "1", 2),
                flight(tail, "7.0", "1.0", 2),
                flight(tail, "0.0", "1.0", 4),
                flight(tail, "", "0.0", 3),
                flight(tail, "", "", 3),
                flight(tail, "late", "1.0", 3),
                flight(tail, "", "1.0", 32),
            ])
            .as_bytes(),
        );
        assert_eq!((outcome.read, outcome.rejects.len()), (2, 2));
        assert_eq!(
            outcome.cancellations.to_string(),
            "JFK,2013-01-01,1,1\nJFK,2013-01-02,1,2\nJFK,2013-01-03,2,0\nJFK,2013-01-04,1,1\n"
        );
        assert_eq!(outcome.notes.cancelled_with_delay, 1);
    }
}

/// Pieces of a file that have an airport-day in common add up.
#[test]
fn any_number_of_threads_counts_the_same() {
    let flight = |i: u32| {
        let row = row("N1", 1 + i % 28);
        if i.is_multiple_of(3) {
            row.replacen(",2.0,", ",,", 1)
        } else {
            row
        }
    };
    let text = file((0..600_000).map(flight));
    assert!(text.len() > 2 * (16 << 20), "three pieces");
    let outcome = read_on(1, text.as_bytes());
    assert_eq!(outcome.cancellations.total().not_flown, 200_000);
    for threads in [2, 3] {
        assert_eq!(read_on(threads, text.as_bytes()), outcome);
    }
}

/// Rows, most of them right, in which quotes may stand anywhere.
fn rows_with_quotes() -> impl Strategy<Value = Vec<String>> {
    let tail = "[\"a]{0,3}";
    let quotes = vec((any::<prop::sample::Index>(), "\"{1,2}"), 0..3);
    let row = (tail, 1..33u32, quotes).prop_map(|(tail, day, quotes)| {
        let mut row = row(&tail, day);
        for (at, quote) in quotes {
            row.insert_str(at.index(row.len() + 1), &quote);
        }
        row
    });
    vec(prop_oneof![9 => row, 1 => Just(String::new())], 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Each row has its commas, so none can be part of another: each is read, dropped or rejected.
    #[test]
    fn no_quote_swallows_a_row(
        rows in rows_with_quotes(), end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]
    ) {
        let outcome = read(file(rows.clone()).replace('\n', end).as_bytes());
        let wanted = rows.iter().filter(|row| !row.is_empty()).count() as u64;
        prop_assert_eq!(outcome.rows(), wanted);
        for reject in &outcome.rejects {
            prop_assert_eq!(&reject.row, rows[reject.line as usize - 2].as_bytes());
        }
    }

    /// What is no row at all: a line is either rejected with its own bytes or part of a row.
    #[test]
    fn no_line_is_lost(lines in vec(prop_oneof![
        "[\",a]{0,8}", Just(row("\"", 1)), Just(row("N\"", 1)), Just(row("N1", 1)), Just(row("\"\"", 33))
    ], 0..12)) {
        let outcome = read(file(lines.clone()).as_bytes());
        let rejected = |at: usize| outcome.rejects.iter().find(|r| r.line as usize == at + 2);
        let mut others = vec![];
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            match rejected(at) {
                Some(reject) => prop_assert_eq!(&reject.row, line.as_bytes()),
                None => others.push(line),
            }
        }
        // A row has two rows' commas at most, less one.
        let kept = outcome.kept();
        let commas = others.iter().flat_map(|line| line.bytes()).filter(|b| *b == b',').count() as u64;
        prop_assert!(kept <= others.len() as u64);
        prop_assert!(commas >= 28 * kept && commas < (2 * 28) * kept.max(1), "{} {}", commas, kept);
    }

    /// Any text in the unknown column is right as long as it is quoted, and has fewer commas than a
    /// row where it has line breaks.
    #[test]
    fn quoted_text_is_legal(tails in vec("[a, \"\n\r]{0,30}", 1..8)) {
        let mut text = csv::Writer::from_writer(vec![]);
        for tail in &tails {
            let row = row("", 1);
            let fields = std::iter::once(tail.as_str()).chain(row.split(',').skip(1));
            text.write_record(fields).unwrap();
        }
        let rows = String::from_utf8(text.into_inner().unwrap()).unwrap();
        let outcome = read(format!("{}\n{rows}", header()).as_bytes());
        let legal = tails.iter().filter(|t| !t.contains('\n') || t.matches(',').count() < 28).count();
        prop_assert_eq!(outcome.read, legal as u64, "{:?}", outcome.rejects);
    }
}
