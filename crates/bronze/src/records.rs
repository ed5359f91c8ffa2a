//! The general file: quotes, and line breaks inside them. Slower, and right.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use flights::Kind;
use flights::silver::COLUMNS;

use crate::header::Slot;
use crate::rows::Rows;
use crate::{Batch, Reader, Reject};

/// About as many rows as a piece of the common file has.
const ROWS: u64 = 1 << 17;

pub(crate) fn read<T>(
    reader: &Reader,
    make: impl Fn(usize, RecordBatch) -> Result<T>,
    mut take: impl FnMut(Batch<T>) -> Result<()>,
) -> Result<()> {
    let body = reader.header.body;
    let mut file = File::open(&reader.path)?;
    file.seek(SeekFrom::Start(body))?;
    let mut csv = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::with_capacity(1 << 20, file));
    let mut record = csv::ByteRecord::new();
    let mut index = 0;
    loop {
        let mut rows = Rows::new(&reader.header.slots, reader.year, ROWS as usize);
        let (mut seen, mut rejects) = (0, vec![]);
        let from = csv.position().byte();
        let mut more = true;
        while seen < ROWS {
            more = csv
                .read_byte_record(&mut record)
                .with_context(|| format!("cannot read {}", reader.path.display()))?;
            if !more {
                break;
            }
            seen += 1;
            let fields = (0..record.len()).filter_map(|field| record.range(field));
            let pushed = match torn(&record, &reader.header.slots) {
                Some(reason) => Err(reason),
                None => rows.push(record.as_slice(), fields),
            };
            if let Err(reason) = pushed {
                let (line, start) = record.position().map_or((1, 0), |p| (p.line(), p.byte()));
                let mut row = vec![0; (csv.position().byte() - start) as usize];
                reader.read_at(&mut row, body + start)?;
                let row = row.trim_ascii().to_vec();
                rejects.push(Reject {
                    line: reader.header.body_line + line - 1,
                    reason,
                    row,
                });
            }
        }
        if seen > 0 {
            let (read, no_delay) = (rows.len() as u64, rows.no_delay);
            let bytes = csv.position().byte() - from;
            take(Batch {
                made: make(index, rows.finish())?,
                bytes,
                read,
                no_delay,
                rejects,
            })?;
            index += 1;
        }
        if !more {
            return Ok(());
        }
    }
}

/// What is wrong with a record whose text goes over a line's end: no code has a line break, so a
/// stray quote has swallowed rows, up to the next one.
fn torn(record: &csv::ByteRecord, slots: &[Slot]) -> Option<String> {
    let breaks = |field: &[u8]| field.iter().any(|byte| b"\r\n".contains(byte));
    let column = record
        .iter()
        .zip(slots)
        .find_map(|(field, slot)| match *slot {
            Slot::Column(c, Kind::Text) if breaks(field) => Some(COLUMNS[c].name),
            _ => None,
        })?;
    Some(format!(
        "{column}: a line break inside: is a quote missing?"
    ))
}
