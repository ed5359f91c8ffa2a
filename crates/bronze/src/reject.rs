//! Rows that cannot be read, and why.

use std::fmt;

use flights::name;
use flights::silver::COLUMNS;

use crate::header::Slot;
use crate::quotes::Unquoted;

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The line that it is, the first of the file being 1.
    pub line: u64,
    /// What is wrong with it, and where in the row.
    pub reason: String,
    /// The row's own bytes, without the line break.
    pub row: Vec<u8>,
    /// Whether the file ends in the middle of it: too few fields or an open quote, and no line end.
    pub torn: bool,
    /// What the row has as its airport, in capital letters and without blanks around it; empty where it has none.
    pub origin: String,
    /// The month, 1 to 12, where the row has a date of the form `YYYY-MM-…`.
    pub month: Option<u32>,
}

impl Reject {
    /// `ended`: whether a line end follows the row.
    pub(crate) fn new(line: u64, flaw: Flaw, row: &[u8], ended: bool, slots: &[Slot]) -> Self {
        let mut fields = Unquoted::default();
        fields.add(row);
        let field = |name| {
            let is_it =
                |slot: &Slot| matches!(slot, Slot::Column(c, _) if COLUMNS[*c].name == name);
            let at = slots.iter().position(is_it)?;
            Some(String::from_utf8_lossy(
                &fields.text()[fields.fields().nth(at)?],
            ))
        };
        let date = field(name::FL_DATE).unwrap_or_default();
        let month = match date.as_bytes() {
            [
                b'0'..=b'9',
                b'0'..=b'9',
                b'0'..=b'9',
                b'0'..=b'9',
                b'-',
                tens,
                ones,
                b'-',
                ..,
            ] => {
                let month = std::str::from_utf8(&[*tens, *ones]).map(str::parse);
                month.ok().and_then(Result::ok)
            }
            _ => None,
        };
        let origin = field(name::ORIGIN).unwrap_or_default();
        Reject {
            line,
            reason: flaw.to_string(),
            row: row.to_vec(),
            torn: !ended && !matches!(flaw, Flaw::Other(_)),
            origin: origin.trim().to_ascii_uppercase(),
            month: month.filter(|month| (1..=12).contains(month)),
        }
    }

    /// How many rows it holds: more than one where the other kind of line break ends them.
    #[must_use]
    pub fn lines(&self) -> u64 {
        let breaks = |byte| memchr::memchr_iter(byte, &self.row).count() as u64;
        1 + breaks(b'\n').max(breaks(b'\r'))
    }
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// The number of fields of the row, and of the header.
    TooFewFields(usize, usize),
    /// A quote in this column is not closed.
    OpenQuote(String),
    /// Anything else, in words.
    Other(String),
}

impl From<String> for Flaw {
    fn from(text: String) -> Self {
        Flaw::Other(text)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::TooFewFields(found, wanted) => {
                write!(f, "{found} fields, the header has {wanted}")
            }
            Flaw::OpenQuote(column) => write!(f, "{column}: a quote is not closed"),
            Flaw::Other(text) => f.write_str(text),
        }
    }
}
