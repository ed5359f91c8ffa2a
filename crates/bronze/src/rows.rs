//! Rows gathered column by column. A row is checked whole before any of it is kept.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use flights::silver::{COLUMNS, schema};
use flights::{Cancellations, Count, Kind, name};

use crate::field;
use crate::flight::Flight;
use crate::header::Slot;
use crate::notes::Notes;
use crate::reject::Flaw;

const FL_DATE: usize = position(name::FL_DATE);
const ORIGIN: usize = position(name::ORIGIN);
const DEP_DELAY: usize = position(name::DEP_DELAY);
const CANCELLED: usize = position(name::CANCELLED);
const DEP_TIME: usize = position("dep_time");
const CARRIER: usize = position("op_carrier");
const NUMBER: usize = position("op_carrier_fl_num");
const DEST: usize = position("dest");
const CRS_DEP_TIME: usize = position("crs_dep_time");
/// The columns that tell one flight from another, a bit each.
const KEY: u32 = bits([FL_DATE, CARRIER, NUMBER, ORIGIN, DEST, CRS_DEP_TIME]);

/// The earliest departure, in minutes, that can be true: a flight that leaves earlier does not exist.
const EARLIEST: f64 = -3.0 * 60.0;
/// The latest one: a flight that is four days late was cancelled. Some programs write 9999 for "unknown".
const LATEST: f64 = 4.0 * 24.0 * 60.0;

const fn bits<const N: usize>(columns: [usize; N]) -> u32 {
    let (mut bits, mut at) = (0, 0);
    while at < N {
        bits |= 1 << columns[at];
        at += 1;
    }
    bits
}

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
    /// 1 January, in days since 1970-01-01.
    first_day: i32,
    columns: Vec<Values>,
    /// For each row a bit a column: it is not null.
    present: Vec<u32>,
    /// The date of the row before, which most rows share: its text and its day.
    last_date: Option<([u8; 10], i32)>,
    pub(crate) cancellations: Cancellations,
    /// Those of the rows, kept or dropped, that say which flight they are.
    pub(crate) flights: Vec<Flight>,
    pub(crate) notes: Notes,
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
            first_day: field::first_day(year),
            columns,
            present: Vec::with_capacity(rows),
            last_date: None,
            cancellations: Cancellations::default(),
            flights: Vec::with_capacity(rows),
            notes: Notes::default(),
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
    ) -> Result<(), Flaw> {
        let mut numbers = [0f64; COLUMNS.len()];
        let mut integers = [0i32; COLUMNS.len()];
        let mut texts = [&[][..]; COLUMNS.len()];
        let (origin, dest);
        let mut present = 0u32;
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(place) = fields.next() else {
                return Err(Flaw::TooFewFields(at, self.slots.len()));
            };
            let field = &row[place.clone()];
            if field.is_empty() {
                continue;
            }
            let (c, kind) = match *slot {
                Slot::Column(c, kind) => (c, kind),
                Slot::Unknown => continue,
                Slot::Nothing => {
                    return Err(format!("field {}: not empty: {}", at + 1, shown(field)).into());
                }
            };
            present |= 1 << c;
            let checked = match kind {
                Kind::Number => field::number(row, place).map(|v| numbers[c] = v),
                Kind::Integer => field::integer(row, place).map(|v| integers[c] = v),
                Kind::Date => self.date(field).map(|v| integers[c] = v),
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
            let wanted = self.slots.len();
            return Err(format!("more fields than the {wanted} of the header").into());
        }
        for c in [FL_DATE, ORIGIN] {
            if present >> c & 1 == 0 {
                return Err(format!("{}: empty", COLUMNS[c].name).into());
            }
        }
        origin = field::airport(texts[ORIGIN])
            .map_err(|why| format!("{}: {why}: {}", name::ORIGIN, shown(texts[ORIGIN])))?;
        let mut recoded = texts[ORIGIN] != origin;
        texts[ORIGIN] = &origin;
        if let Ok(code) = field::airport(texts[DEST]) {
            dest = code;
            recoded |= texts[DEST] != dest;
            texts[DEST] = &dest;
        }
        let has = |c: usize| present >> c & 1 == 1;
        let cancelled = numbers[CANCELLED] == 1.0;
        // Without a time of departure a cancelled flight did not leave, whatever its delay says.
        let flown = has(DEP_DELAY) && (!cancelled || has(DEP_TIME));
        if flown {
            plausible(numbers[DEP_DELAY])?;
        }
        self.notes.cancelled_known |= has(CANCELLED);
        self.notes.recoded += u64::from(recoded);
        if present & KEY == KEY {
            self.flights.push(Flight::new(
                integers[FL_DATE] - self.first_day,
                [integers[NUMBER], integers[CRS_DEP_TIME]],
                [texts[CARRIER], texts[ORIGIN], texts[DEST]],
            ));
        }
        if cancelled || !flown {
            self.notes.cancelled_with_delay += u64::from(!flown && has(DEP_DELAY));
            self.count(origin, integers[FL_DATE], flown, cancelled);
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
    fn count(&mut self, airport: [u8; 3], day: i32, flown: bool, cancelled: bool) {
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

/// Whether a departure can have this delay, in minutes.
#[inline]
fn plausible(delay: f64) -> Result<(), String> {
    match delay {
        EARLIEST..=LATEST => Ok(()),
        _ if delay < EARLIEST => Err(format!(
            "{}: {delay} minutes: more than 3 hours early is not a delay",
            name::DEP_DELAY
        )),
        _ => Err(format!(
            "{}: {delay} minutes: more than 4 days late is not a delay",
            name::DEP_DELAY
        )),
    }
}

/// A field as an error shows it: quoted, not longer than a line.
fn shown(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(&field[..field.len().min(40)]);
    format!("{text:?}{}", if field.len() > 40 { "…" } else { "" })
}
