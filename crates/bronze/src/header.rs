//! The header line: which field of a row belongs to which column.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail, ensure};
use flights::Kind;
use flights::silver::COLUMNS;

use crate::quotes::Unquoted;

/// A header of 28 names has about 350 bytes.
const LONGEST: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a field of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The value of this column of [`COLUMNS`], of this kind.
    Column(usize, Kind),
    /// A column that nobody knows.
    Unknown,
    /// The unnamed column, made by the comma at the end of every row: always empty.
    Nothing,
}

impl Slot {
    fn column(c: usize) -> Self {
        Slot::Column(c, COLUMNS[c].kind)
    }
}

pub(crate) struct Header {
    /// What each field of a row is.
    pub(crate) slots: Vec<Slot>,
    /// The names of the columns that nobody knows.
    pub(crate) unknown: Vec<String>,
    /// Where the rows begin in the file.
    pub(crate) body: u64,
    /// The line, from 1 on, on which they begin.
    pub(crate) body_line: u64,
    /// How the header ends, and with it every line: a line feed, perhaps behind a carriage return,
    /// or in an old Macintosh file a carriage return alone.
    pub(crate) line_end: u8,
}

impl Header {
    pub(crate) fn read(file: &File) -> Result<Self> {
        let mut start = vec![0; LONGEST];
        let mut filled = 0;
        while filled < LONGEST {
            match file.read_at(&mut start[filled..], filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        start.truncate(filled);
        let mark = if start.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let begin = mark + start[mark..].iter().take_while(|byte| blank(byte)).count();
        let length = start[begin..].iter().position(blank);
        let end = begin + length.unwrap_or(filled - begin);
        ensure!(
            end < LONGEST,
            "no line ends within 64 kB: this is not a CSV file with a header"
        );
        let (line_end, body) = match start[end..] {
            [b'\r', b'\n', ..] => (b'\n', end + 2),
            [byte, ..] => (byte, end + 1),
            [] => (b'\n', end),
        };
        let mut names = Unquoted::default();
        names.add(&start[begin..end]);
        let text = std::str::from_utf8(names.text())
            .context("the header is not UTF-8: this is not the year's raw file")?;
        let names: Vec<_> = names.fields().map(|field| &text[field]).collect();
        let lines = start[..body].iter().filter(|byte| **byte == line_end);
        Ok(Header {
            body: body as u64,
            body_line: 1 + lines.count() as u64,
            line_end,
            ..Header::of(&names)?
        })
    }

    fn of(names: &[&str]) -> Result<Self> {
        let (mut slots, mut unknown) = (vec![], vec![]);
        for name in names.iter().map(|n| n.trim()) {
            let column = COLUMNS
                .iter()
                .position(|c| c.name.eq_ignore_ascii_case(name));
            match column.map(Slot::column) {
                Some(slot) if slots.contains(&slot) => {
                    bail!("column {name} is there twice: remove one")
                }
                Some(slot) => slots.push(slot),
                None if name.is_empty() || name.to_ascii_lowercase().starts_with("unnamed:") => {
                    slots.push(Slot::Nothing);
                }
                None => {
                    slots.push(Slot::Unknown);
                    unknown.push(name.to_owned());
                }
            }
        }
        let missing: Vec<_> = (0..COLUMNS.len())
            .filter(|c| !slots.contains(&Slot::column(*c)))
            .map(|c| COLUMNS[c].bronze_name())
            .collect();
        match missing.len() {
            0 => Ok(Header {
                slots,
                unknown,
                body: 0,
                body_line: 2,
                line_end: b'\n',
            }),
            n if n == COLUMNS.len() => bail!(
                "none of the 27 columns is named: the first line must be the header FL_DATE,OP_CARRIER,…"
            ),
            n => bail!(
                "no column {}: add {} to the file in the lake",
                missing.join(", no column "),
                if n == 1 { "it" } else { "them" }
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names() -> Vec<String> {
        COLUMNS.iter().map(flights::Column::bronze_name).collect()
    }

    fn of(names: &[String]) -> Result<Header> {
        Header::of(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn any_order_and_unknown_columns() {
        let mut names = names();
        names.reverse();
        names.insert(3, "TAIL_NUM".into());
        names.push("Unnamed: 27".into());
        let header = of(&names).unwrap();
        assert_eq!(header.slots[0], Slot::column(26));
        assert_eq!(header.slots[3], Slot::Unknown);
        assert_eq!(header.slots[28], Slot::Nothing);
        assert_eq!(header.unknown, ["TAIL_NUM"]);
    }

    #[test]
    fn a_missing_or_doubled_column_is_named() {
        let mut few = names();
        few.remove(7);
        assert_eq!(
            of(&few).err().unwrap().to_string(),
            "no column DEP_DELAY: add it to the file in the lake"
        );
        let mut many = names();
        many.push("origin".into());
        assert_eq!(
            of(&many).err().unwrap().to_string(),
            "column origin is there twice: remove one"
        );
    }
}
