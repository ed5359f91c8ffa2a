//! Rows gathered column by column. A row is checked whole before any of it is kept.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use flights::silver::{COLUMNS, schema};
use flights::{Cancellations, Count, Kind, name};

use crate::field;
use crate::header::Slot;

const FL_DATE: usize = position(name::FL_DATE);
const ORIGIN: usize = position(name::ORIGIN);
const DEP_DELAY: usize = position(name::DEP_DELAY);
const CANCELLED: usize = position(name::CANCELLED);

const fn position(name: &str) -> usize {
    let mut at = 0;
    while !same(COLUMNS[at].name, name) {
        at += 1;
    }
    at
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The values of one column; a null has some value too.
enum Values {
    Day(Vec<i32>),
    Integer(Vec<i32>),
    Number(Vec<f64>),
    Text { ends: Vec<i32>, bytes: Vec<u8> },
}

/// The rows that were read so far.
pub(crate) struct Rows<'a> {
    slots: &'a [Slot],
    year: i32,
    columns: Vec<Values>,
    /// For each row a bit a column: it is not null.
    present: Vec<u32>,
    /// The date of the row before, which most rows share: its text and its day.
    last_date: Option<([u8; 10], i32)>,
    pub(crate) cancellations: Cancellations,
}

impl<'a> Rows<'a> {
    /// No rows yet, with room for about `rows`.
    pub(crate) fn new(slots: &'a [Slot], year: i32, rows: usize) -> Self {
        let room = |c: &flights::Column| match c.kind {
            Kind::Date => Values::Day(Vec::with_capacity(rows)),
            Kind::Integer => Values::Integer(Vec::with_capacity(rows)),
            Kind::Number => Values::Number(Vec::with_capacity(rows)),
            Kind::Text => {
                let mut ends = Vec::with_capacity(rows + 1);
                ends.push(0);
                Values::Text {
                    ends,
                    bytes: Vec::with_capacity(3 * rows),
                }
            }
        };
        let columns = COLUMNS.iter().map(room).collect();
        Rows {
            slots,
            year,
            columns,
            present: Vec::with_capacity(rows),
            last_date: None,
            cancellations: Cancellations::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.present.len()
    }

    /// Keeps a row, drops it because it has no departure delay, or says why it cannot be read;
    /// `fields` says where in `row` its fields lie.
    #[inline]
    pub(crate) fn push(
        &mut self,
        row: &[u8],
        mut fields: impl Iterator<Item = Range<usize>>,
    ) -> Result<(), String> {
        let mut numbers = [0f64; COLUMNS.len()];
        let mut integers = [0i32; COLUMNS.len()];
        let mut texts = [&[][..]; COLUMNS.len()];
        let mut present = 0u32;
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(place) = fields.next() else {
                return Err(format!("{at} fields where {} belong", self.slots.len()));
            };
            let field = &row[place.clone()];
            if field.is_empty() {
                continue;
            }
            let (c, kind) = match *slot {
                Slot::Column(c, kind) => (c, kind),
                Slot::Unknown => continue,
                Slot::Nothing => {
                    return Err(format!("field {}: not empty: {}", at + 1, shown(field)));
                }
            };
            present |= 1 << c;
            let checked = match kind {
                Kind::Number => field::number(row, place).map(|v| numbers[c] = v),
                Kind::Integer => field::integer(row, place).map(|v| integers[c] = v),
                Kind::Date => self.date(field).map(|v| integers[c] = v),
                Kind::Text if c == ORIGIN => field::airport(field).map(|()| texts[c] = field),
                Kind::Text => match std::str::from_utf8(field) {
                    Ok(_) => {
                        texts[c] = field;
                        Ok(())
                    }
                    Err(_) => Err("not UTF-8"),
                },
            };
            checked.map_err(|why| format!("{}: {why}: {}", COLUMNS[c].name, shown(field)))?;
        }
        // A comma at the end of the row that the header lacks is as good as none.
        let beyond = fields.next().is_some_and(|f| !f.is_empty()) as usize + fields.count();
        if beyond > 0 {
            return Err(format!(
                "more fields than the {} of the header",
                self.slots.len()
            ));
        }
        for c in [FL_DATE, ORIGIN] {
            if present >> c & 1 == 0 {
                return Err(format!("{}: empty", COLUMNS[c].name));
            }
        }
        let flown = present >> DEP_DELAY & 1 == 1;
        let cancelled = numbers[CANCELLED] == 1.0;
        if cancelled || !flown {
            self.count(texts[ORIGIN], integers[FL_DATE], flown, cancelled);
        }
        if !flown {
            return Ok(());
        }
        for (c, values) in self.columns.iter_mut().enumerate() {
            match values {
                Values::Number(v) => v.push(numbers[c]),
                Values::Day(v) | Values::Integer(v) => v.push(integers[c]),
                Values::Text { ends, bytes } => {
                    bytes.extend_from_slice(texts[c]);
                    ends.push(bytes.len() as i32);
                }
            }
        }
        self.present.push(present);
        Ok(())
    }

    /// Counts a flight that is not kept or was cancelled: one in fifty.
    #[cold]
    fn count(&mut self, airport: &[u8], day: i32, flown: bool, cancelled: bool) {
        let airport = airport
            .try_into()
            .expect("a checked airport has three bytes");
        let count = Count {
            not_flown: u32::from(!flown),
            cancelled: u32::from(cancelled),
        };
        self.cancellations.add(airport, day, count);
    }

    fn date(&mut self, field: &[u8]) -> Result<i32, &'static str> {
        match self.last_date {
            Some((text, day)) if field == text => Ok(day),
            _ => {
                let day = field::date(field, self.year)?;
                self.last_date = field.try_into().ok().map(|text| (text, day));
                Ok(day)
            }
        }
    }

    /// The rows as a record batch of [`schema`].
    pub(crate) fn finish(self) -> RecordBatch {
        let present = &self.present;
        let array = |(c, values)| -> ArrayRef {
            let bits = BooleanBuffer::collect_bool(present.len(), |row| present[row] >> c & 1 == 1);
            // A column without a null is written faster when that is known.
            let nulls = Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0);
            match values {
                Values::Day(v) => Arc::new(Date32Array::new(v.into(), nulls)),
                Values::Integer(v) => Arc::new(Int32Array::new(v.into(), nulls)),
                Values::Number(v) => Arc::new(Float64Array::new(v.into(), nulls)),
                Values::Text { ends, bytes } => Arc::new(StringArray::new(
                    OffsetBuffer::new(ends.into()),
                    bytes.into(),
                    nulls,
                )),
            }
        };
        let columns = self.columns.into_iter().enumerate().map(array).collect();
        RecordBatch::try_new(schema(), columns).expect("the columns are made to the schema")
    }
}

/// A field as an error shows it: quoted, not longer than a line.
fn shown(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(&field[..field.len().min(40)]);
    format!("{text:?}{}", if field.len() > 40 { "…" } else { "" })
}
