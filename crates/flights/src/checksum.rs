//! The checksum of a Parquet file of ours: damage is told before anything of the file is believed.
//!
//! Parquet knows a checksum of a page, which no library here writes and polars does not check, and none
//! of its footer. Ours is the CRC-32 of all other bytes of the file, four bytes, the lowest first, after the
//! mark `CRC-32 =` just before the footer. Other readers find what they want by its offset, and never look there. The
//! footer has the mark, too: a file without any, which another program wrote, is taken as it is, but not one of ours
//! whose mark was damaged.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::thread;

use anyhow::{Context, Result, ensure};
use crc32fast::Hasher;

const MARK: &[u8] = METADATA.1.as_bytes();
/// What the footer has to hold, name and text.
pub(crate) const METADATA: (&str, &str) = ("flight_delays.checksum", "CRC-32 =");
/// Mark and sum.
const LENGTH: usize = MARK.len() + 4;
/// What a Parquet file ends with: the length of the footer, and `PAR1`.
const END: usize = 8;

/// Takes a Parquet file from whatever writes one, and puts the checksum into it.
pub(crate) struct Writer<W> {
    out: W,
    sum: Hasher,
    /// The end of the file, with the footer in it, once that may come.
    end: Option<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Passes on what it is given.
    pub(crate) fn new(out: W) -> Self {
        Writer {
            out,
            sum: Hasher::new(),
            end: None,
        }
    }

    /// The footer may be in what comes from now on, which is kept until [`Writer::finish`].
    pub(crate) fn keep(&mut self) {
        self.end = Some(vec![]);
    }

    /// Writes what was kept, and the checksum before the footer.
    ///
    /// # Errors
    /// When `out` cannot be written, or no footer was kept.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let end = self.end.unwrap_or_default();
        let footer = end.last_chunk().and_then(|last| footer(last, end.len()));
        let footer = footer.ok_or_else(|| io::Error::other("a Parquet file without a footer"))?;
        self.sum.update(&end);
        self.out.write_all(&end[..footer])?;
        self.out.write_all(MARK)?;
        self.out.write_all(&self.sum.finalize().to_le_bytes())?;
        self.out.write_all(&end[footer..])
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(end) = &mut self.end {
            return end.write(bytes);
        }
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Where there is a checksum, reads the whole file, and compares.
pub(crate) fn check(file: &File) -> Result<()> {
    let length = usize::try_from(file.metadata()?.len())?;
    let mut last = [0; END];
    let from = length.checked_sub(END).context("it is too short")?;
    file.read_exact_at(&mut last, from as u64)?;
    let place = footer(&last, length).and_then(|footer| footer.checked_sub(LENGTH));
    let place = place.context("its end is none of a Parquet file")?;
    let mut found = [0; LENGTH];
    file.read_exact_at(&mut found, place as u64)?;
    let (mark, wanted) = found.split_at(MARK.len());
    if mark != MARK {
        ensure!(
            !has_mark(file, length)?,
            "its checksum is not where its footer begins"
        );
        return Ok(());
    }
    let mut sum = sum(file, 0..place)?;
    sum.combine(&piece(file, place + LENGTH..length)?);
    ensure!(
        sum.finalize().to_le_bytes() == *wanted,
        "its bytes do not have the checksum that it bears"
    );
    Ok(())
}

/// Whether the mark is anywhere in a file of this length.
fn has_mark(file: &File, length: usize) -> io::Result<bool> {
    let mut buffer = vec![0; length.min(1 << 20)];
    // Parts overlap by what a mark may have in each of two.
    for from in (0..length).step_by((buffer.len() - MARK.len()).max(1)) {
        let part = buffer.len().min(length - from);
        file.read_exact_at(&mut buffer[..part], from as u64)?;
        if buffer[..part]
            .windows(MARK.len())
            .any(|bytes| bytes == MARK)
        {
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

/// The sum of some bytes of the file, a large piece on each processor.
fn sum(file: &File, bytes: Range<usize>) -> io::Result<Hasher> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let size = bytes.len().div_ceil(processors).max(4 << 20);
    thread::scope(|scope| {
        let starts = bytes.clone().step_by(size);
        let pieces: Vec<_> = starts
            .map(|from| scope.spawn(move || piece(file, from..bytes.end.min(from + size))))
            .collect();
        let mut sum = Hasher::new();
        for piece in pieces {
            let ended = piece.join();
            sum.combine(&ended.map_err(|_| io::Error::other("a thread has ended"))??);
        }
        Ok(sum)
    })
}

fn piece(file: &File, mut bytes: Range<usize>) -> io::Result<Hasher> {
    let mut sum = Hasher::new();
    // Stays in the processor's cache.
    let mut buffer = vec![0; bytes.len().min(256 << 10)];
    while !bytes.is_empty() {
        let part = bytes.len().min(buffer.len());
        file.read_exact_at(&mut buffer[..part], bytes.start as u64)?;
        sum.update(&buffer[..part]);
        bytes.start += part;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `PAR1`, some rows, and a footer of six bytes.
    const PARQUET: &[u8] = b"PAR1rowsfooter\x06\0\0\0PAR1";

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

    fn checked(bytes: &[u8]) -> Result<()> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        check(&file)
    }

    #[test]
    fn it_stands_before_the_footer() {
        let sum = crc32fast::hash(PARQUET).to_le_bytes();
        let wanted = [&PARQUET[..8], MARK, &sum, &PARQUET[8..]].concat();
        for kept_from in 0..=8 {
            assert_eq!(written(PARQUET.split_at(kept_from)), wanted);
        }
        checked(&wanted).unwrap();
    }

    #[test]
    fn no_bit_of_data_and_footer_can_change() {
        let whole = written((b"", PARQUET));
        // What the file begins and ends with is looked at by whoever reads it.
        let sum = 8 + MARK.len()..8 + LENGTH;
        for byte in (0..8).chain(sum).chain(8 + LENGTH..whole.len() - END) {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[byte] ^= 1 << bit;
                assert!(checked(&changed).is_err(), "bit {bit} of {byte}");
            }
        }
    }

    #[test]
    fn a_file_of_another_program_is_taken_as_it_is() {
        checked(b"PAR1rows of othersfooter\x06\0\0\0PAR1").unwrap();
    }

    #[test]
    fn a_file_in_several_pieces() {
        let rows: Vec<u8> = (0..20u32 << 20).map(|at| (at / 7) as u8).collect();
        let mut whole = written((b"PAR1", &[&rows[..], b"footer\x06\0\0\0PAR1"].concat()));
        checked(&whole).unwrap();
        for at in [4, 9 << 20, 20 << 20] {
            whole[at] ^= 1;
            assert!(checked(&whole).is_err(), "{at}");
            whole[at] ^= 1;
        }
    }

    #[test]
    fn a_footer_of_another_length_is_no_sign_of_another_program() {
        let mut whole = written((b"", PARQUET));
        let at = whole.len() - END;
        for length in (0..20).filter(|length| *length != 6) {
            whole[at] = length;
            assert!(checked(&whole).is_err(), "{length}");
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
