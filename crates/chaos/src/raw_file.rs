//! Raw files of which some rows are mutated, and what the reader makes of one.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use bronze::{Batch, Reader, Reject};
use flights::{Cancellations, silver};
use rand::{Rng, RngExt};
use tempfile::NamedTempFile;

use crate::mutation::mutate;

/// How a raw file is written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The end of each line.
    pub line_end: &'static str,
    /// There is a column that nobody knows, the first one.
    pub unknown: bool,
    /// Quotes may come to be in it; without them it is read in pieces, on several threads.
    pub quotes: bool,
}

impl Form {
    /// The byte that ends a line.
    #[must_use]
    pub fn end(&self) -> u8 {
        *self.line_end.as_bytes().last().unwrap()
    }
}

/// Rows that follow each other, each with its line end.
pub struct Part {
    /// The bytes of the rows.
    pub text: Vec<u8>,
    /// How many of the rows have a departure delay; `None`: they are mutated.
    pub flown: Option<usize>,
    /// How many of the rows are no longer there as they were.
    pub mutated: usize,
}

/// A file whose rows are partly mutated. Each mutated part stands between two that are not.
pub struct RawFile {
    /// The first line.
    pub header: Vec<u8>,
    /// What follows it.
    pub parts: Vec<Part>,
}

impl RawFile {
    /// The lines of a year of the sample lake, its header first.
    #[must_use]
    pub fn sample(year: i32) -> Vec<String> {
        let path = format!(
            "{}/../../examples/lake/01_bronze/{year}.csv.zst",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = zstd::decode_all(File::open(path).unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(String::from).collect()
    }

    /// Mutates about `mutated` of the rows, one to three at a time with the line ends between them.
    #[must_use]
    pub fn of(lines: &[String], form: Form, mutated: usize, random: &mut impl Rng) -> Self {
        let written = |line: &String, tail: &str| {
            let tail = if form.unknown { tail } else { "" };
            format!("{tail}{line}{}", form.line_end).into_bytes()
        };
        let (header, rows) = lines.split_first().unwrap();
        let groups = mutated as f64 / 2.0 / rows.len() as f64;
        let (mut parts, mut at) = (vec![], 0);
        while at < rows.len() {
            // At least one row stays as it is.
            let ends = (at + 1..rows.len()).find(|_| random.random_bool(groups));
            let untouched = &rows[at..ends.unwrap_or(rows.len())];
            let delay = |row: &&String| !row.split(',').nth(7).unwrap().is_empty();
            parts.push(Part {
                text: untouched
                    .iter()
                    .flat_map(|row| written(row, "N123,"))
                    .collect(),
                flown: Some(untouched.iter().filter(delay).count()),
                mutated: 0,
            });
            at += untouched.len();
            let group = &rows[at..rows.len().min(at + random.random_range(1..=3))];
            if group.is_empty() {
                break;
            }
            let group_written = group.iter().map(|row| written(row, "N123,"));
            let group_written: Vec<_> = group_written.collect();
            let mut text = group_written.concat();
            text.truncate(text.len() - form.line_end.len());
            for _ in group {
                let other = &rows[random.random_range(0..rows.len())];
                mutate(&mut text, other.as_bytes(), random);
            }
            if !form.quotes {
                text.retain(|byte| *byte != b'"');
            }
            text.extend_from_slice(form.line_end.as_bytes());
            let lines: Vec<_> = text.split_inclusive(|byte| *byte == form.end()).collect();
            let left = |row: &&Vec<u8>| lines.contains(&&row[..]);
            let mutated = group.len() - group_written.iter().filter(left).count();
            parts.push(Part {
                text,
                flown: None,
                mutated,
            });
            at += group.len();
        }
        RawFile {
            header: written(header, "TAIL_NUM,"),
            parts,
        }
    }

    /// The whole file.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        self.with(|_| true)
    }

    /// The file with some of its parts only.
    #[must_use]
    pub fn with(&self, which: impl Fn(&Part) -> bool) -> Vec<u8> {
        let mut text = self.header.clone();
        for part in self.parts.iter().filter(|part| which(part)) {
            text.extend_from_slice(&part.text);
        }
        text
    }

    /// How many rows are no longer as they were.
    #[must_use]
    pub fn mutated(&self) -> usize {
        self.parts.iter().map(|part| part.mutated).sum()
    }
}

/// What the reader made of a file.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The rows that were read, in order.
    pub rows: RecordBatch,
    /// The flights that were dropped or cancelled.
    pub cancellations: Cancellations,
    /// The rows that cannot be read.
    pub rejects: Vec<Reject>,
}

impl Outcome {
    /// Reads a text as `clean` does, once it is in `file`.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of(text: &[u8], file: &NamedTempFile, year: i32, threads: usize) -> Result<Self> {
        // Not empty in between: ext4 would then flush it when the reader closes it.
        file.as_file().write_all_at(text, 0)?;
        file.as_file().set_len(text.len() as u64)?;
        let reader = Reader::open(file.path(), year)?;
        match Outcome::read(&reader, Some(threads))? {
            Some(outcome) => Ok(outcome),
            None => Ok(Outcome::read(&reader, None)?.unwrap()),
        }
    }

    fn read(reader: &Reader, threads: Option<usize>) -> Result<Option<Self>> {
        let (mut rows, mut rejects) = (vec![], vec![]);
        let mut cancellations = Cancellations::default();
        let take = |batch: Batch<RecordBatch>| {
            assert_eq!(batch.made.num_rows() as u64, batch.read);
            rows.push(batch.made);
            cancellations.add_all(&batch.cancellations);
            rejects.extend(batch.rejects);
            Ok(())
        };
        let make = |_, rows| Ok(rows);
        let complete = match threads {
            Some(threads) => reader.unquoted(threads, make, take)?,
            None => reader.quoted(make, take).map(|()| true)?,
        };
        let rows = concat_batches(&silver::schema(), &rows)?;
        Ok(complete.then_some(Outcome {
            rows,
            cancellations,
            rejects,
        }))
    }
}
