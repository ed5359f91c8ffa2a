//! Reads the raw CSV of a year: bytes to typed columns, or a reject with its line number and its
//! reason.
//!
//! A library's reader cannot say which line was bad, and takes ten times the memory. The common
//! file, one without a quote character, is cut into pieces at line breaks that several threads
//! parse at the same time ([`Reader::unquoted`]). A file with quotes, where a line break may be
//! part of a field, is read from beginning to end ([`Reader::quoted`]). Both feed the same check of
//! a row.
//!
//! Every line that is not empty is a row, and every row is exactly one of: read, dropped because
//! it has no departure delay, rejected. Only a quoted field of an unknown column may hold line
//! breaks; such a row takes several lines.

mod field;
mod flight;
mod header;
mod notes;
mod pieces;
mod quotes;
mod records;
mod reject;
mod rows;

pub use flight::Flight;
pub use notes::Notes;
pub use reject::Reject;

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use arrow_array::RecordBatch;
use crc32fast::Hasher;
use flights::Cancellations;

use header::Header;
use rows::Rows;

/// 28 fields and the commas between them have more bytes.
const SHORTEST_ROW: u64 = 32;

/// Some rows of the file that follow each other, already turned into a `T`.
pub struct Batch<T> {
    /// What was made of the rows that were read.
    pub made: T,
    /// How many bytes of the file these rows take.
    pub bytes: u64,
    /// The CRC-32 of these bytes, to be combined with those before and after.
    pub checksum: Hasher,
    /// How many of the rows were read.
    pub read: u64,
    /// Those that were dropped because they have no departure delay, and those that were cancelled.
    pub cancellations: Cancellations,
    /// Which flights the rows are, dropped ones too; rows that do not say it are left out.
    pub flights: Vec<Flight>,
    /// What is unusual about rows that were read or dropped.
    pub notes: Notes,
    /// Those that cannot be read.
    pub rejects: Vec<Reject>,
}

impl<T> Batch<T> {
    fn new(
        mut rows: Rows,
        text: &[u8],
        rejects: Vec<Reject>,
        make: impl FnOnce(RecordBatch) -> Result<T>,
    ) -> Result<Self> {
        let mut checksum = Hasher::new();
        checksum.update(text);
        Ok(Batch {
            bytes: text.len() as u64,
            checksum,
            read: rows.len() as u64,
            cancellations: mem::take(&mut rows.cancellations),
            flights: mem::take(&mut rows.flights),
            notes: rows.notes,
            rejects,
            made: make(rows.finish())?,
        })
    }
}

/// The raw CSV of one year, its header read and checked.
pub struct Reader {
    path: PathBuf,
    file: File,
    bytes: u64,
    year: i32,
    header: Header,
}

impl Reader {
    /// Opens the file and checks its header: columns are found by name, in any order; one that is
    /// not known is left out with a warning.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, or its header lacks a column or has one twice.
    pub fn open(path: &Path, year: i32) -> Result<Self> {
        let file = File::open(path).with_context(|| {
            format!(
                "cannot read {}: run extract again, or see to its owner and mode",
                path.display()
            )
        })?;
        let bytes = file.metadata()?.len();
        ensure!(
            bytes > 0,
            "{} is empty: run extract again, or fix the file in the lake",
            path.display()
        );
        let header = Header::read(&file).with_context(|| format!("{}, line 1", path.display()))?;
        if !header.unknown.is_empty() {
            log::warn!(
                "{}: left out unknown columns: {}",
                path.display(),
                header.unknown.join(", ")
            );
        }
        Ok(Reader {
            path: path.into(),
            file,
            bytes,
            year,
            header,
        })
    }

    /// The CRC-32 of what comes before the rows, the header with its line end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn header_checksum(&self) -> Result<Hasher> {
        let mut header = vec![0; usize::try_from(self.header.body)?];
        self.read_at(&mut header, 0)?;
        let mut checksum = Hasher::new();
        checksum.update(&header);
        Ok(checksum)
    }

    /// The size of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads a file without quote characters on `threads` threads. `make` turns the rows of a piece
    /// into a `T` on one of them, given the piece's number from 0 on; `take` gets the results in
    /// the file's order on the caller's. Memory holds two pieces of 16 MB a thread, and what was
    /// made of them.
    ///
    /// Returns false as soon as a quote character is met, or when lines end with a carriage return
    /// alone: start again with [`Reader::quoted`].
    ///
    /// # Errors
    /// When the file cannot be read, or `make` or `take` fails.
    pub fn unquoted<T: Send>(
        &self,
        threads: usize,
        make: impl Fn(usize, RecordBatch) -> Result<T> + Sync,
        take: impl FnMut(Batch<T>) -> Result<()>,
    ) -> Result<bool> {
        if self.header.line_end != b'\n' {
            return Ok(false);
        }
        pieces::read(self, threads, make, take)
    }

    /// Reads any CSV file, on one thread; arguments as in [`Reader::unquoted`].
    ///
    /// # Errors
    /// When the file cannot be read, or `make` or `take` fails.
    pub fn quoted<T>(
        &self,
        make: impl Fn(usize, RecordBatch) -> Result<T>,
        take: impl FnMut(Batch<T>) -> Result<()>,
    ) -> Result<()> {
        records::read(self, make, take)
    }

    /// Refuses a piece with more rows that cannot be read than it could have rows: each takes memory of its own.
    fn bound(&self, rejects: &[Reject]) -> Result<()> {
        ensure!(
            rejects.len() as u64 <= pieces::PIECE / SHORTEST_ROW,
            "{}: {} lines of one part of it cannot be read: this is not a file of flights",
            self.path.display(),
            rejects.len()
        );
        Ok(())
    }

    fn too_long(&self) -> String {
        let path = self.path.display();
        format!("{path}: a line has more than 16 MB: this is not a CSV file")
    }

    fn read_at(&self, buffer: &mut [u8], from: u64) -> Result<()> {
        let read = self
            .file
            .read_exact_at(buffer, from)
            .map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => {
                    io::Error::new(e.kind(), "it became shorter while it was read")
                }
                _ => e,
            });
        read.with_context(|| format!("cannot read {}", self.path.display()))
    }
}
