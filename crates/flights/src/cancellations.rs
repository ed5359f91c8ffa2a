//! The flights that silver leaves out or that did not arrive, counted for each airport and day: a
//! text that silver's Parquet footer holds, and the one place that spells it.
//!
//! A line for each airport-day with any, by airport, then date: `JFK,2013-02-08,159,159`, the flights
//! without a departure delay and those that were cancelled.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;

/// The key of the text in the footer.
pub(crate) const KEY: &str = "flight_delays.cancellations";
/// The key, and the text, by which the footer says that the raw file does not say which flights were cancelled.
pub(crate) const UNKNOWN: (&str, &str) = ("flight_delays.cancelled", "unknown");

/// How many flights of an airport and day, or of a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those without a departure delay, which are not in silver.
    pub not_flown: u32,
    /// Those that were cancelled: before the departure, or, a few, after it.
    pub cancelled: u32,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.not_flown += other.not_flown;
        self.cancelled += other.cancelled;
    }
}

/// The airport-days on which not every flight flew, or one was cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancellations {
    /// By airport and by day since 1970-01-01.
    days: BTreeMap<([u8; 3], i32), Count>,
    unknown: bool,
}

impl Cancellations {
    /// Adds to what is counted of an airport, three capital letters or digits, on a day, given in
    /// days since 1970-01-01.
    pub fn add(&mut self, airport: [u8; 3], day: i32, count: Count) {
        *self.days.entry((airport, day)).or_default() += count;
    }

    /// Adds all that another part of the file has.
    pub fn add_all(&mut self, other: &Cancellations) {
        for ((airport, day), count) in &other.days {
            self.add(*airport, *day, *count);
        }
    }

    /// The raw file does not say which flights were cancelled: no count of them means anything.
    pub fn set_unknown(&mut self) {
        self.unknown = true;
    }

    /// Whether the raw file says which flights were cancelled.
    #[must_use]
    pub fn are_known(&self) -> bool {
        !self.unknown
    }

    /// The count of all airports and days together.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for count in self.days.values() {
            total += *count;
        }
        total
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut cancellations = Cancellations::default();
        for line in text.lines() {
            let (key, count) = parse(line).with_context(|| format!("{line:?} counts nothing"))?;
            let before = cancellations.days.insert(key, count);
            ensure!(before.is_none(), "{line:?} counts for a second time");
        }
        Ok(cancellations)
    }

    /// The counts by airport, then day: code, days since 1970-01-01, count.
    pub fn iter(&self) -> impl Iterator<Item = ([u8; 3], i32, Count)> {
        self.days
            .iter()
            .map(|((airport, day), count)| (*airport, *day, *count))
    }
}

impl fmt::Display for Cancellations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((airport, day), count) in &self.days {
            let date = NaiveDate::from_epoch_days(*day).ok_or(fmt::Error)?;
            let (not_flown, cancelled) = (count.not_flown, count.cancelled);
            writeln!(f, "{},{date},{not_flown},{cancelled}", text(airport))?;
        }
        Ok(())
    }
}

fn text(airport: &[u8; 3]) -> String {
    airport.iter().copied().map(char::from).collect()
}

fn parse(line: &str) -> Option<(([u8; 3], i32), Count)> {
    let [airport, date, not_flown, cancelled] =
        line.split(',').collect::<Vec<_>>().try_into().ok()?;
    let day = date.parse::<NaiveDate>().ok()?.to_epoch_days();
    let count = Count {
        not_flown: count(not_flown)?,
        cancelled: count(cancelled)?,
    };
    Some(((airport.as_bytes().try_into().ok()?, day), count))
}

/// A count that also fits the `Integer` column that it becomes.
fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|n| *n <= i32::MAX as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn count(not_flown: u32, cancelled: u32) -> Count {
        Count {
            not_flown,
            cancelled,
        }
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let (mut first, mut second) = (Cancellations::default(), Cancellations::default());
        first.add(*b"LGA", 15_744, count(1, 0));
        first.add(*b"JFK", 15_745, count(0, 1));
        second.add(*b"JFK", 15_744, count(150, 150));
        second.add(*b"LGA", 15_744, count(1, 1));
        let mut both = first.clone();
        both.add_all(&second);
        second.add_all(&first);
        assert_eq!(both, second);
        assert_eq!(both.total(), count(152, 152));
        let text = "JFK,2013-02-08,150,150\nJFK,2013-02-09,0,1\nLGA,2013-02-08,2,1\n";
        assert_eq!(both.to_string(), text);
        assert_eq!(Cancellations::parse(text).unwrap(), both);
        assert_eq!(Cancellations::parse("").unwrap(), Cancellations::default());
    }

    #[test]
    fn what_is_no_count() {
        for line in [
            "",
            "JFK,2013-02-08,1",
            "JFK,2013-02-08,1,1,1",
            "JFKX,2013-02-08,1,1",
            "JFK,2013-02-30,1,1",
            "JFK,2013-02-08,-1,1",
            "JFK,2013-02-08,1,",
            "JFK,2013-02-08,4294967295,1",
        ] {
            let error = Cancellations::parse(&format!("{line}\n")).unwrap_err();
            assert_eq!(error.to_string(), format!("{line:?} counts nothing"));
        }
        let twice = "JFK,2013-02-08,1,1\n".repeat(2);
        assert!(Cancellations::parse(&twice).is_err());
    }
}
