//! The checksums of a Parquet file of ours: damage is told before what it is in is believed.
//!
//! Parquet knows a checksum of a page, which no library here writes and polars does not check, and none
//! of its footer. Ours are those of HDFS: a CRC-32 of each block of the file. Who reads three columns of many pays for
//! three. They stand between rows and footer, where no reader looks that finds what it wants by its offset;
//! numbers have the lowest byte first:
//!
//! | bytes | what |
//! |---|---|
//! | 4 for each block | the sum of each 16 KiB of all that stands before, the last may be shorter |
//! | 8 | how many bytes stand before |
//! | 4 | the sum of these two and of the footer to the end of the file |
//! | 8 | `CRC-32 =` |
//!
//! The footer has the mark, too: a file without any, which another program wrote, is taken as it is, but not one of ours
//! whose mark was damaged.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use crc32fast::Hasher;

const MARK: &[u8] = METADATA.1.as_bytes();
/// What the footer has to hold, name and text.
pub(crate) const METADATA: (&str, &str) = ("flight_delays.checksum", "CRC-32 =");
const NO_END: &str = "not a Parquet file: the footer is missing";
const BLOCK: usize = 16 << 10;
const SUM: usize = 4;
/// What follows the sums of the blocks.
const TAIL: usize = 8 + SUM + MARK.len();
/// What a Parquet file ends with: the length of the footer, and `PAR1`.
const END: usize = 8;

/// The sum of each block of what comes.
#[derive(Default)]
struct Blocks {
    sums: Vec<u8>,
    open: Hasher,
    length: usize,
}

impl Blocks {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK - self.length % BLOCK;
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.open.update(now);
            self.length += now.len();
            if now.len() == room {
                self.end_block();
            }
            bytes = later;
        }
    }

    fn end_block(&mut self) {
        let sum = mem::take(&mut self.open).finalize();
        self.sums.extend(sum.to_le_bytes());
    }

    /// The sums, and of how many bytes they are.
    fn finish(mut self) -> Vec<u8> {
        if !self.length.is_multiple_of(BLOCK) {
            self.end_block();
        }
        self.sums.extend((self.length as u64).to_le_bytes());
        self.sums
    }
}

/// Takes a Parquet file from whatever writes one, and puts the checksums into it.
pub(crate) struct Writer<W> {
    out: W,
    blocks: Blocks,
    /// The end of the file, with the footer in it, once that may come.
    end: Option<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Passes on what it is given.
    pub(crate) fn new(out: W) -> Self {
        Writer {
            out,
            blocks: Blocks::default(),
            end: None,
        }
    }

    /// The footer may be in what comes from now on, which is kept until [`Writer::finish`].
    pub(crate) fn keep(&mut self) {
        self.end = Some(vec![]);
    }

