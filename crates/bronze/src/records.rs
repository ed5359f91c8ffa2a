//! The general file: quotes, or lines that end with a carriage return. Slower, and right.
//!
//! A line is a row. Only a quote in an unknown column may reach over line breaks, as long as there
//! are fewer commas than in two rows. Any other that is open at the end of its line is stray: the
//! line is rejected and the next one is a row of its own again, so that no quote swallows rows.

use anyhow::{Result, bail};
use arrow_array::RecordBatch;
use flights::silver::COLUMNS;
use memchr::{memchr, memchr_iter, memrchr};

use crate::field::Fields;
use crate::header::Slot;
use crate::pieces::{LONGEST_LINE, PIECE, USUAL_ROW};
use crate::quotes::Unquoted;
use crate::reject::{Flaw, Reject};
use crate::rows::Rows;
use crate::{Batch, Reader};

pub(crate) fn read<T>(
    reader: &Reader,
    make: impl Fn(usize, RecordBatch) -> Result<T>,
    mut take: impl FnMut(Batch<T>) -> Result<()>,
) -> Result<()> {
    let (slots, line_end) = (&reader.header.slots, reader.header.line_end);
    let (mut from, mut line) = (reader.header.body, reader.header.body_line);
    let (mut text, mut unquoted) = (vec![], Unquoted::default());
    for index in 0.. {
        if from == reader.bytes {
            break;
        }
        // A piece, and behind it whatever may belong to its last row.
        let left = reader.bytes - from;
        text.resize(left.min(PIECE + LONGEST_LINE as u64) as usize, 0);
        reader.read_at(&mut text, from)?;
        let piece = text.len().min(PIECE as usize);
        let mut rows = Rows::new(slots, reader.year, piece / USUAL_ROW);
        let (mut at, mut rejects) = (0, vec![]);
        while at < piece {
            let mut lines = &text[at..text.len().min(at + LONGEST_LINE)];
            if ((at + lines.len()) as u64) < left {
                let Some(last) = memrchr(line_end, lines) else {
                    bail!(reader.too_long());
                };
                lines = &lines[..=last];
            }
            let first = first_line(lines, line_end);
            let row = without_end(first, line_end);
            let pushed = if row.is_empty() {
                Ok((first.len(), 1))
            } else if memchr(b'"', row).is_none() {
                rows.push(row, Fields::of(row)).map(|()| (first.len(), 1))
            } else {
                gather(&mut unquoted, lines, line_end, slots).and_then(|taken| {
                    rows.push(unquoted.text(), unquoted.fields())?;
                    Ok(taken)
                })
            };
            let (bytes, count) = pushed.unwrap_or_else(|flaw| {
                rejects.push(Reject::new(
                    line,
                    flaw,
                    row,
                    first.ends_with(&[line_end]),
                    slots,
                ));
                (first.len(), 1)
            });
            reader.bound(&rejects)?;
            at += bytes;
            line += count;
        }
        take(Batch::new(rows, &text[..at], rejects, |rows| {
            make(index, rows)
        })?)?;
        from += at as u64;
    }
    Ok(())
}

/// Takes the quotes off the row that begins `text`; returns how many bytes and how many lines it
/// has, or which quote is stray.
fn gather(
    unquoted: &mut Unquoted,
    text: &[u8],
    line_end: u8,
    slots: &[Slot],
) -> Result<(usize, u64), Flaw> {
    unquoted.clear();
    let two_rows = 2 * (slots.len() - 1);
    let (mut bytes, mut lines, mut commas, mut opened) = (0, 0, 0, 0);
    while bytes < text.len() {
        let line = first_line(&text[bytes..], line_end);
        unquoted.add(without_end(line, line_end));
        bytes += line.len();
        lines += 1;
        commas += memchr_iter(b',', line).count();
        if lines > 1 && commas >= two_rows {
            break;
        }
        let Some(field) = unquoted.open_field() else {
            return Ok((bytes, lines));
        };
        opened = field;
        if slots.get(field) != Some(&Slot::Unknown) {
            break;
        }
    }
    let place = match slots.get(opened) {
        Some(Slot::Column(c, _)) => COLUMNS[*c].name.into(),
        _ => format!("field {}", opened + 1),
    };
    Err(Flaw::OpenQuote(place))
}

/// With its end.
fn first_line(text: &[u8], line_end: u8) -> &[u8] {
    &text[..memchr(line_end, text).map_or(text.len(), |end| end + 1)]
}

/// Also where lines end with both characters.
fn without_end(line: &[u8], line_end: u8) -> &[u8] {
    let line = line.strip_suffix(&[line_end]).unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_prefix(b"\n").unwrap_or(line)
}
