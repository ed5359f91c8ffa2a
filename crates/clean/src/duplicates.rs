//! Rows that repeat a flight: a month or a whole file that is in the raw file twice.

use anyhow::{Result, bail};
use bronze::Flight;

use crate::calendar::{Calendar, DAYS, ranges};

/// More repeated rows than this share of all are an error. Published files repeat a few flights, never a day.
const MOST: f64 = 0.01;
/// The raw file has about this many bytes for each of the table's places: at 124 bytes a row, nine of ten are taken.
const BYTES_A_PLACE: u64 = 110;
/// A table in which less than one place in 16 is free is left as it is, and another is started.
const FREE: usize = 16;

/// The flights that have occurred, as a hash table of 32-bit fingerprints that a place of their own tells further
/// apart: 32 MB for 7 million rows. A row is taken for another one's repetition by chance less than once in a
/// hundred full years, because it has to meet its fingerprint in the few places after its own.
pub(crate) struct Duplicates {
    /// Only the last one has room.
    tables: Vec<Vec<u32>>,
    /// How many places of the last one are taken.
    taken: usize,
    places: usize,
    /// Rows that repeat a flight, by day of the year.
    repeated: [u64; DAYS],
}

impl Duplicates {
    /// For the rows of a raw file of this size.
    pub(crate) fn new(bytes: u64) -> Self {
        let places = (bytes / BYTES_A_PLACE) as usize + 1024;
        Duplicates {
            tables: vec![vec![0; places]],
            taken: 0,
            places,
            repeated: [0; DAYS],
        }
    }

    pub(crate) fn add(&mut self, flights: &[Flight]) {
        for flight in flights {
            if !self.is_new(flight.bits()) {
                self.repeated[flight.day_of_year()] += 1;
            }
        }
    }

    fn is_new(&mut self, bits: u64) -> bool {
        let home = ((u128::from(bits) * self.places as u128) >> 64) as usize;
        // The lowest bits are the day's; 0 marks a free place.
        let print = ((bits >> 9) as u32).max(1);
        let mut free = 0;
        for table in &self.tables {
            let mut at = home;
            loop {
                match table[at] {
                    0 => break,
                    found if found == print => return false,
                    _ => at = if at + 1 == self.places { 0 } else { at + 1 },
                }
            }
            free = at;
        }
        if let Some(last) = self.tables.last_mut() {
            last[free] = print;
        }
        self.taken += 1;
        if self.taken > self.places - self.places / FREE {
            self.tables.push(vec![0; self.places]);
            self.taken = 0;
        }
        true
    }

    pub(crate) fn count(&self) -> u64 {
        self.repeated.iter().sum()
    }

    /// Warns of repeated rows.
    ///
    /// # Errors
    /// When they are more than 1 % of `rows`; the text names their dates.
    pub(crate) fn check(&self, rows: u64, calendar: &Calendar) -> Result<()> {
        const WHAT: &str = "(the same date, airline, number, airports and scheduled departure)";
        let count = self.count();
        if count == 0 {
            return Ok(());
        }
        let days = (0..DAYS).filter(|day| self.repeated[*day] > 0);
        let dates = ranges(days.map(|day| calendar.date(day)));
        if count as f64 > MOST * rows as f64 {
            bail!(
                "{count} of {rows} rows repeat a flight {WHAT}, on {dates}: remove what is in the file twice and \
                 upload it again"
            );
        }
        log::warn!(
            "{count} rows repeat a flight {WHAT}, on {dates}: silver has them as the file has them"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// As many different flights as a full year has, in a table of the size that its file would give.
    #[test]
    fn a_full_year_has_no_repetition_by_chance_and_a_second_copy_repeats_all() {
        const ROWS: u64 = 1 << 20;
        let mut duplicates = Duplicates::new(124 * ROWS);
        let hash = |n: u64| n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut exact = HashSet::new();
        for n in 0..ROWS {
            assert_eq!(duplicates.is_new(hash(n)), exact.insert(hash(n)), "{n}");
        }
        assert_eq!(duplicates.tables.len(), 1);
        assert!((0..ROWS).all(|n| !duplicates.is_new(hash(n))));
    }

    #[test]
    fn a_file_of_short_rows_gets_further_tables() {
        let mut duplicates = Duplicates::new(0);
        let hash = |n: u64| n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert!((0..10_000).all(|n| duplicates.is_new(hash(n))));
        assert!(duplicates.tables.len() > 5);
        assert!((0..10_000).all(|n| !duplicates.is_new(hash(n))));
    }
}