    /// Writes what was kept, and the checksums before the footer.
    ///
    /// # Errors
    /// When `out` cannot be written, or no footer was kept.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let end = self.end.unwrap_or_default();
        let footer = end.last_chunk().and_then(|last| footer(last, end.len()));
        let footer = footer.ok_or_else(|| io::Error::other("a Parquet file without a footer"))?;
        let (rows, footer) = end.split_at(footer);
        self.blocks.update(rows);
        let sums = self.blocks.finish();
        for part in [rows, &sums, &sum(&sums, footer), MARK, footer] {
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(end) = &mut self.end {
            return end.write(bytes);
        }
        let written = self.out.write(bytes)?;
        self.blocks.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The identity of a Parquet file: a CRC-32 of its footer, and of its checksums where it has them, and its size in
/// bytes. Files with different rows differ in it; of files by other programs the footer alone tells.
pub(crate) fn identity(file: &File) -> Result<String> {
    let length = usize::try_from(file.metadata()?.len())?;
    let last = read(file, length.checked_sub(END).context(NO_END)?..length)?;
    let footer = last.last_chunk().and_then(|last| footer(last, length));
    let footer = footer.context(NO_END)?;
    let end = read(file, footer.saturating_sub(TAIL)..length)?;
    Ok(format!("{:08x}-{length}", crc32fast::hash(&end)))
}

/// The checksums that a file bears.
pub(crate) struct Checksums {
    blocks: Vec<u8>,
    /// The bytes that they are of.
    length: usize,
}

impl Checksums {
    /// Reads them, and compares that of the footer; a file of another program has none.
    ///
    /// # Errors
    /// When the file cannot be read, its footer has changed, or the sums themselves have.
    pub(crate) fn read(file: &File) -> Result<Option<Self>> {
        let length = usize::try_from(file.metadata()?.len())?;
        let last = read(file, length.checked_sub(END).context(NO_END)?..length)?;
        let footer = last.last_chunk().and_then(|last| footer(last, length));
        let footer = footer.context(NO_END)?;
        let tail = read(file, footer.saturating_sub(TAIL)..footer)?;
        let Some(tail) = tail.strip_suffix(MARK).and_then(<[u8]>::first_chunk::<8>) else {
            ensure!(
                !has_mark(file, length)?,
                "its checksums are not where its footer begins"
            );
            return Ok(None);
        };
        let begin = usize::try_from(u64::from_le_bytes(*tail)).unwrap_or(usize::MAX);
        let blocks = SUM * begin.div_ceil(BLOCK);
        ensure!(
            begin.checked_add(blocks + TAIL) == Some(footer),
            "its checksums are those of a longer or shorter file"
        );
        let mut sums = read(file, begin..footer)?;
        let wanted = sums.split_off(blocks + 8);
        let footer = read(file, footer..length)?;
        ensure!(
            wanted.starts_with(&sum(&sums, &footer)),
            "its footer does not have the checksum that it bears"
        );
        sums.truncate(blocks);
        Ok(Some(Checksums {
            blocks: sums,
            length: begin,
        }))
    }

    /// Compares those of the blocks in which the bytes lie.
    ///
    /// # Errors
    /// When one has changed, or cannot be read.
    pub(crate) fn check(&self, file: &File, bytes: Range<usize>) -> Result<()> {
        ensure!(
            bytes.end <= self.length,
            "its rows are beyond its checksums"
        );
        let mut buffer = vec![0; BLOCK];
        let first = bytes.start / BLOCK;
        let blocks = self.blocks.chunks_exact(SUM).enumerate();
        for (block, wanted) in blocks.take(bytes.end.div_ceil(BLOCK)).skip(first) {
            let from = block * BLOCK;
            let buffer = &mut buffer[..BLOCK.min(self.length - from)];
            file.read_exact_at(buffer, from as u64)?;
            ensure!(
                crc32fast::hash(buffer).to_le_bytes() == *wanted,
                "its bytes from {from} on do not have the checksum that they bear"
            );
        }
        Ok(())
    }
}

fn read(file: &File, bytes: Range<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes.len()];
    file.read_exact_at(&mut buffer, bytes.start as u64)?;
    Ok(buffer)
}

/// The checksum of what leads to all other bytes.
fn sum(sums: &[u8], footer: &[u8]) -> [u8; SUM] {
    let mut sum = Hasher::new();
    sum.update(sums);
    sum.update(footer);
    sum.finalize().to_le_bytes()
}

/// Whether the mark is anywhere in a file of this length.
fn has_mark(file: &File, length: usize) -> io::Result<bool> {
    let part = length.min(1 << 20);
    // Parts overlap by what a mark may have in each of two.
    for from in (0..length).step_by((part - MARK.len()).max(1)) {
        let part = read(file, from..length.min(from + part))?;
        if part.windows(MARK.len()).any(|bytes| bytes == MARK) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the footer begins in a file of this length that ends with `last`.
fn footer(last: &[u8; END], length: usize) -> Option<usize> {
    let [a, b, c, d, ..] = *last;
    let footer = u32::from_le_bytes([a, b, c, d]) as usize;
    length.checked_sub(END)?.checked_sub(footer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `PAR1`, some rows, and a footer of six bytes.
    const PARQUET: &[u8] = b"PAR1rowsfooter\x06\0\0\0PAR1";
    /// Where its footer begins.
    const FOOTER: usize = 8;
    /// Where the mark is once it has checksums: behind the sum of one block, its length and the sum of the footer.
    const MARK_AT: usize = FOOTER + SUM + 8 + SUM;

    /// The file, given in two parts, the second of them kept.
    fn written(parts: (&[u8], &[u8])) -> Vec<u8> {
        let mut file = vec![];
        let mut writer = Writer::new(&mut file);
        writer.write_all(parts.0).unwrap();
        writer.keep();
        writer.write_all(parts.1).unwrap();
        writer.finish().unwrap();
        file
    }

    /// Reads some bytes of a file; `false`: it has no checksums.
    fn checked(file: &[u8], bytes: Range<usize>) -> Result<bool> {
        let mut disk = tempfile::tempfile().unwrap();
        disk.write_all(file).unwrap();
        let Some(sums) = Checksums::read(&disk)? else {
            return Ok(false);
        };
        sums.check(&disk, bytes)?;
        Ok(true)
    }

    #[test]
    fn they_stand_before_the_footer() {
        let (rows, footer) = PARQUET.split_at(FOOTER);
        let sums = [
            &crc32fast::hash(rows).to_le_bytes()[..],
            &[8, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let sum = crc32fast::hash(&[&sums, footer].concat()).to_le_bytes();
        let wanted = [rows, &sums, &sum, MARK, footer].concat();
        for kept_from in 0..=FOOTER {
            assert_eq!(written(PARQUET.split_at(kept_from)), wanted);
        }
        assert!(checked(&wanted, 0..FOOTER).unwrap());
    }

    #[test]
    fn no_bit_can_change() {
        let whole = written((b"", PARQUET));
        // The last four bytes are looked at by whoever reads the file.
        for byte in 0..whole.len() - 4 {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[byte] ^= 1 << bit;
                let found = checked(&changed, 0..FOOTER);
                // One that has lost its mark has another one in its footer, which this one has not.
                let lost = (MARK_AT..MARK_AT + MARK.len()).contains(&byte);
                assert!(
                    found.is_err() || lost && !found.unwrap(),
                    "bit {bit} of {byte}"
                );
            }
        }
    }

    #[test]
    fn a_mark_that_is_lost_is_missed() {
        let parquet = [b"PAR1rows", MARK, b"\x08\0\0\0PAR1"].concat();
        let whole = written((b"", &parquet));
        assert!(checked(&whole, 0..FOOTER).unwrap());
        for byte in MARK_AT..whole.len() - 4 {
            let mut changed = whole.clone();
            changed[byte] ^= 1;
            assert!(checked(&changed, 0..FOOTER).is_err(), "{byte}");
        }
    }

    #[test]
    fn a_footer_of_another_length_is_no_sign_of_another_program() {
        let mut whole = written((b"", PARQUET));
        let at = whole.len() - END;
        for length in (0..60).filter(|length| *length != 6) {
            whole[at] = length;
            assert!(checked(&whole, 0..FOOTER).is_err(), "{length}");
        }
    }

    #[test]
    fn a_file_of_another_program_is_taken_as_it_is() {
        for file in ["PAR1rows of othersfooter\x06\0\0\0PAR1", "PAR1\0\0\0\0PAR1"] {
            assert!(!checked(file.as_bytes(), 0..0).unwrap());
        }
    }

    /// What stands before the footer, three blocks and two bytes.
    fn some_blocks() -> Vec<u8> {
        let rows = (0..3 * BLOCK as u32 - 2).map(|at| (at / 7) as u8);
        b"PAR1".iter().copied().chain(rows).collect()
    }

    #[test]
    fn what_is_not_read_is_not_looked_at() {
        let rows = some_blocks();
        let whole = written((&rows, &PARQUET[FOOTER..]));
        let rows = rows.len();
        for (changed, blocks) in [
            (0, 0..1),
            (BLOCK - 1, 0..1),
            (BLOCK, 1..2),
            (2 * BLOCK + 7, 2..3),
            (rows - 1, 3..4),
        ] {
            let mut file = whole.clone();
            file[changed] ^= 1;
            for from in (0..rows).step_by(BLOCK / 4) {
                for to in [from + 1, from + BLOCK / 2, from + BLOCK + 1, rows] {
                    let bytes = from..to.clamp(from + 1, rows);
                    let met = bytes.start < blocks.end * BLOCK && blocks.start * BLOCK < bytes.end;
                    assert_eq!(
                        checked(&file, bytes.clone()).is_err(),
                        met,
                        "{changed}, {bytes:?}"
                    );
                }
            }
        }
        assert!(checked(&whole, 0..rows).unwrap());
        assert!(checked(&whole, 0..rows + 1).is_err());
    }

    #[test]
    fn it_matters_not_in_what_pieces_the_rows_come() {
        let (rows, end) = (some_blocks(), &PARQUET[FOOTER..]);
        let whole = written((&rows, end));
        for size in [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK] {
            let mut file = vec![];
            let mut writer = Writer::new(&mut file);
            for piece in rows.chunks(size) {
                writer.write_all(piece).unwrap();
            }
            writer.keep();
            writer.write_all(end).unwrap();
            writer.finish().unwrap();
            assert!(file == whole, "{size}");
        }
    }

    #[test]
    fn no_footer_no_file() {
        for end in ["", "short", "\u{7f}\0\0\0PAR1"] {
            let mut writer = Writer::new(vec![]);
            writer.keep();
            writer.write_all(end.as_bytes()).unwrap();
            assert!(writer.finish().is_err(), "{end:?}");
        }
    }
}
