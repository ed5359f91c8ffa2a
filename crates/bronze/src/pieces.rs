//! The common file: no quotes, so a line break always ends a row. Threads take the pieces in turn;
//! a line belongs to the piece in which it begins.

use std::sync::mpsc;

use anyhow::{Result, bail};
use arrow_array::RecordBatch;
use memchr::memchr;

use crate::field::Fields;
use crate::rows::Rows;
use crate::{Batch, Reader, Reject};

/// A row group each: smaller ones cost time, larger ones memory.
pub(crate) const PIECE: u64 = 16 << 20;
/// A line that reaches beyond its piece is looked for in steps of this size.
const STEP: usize = 64 << 10;
/// A row of 28 fields has about 125 bytes.
pub(crate) const LONGEST_LINE: usize = 16 << 20;
pub(crate) const USUAL_ROW: usize = 110;

/// What a thread made of a piece. Line numbers count from the piece's first line, 0.
enum Piece<T> {
    Rows { batch: Batch<T>, lines: u64 },
    Quote,
}

pub(crate) fn read<T: Send>(
    reader: &Reader,
    threads: usize,
    make: impl Fn(usize, RecordBatch) -> Result<T> + Sync,
    mut take: impl FnMut(Batch<T>) -> Result<()>,
) -> Result<bool> {
    let threads = threads.max(1);
    std::thread::scope(|scope| {
        // The pieces are dealt out in turn, and the channels have no capacity: a thread that is
        // ahead waits with the one piece that it has. They are dropped on every way out of here, so
        // that no thread waits for ever.
        let deal = |first| {
            let (send, receive) = mpsc::sync_channel(0);
            let make = &make;
            scope.spawn(move || {
                let mut text = vec![];
                for index in (first..).step_by(threads) {
                    let piece = piece(reader, index, &mut text, make).transpose();
                    let Some(piece) = piece else { return };
                    if send.send(piece).is_err() {
                        return;
                    }
                }
            });
            receive
        };
        let turns: Vec<_> = (0..threads).map(deal).collect();
        let mut line = reader.header.body_line;
        for turn in turns.iter().cycle() {
            let Ok(piece) = turn.recv() else { break };
            let Piece::Rows { mut batch, lines } = piece? else {
                return Ok(false);
            };
            for reject in &mut batch.rejects {
                reject.line += line;
            }
            take(batch)?;
            line += lines;
        }
        Ok(true)
    })
}

/// Reads and parses a piece; `None` behind the end of the file.
fn piece<T>(
    reader: &Reader,
    index: usize,
    text: &mut Vec<u8>,
    make: &impl Fn(usize, RecordBatch) -> Result<T>,
) -> Result<Option<Piece<T>>> {
    if !load(reader, index, text)? {
        return Ok(None);
    }
    if memchr(b'"', text).is_some() {
        return Ok(Some(Piece::Quote));
    }
    let mut rows = Rows::new(&reader.header.slots, reader.year, text.len() / USUAL_ROW);
    let (mut lines, mut rejects) = (0, vec![]);
    let mut rest = &text[..];
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let row = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if !row.is_empty()
            && let Err(flaw) = rows.push(row, Fields::of(row))
        {
            rejects.push(Reject::new(
                lines,
                flaw,
                row,
                end < rest.len(),
                &reader.header.slots,
            ));
            reader.bound(&rejects)?;
        }
        lines += 1;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    let batch = Batch::new(rows, text, rejects, |rows| make(index, rows))?;
    Ok(Some(Piece::Rows { batch, lines }))
}

/// Fills `text` with the lines that begin in a piece; false behind the end of the file.
fn load(reader: &Reader, index: usize, text: &mut Vec<u8>) -> Result<bool> {
    // The byte before tells whether a line begins with the first one.
    let from = reader.header.body - 1 + index as u64 * PIECE;
    if from + 1 >= reader.bytes {
        return Ok(false);
    }
    let left = reader.bytes - from;
    text.resize(PIECE.min(left) as usize, 0);
    reader.read_at(text, from)?;
    // The line that is under way at the end of the piece is ours up to its line break.
    while (text.len() as u64) < left {
        let filled = text.len();
        text.resize(filled + STEP.min((left - filled as u64) as usize), 0);
        reader.read_at(&mut text[filled..], from + filled as u64)?;
        if let Some(end) = memchr(b'\n', &text[filled..]) {
            text.truncate(filled + end + 1);
            break;
        }
        if text.len() > PIECE as usize + LONGEST_LINE {
            bail!(reader.too_long());
        }
    }
    let first = memchr(b'\n', text).map_or(text.len(), |end| end + 1);
    text.drain(..first);
    Ok(true)
}
