//! The rejects file: `line,reason,row`, one line for each row that cannot be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use bronze::Reject;
use handoff::{Draft, File};

use crate::calendar::Calendar;
use crate::tally::Tally;

/// So many are shown when there are too many.
const SHOWN: usize = 10;
/// The share of a month's or an airport's rows that may be unreadable: beyond it the part would vanish from gold
/// unnoticed, however few it has of all rows.
const OF_A_PART: f64 = 0.1;
/// A part with fewer rows is too small for a share to mean anything.
const LEAST_ROWS: u64 = 30;
/// At most this many different texts in place of an airport are counted; a file with more is not a file of flights.
const AIRPORTS: usize = 10_000;

/// The rejects of a month or an airport.
struct Part {
    rows: u64,
    first: Reject,
}

/// The rejects of a year; the file comes to be with the first of them.
pub(crate) struct Rejects<'a> {
    dir: &'a Path,
    year: i32,
    file: Option<csv::Writer<Draft>>,
    count: u64,
    first: Vec<Reject>,
    /// By month, 1 to 12.
    months: BTreeMap<u32, Part>,
    /// By what is in place of the airport.
    airports: BTreeMap<String, Part>,
    /// The line in which the file ends without ending the row.
    torn: Option<u64>,
}

impl<'a> Rejects<'a> {
    pub(crate) fn new(dir: &'a Path, year: i32) -> Self {
        Rejects {
            dir,
            year,
            file: None,
            count: 0,
            first: vec![],
            months: BTreeMap::new(),
            airports: BTreeMap::new(),
            torn: None,
        }
    }

    /// How many rows; one that takes several lines has swallowed as many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn add(&mut self, rejects: Vec<Reject>) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut new =
                    csv::Writer::from_writer(Draft::create(self.dir, self.year, File::Rejected)?);
                new.write_record(["line", "reason", "row"])?;
                new
            }
        };
        for reject in rejects {
            let line = reject.line.to_string();
            file.write_record([line.as_bytes(), reject.reason.as_bytes(), &reject.row])?;
            self.count += reject.lines();
            self.torn = reject.torn.then_some(reject.line).or(self.torn);
            if let Some(month) = reject.month {
                count(&mut self.months, month, &reject);
            }
            if !reject.origin.is_empty() && self.airports.len() < AIRPORTS {
                count(&mut self.airports, reject.origin.clone(), &reject);
            }
            if self.first.len() < SHOWN {
                self.first.push(reject);
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Forgets what was added.
    pub(crate) fn restart(&mut self) {
        *self = Rejects::new(self.dir, self.year);
    }

    /// Whether the file can be used with this many rows that cannot be read.
    ///
    /// # Errors
    /// When they are more than a share of `allowed` of all `rows`, or more than a tenth, or `allowed` if that is more,
    /// of a month or an airport that has 30 rows or more. The log shows the first ten.
    pub(crate) fn check(
        &self,
        tally: &Tally,
        calendar: &Calendar,
        rows: u64,
        allowed: f64,
    ) -> Result<()> {
        if self.count as f64 > allowed * rows as f64 {
            let limit = format!("--max-rejected {allowed}");
            return Err(self.too_many("", self.count, rows, &limit, self.first.first()));
        }
        let of_a_part = allowed.max(OF_A_PART);
        let months = self.months.iter().map(|(month, part)| {
            let name = format!(" of month {month}");
            (name, part, tally.month(*month, calendar))
        });
        let airports = self.airports.iter().map(|(code, part)| {
            let name = format!(" of airport {code}");
            (name, part, tally.airport(code))
        });
        for (name, part, good) in months.chain(airports) {
            let rows = good + part.rows;
            if rows >= LEAST_ROWS && part.rows as f64 > of_a_part * rows as f64 {
                let limit = format!("a share of {of_a_part}");
                return Err(self.too_many(&name, part.rows, rows, &limit, Some(&part.first)));
            }
        }
        Ok(())
    }

    fn too_many(
        &self,
        of: &str,
        count: u64,
        rows: u64,
        limit: &str,
        first: Option<&Reject>,
    ) -> anyhow::Error {
        for reject in &self.first {
            log::warn!("line {}: {}", reject.line, reject.reason);
        }
        let first = first
            .map(|r| format!("line {}: {}", r.line, r.reason))
            .unwrap_or_default();
        anyhow!(
            "{count} of {rows} rows{of} cannot be read, more than {limit}; first {first}; fix the file in \
             the lake, or allow more with --max-rejected"
        )
    }

    /// Whether the file ends with a whole line.
    ///
    /// # Errors
    /// When it does not, and `partial` does not allow it.
    pub(crate) fn check_end(&self, partial: bool) -> Result<()> {
        let Some(line) = self.torn else { return Ok(()) };
        ensure!(
            partial,
            "the file ends in the middle of line {line}: it was cut off, upload the whole file, or give --partial to \
             process what is there"
        );
        log::warn!("the file ends in the middle of line {line}: it was cut off");
        Ok(())
    }

    /// Publishes the file, when there is anything in it.
    pub(crate) fn publish(self) -> Result<Option<PathBuf>> {
        let Some(file) = self.file else {
            return Ok(None);
        };
        let mut draft = file.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(Some(draft.publish()?.0))
    }
}

fn count<K: Ord>(parts: &mut BTreeMap<K, Part>, key: K, reject: &Reject) {
    let new = || Part {
        rows: 0,
        first: reject.clone(),
    };
    parts.entry(key).or_insert_with(new).rows += 1;
}
