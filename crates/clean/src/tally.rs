//! How many rows each day and each airport has.

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Array, RecordBatch};
use chrono::{Datelike, NaiveDate};
use flights::{Cancellations, airport, name};

use crate::calendar::{Calendar, DAYS};

/// Rows that are not rejected, by day of the year and by airport.
pub(crate) struct Tally {
    pub(crate) days: [u64; DAYS],
    /// By the airport's number.
    airports: Vec<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            days: [0; DAYS],
            airports: vec![0; airport::CODES],
        }
    }
}

impl Tally {
    /// Counts rows of silver.
    ///
    /// # Errors
    /// When a row has no airport or a day of another year, which the reader of bronze gives no row.
    pub(crate) fn of(rows: &RecordBatch, calendar: &Calendar) -> Result<Self> {
        const WRONG: &str = "a row without its airport or with a day of another year";
        let mut tally = Tally::default();
        let column = |name| rows.column_by_name(name).context("a column is missing");
        for day in column(name::FL_DATE)?.as_primitive::<Date32Type>().values() {
            let day = calendar.day_of_year(*day).context(WRONG)?;
            *tally.days.get_mut(day).context(WRONG)? += 1;
        }
        let origins = column(name::ORIGIN)?.as_string::<i32>();
        for origin in 0..origins.len() {
            tally
                .add_airport(origins.value(origin).as_bytes(), 1)
                .context(WRONG)?;
        }
        Ok(tally)
    }

    fn add_airport(&mut self, code: &[u8], rows: u32) -> Option<()> {
        let number = airport::number(code.try_into().ok()?)?;
        self.airports[number] += rows;
        Some(())
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        for (count, more) in self.days.iter_mut().zip(&other.days) {
            *count += more;
        }
        for (count, more) in self.airports.iter_mut().zip(&other.airports) {
            *count += more;
        }
    }

    /// Adds the rows that have no departure delay, which are not in silver.
    pub(crate) fn add_dropped(&mut self, cancellations: &Cancellations, calendar: &Calendar) {
        for (airport, day, count) in cancellations.iter() {
            self.add_airport(&airport, count.not_flown);
            if let Some(day) = calendar.day_of_year(day) {
                self.days[day] += u64::from(count.not_flown);
            }
        }
    }

    /// The rows of a month, 1 to 12.
    pub(crate) fn month(&self, month: u32, calendar: &Calendar) -> u64 {
        let of_month = |day: &usize| NaiveDate::month(&calendar.date(*day)) == month;
        (0..DAYS).filter(of_month).map(|day| self.days[day]).sum()
    }

    /// The rows of an airport; none for what is not a code.
    pub(crate) fn airport(&self, code: &str) -> u64 {
        let number = code.as_bytes().try_into().ok().and_then(airport::number);
        number.map_or(0, |number| u64::from(self.airports[number]))
    }
}
