//! The days of the year on which flights were scheduled, and those that are missing.

use anyhow::{Context, Result};
use chrono::NaiveDate;
use log::Level;

/// The most days that a year has.
pub(crate) const DAYS: usize = 366;
/// As many missing days in a row are no accident of the data: part of the file is missing.
const GAP: usize = 3;
/// At most this many ranges of days are named; the others are counted.
const SHOWN: usize = 6;

/// The days of a year.
pub(crate) struct Calendar {
    first: NaiveDate,
    days: usize,
}

impl Calendar {
    pub(crate) fn new(year: i32) -> Result<Self> {
        let first_day = |year| NaiveDate::from_ymd_opt(year, 1, 1).context("not a year");
        let (first, next) = (first_day(year)?, first_day(year + 1)?);
        Ok(Calendar {
            first,
            days: (next - first).num_days() as usize,
        })
    }

    /// The date of a day of the year, 0 being 1 January.
    pub(crate) fn date(&self, day: usize) -> NaiveDate {
        self.first + chrono::Days::new(day as u64)
    }

    /// The day of the year of a day since 1970-01-01.
    pub(crate) fn day_of_year(&self, day: i32) -> Option<usize> {
        usize::try_from(day.checked_sub(self.first.to_epoch_days())?).ok()
    }

    /// The days without a scheduled flight.
    pub(crate) fn missing(&self, scheduled: &[u64; DAYS]) -> Missing {
        let missing = (0..self.days).filter(|day| scheduled[*day] == 0);
        let missing: Vec<_> = missing.map(|day| self.date(day)).collect();
        Missing {
            present: self.days - missing.len(),
            dates: missing,
        }
    }
}

/// The days of a year without a scheduled flight.
pub(crate) struct Missing {
    /// How many days have one.
    pub(crate) present: usize,
    pub(crate) dates: Vec<NaiveDate>,
}

impl Missing {
    /// Reports missing days.
    ///
    /// # Errors
    /// When three or more in a row are missing and `partial` does not allow it; the text lists all missing days.
    pub(crate) fn check(&self, partial: bool) -> Result<()> {
        let count = self.dates.len();
        if count == 0 {
            return Ok(());
        }
        let dates = ranges(self.dates.iter().copied());
        let part_is_missing = runs(self.dates.iter().copied())
            .iter()
            .any(|(first, last)| (*last - *first).num_days() as usize + 1 >= GAP);
        anyhow::ensure!(
            partial || !part_is_missing,
            "no flight is scheduled on {dates} ({count} {}): part of the year is missing, upload the whole file, or \
             give --partial to process what is there",
            days(count)
        );
        // Who says that the file is part of a year expects missing days.
        log::log!(
            if partial { Level::Info } else { Level::Warn },
            "no flight is scheduled on {dates} ({count} {})",
            days(count)
        );
        Ok(())
    }
}

fn days(count: usize) -> &'static str {
    if count == 1 { "day" } else { "days" }
}

/// The runs of days that follow each other, first and last day of each.
fn runs(dates: impl Iterator<Item = NaiveDate>) -> Vec<(NaiveDate, NaiveDate)> {
    let mut runs: Vec<(NaiveDate, NaiveDate)> = vec![];
    for date in dates {
        match runs.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(date) => *last = date,
            _ => runs.push((date, date)),
        }
    }
    runs
}

/// Days in words: `2013-01-01 to 2013-01-31, 2013-03-09 and 14 more days`.
pub(crate) fn ranges(dates: impl Iterator<Item = NaiveDate>) -> String {
    let runs = runs(dates);
    let (shown, others) = runs.split_at(runs.len().min(SHOWN));
    let range = |(first, last): &(NaiveDate, NaiveDate)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    };
    let text = shown.iter().map(range).collect::<Vec<_>>().join(", ");
    let more: i64 = others
        .iter()
        .map(|(first, last)| (*last - *first).num_days() + 1)
        .sum();
    match more {
        0 => text,
        n => format!("{text} and {n} more {}", days(n as usize)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn without(missing: &[usize]) -> Missing {
        let mut scheduled = [1; DAYS];
        for day in missing {
            scheduled[*day] = 0;
        }
        Calendar::new(2013).unwrap().missing(&scheduled)
    }

    #[test]
    fn three_days_in_a_row_are_a_gap() {
        for few in [&[][..], &[0], &[0, 1], &[0, 1, 3, 4], &[363, 364]] {
            without(few).check(false).unwrap();
        }
        let missing = without(&[0, 1, 2, 364]);
        missing.check(true).unwrap();
        assert_eq!(missing.present, 361);
        assert_eq!(
            missing.check(false).unwrap_err().to_string(),
            "no flight is scheduled on 2013-01-01 to 2013-01-03, 2013-12-31 (4 days): part of the year is missing, \
             upload the whole file, or give --partial to process what is there"
        );
    }

    #[test]
    fn many_ranges_are_counted() {
        let every_second: Vec<_> = (0..40).step_by(2).collect();
        let text = ranges(without(&every_second).dates.into_iter());
        assert!(text.ends_with("2013-01-11 and 14 more days"), "{text}");
    }

    #[test]
    fn a_leap_year_has_its_day() {
        let calendar = Calendar::new(2012).unwrap();
        assert_eq!(calendar.date(365).to_string(), "2012-12-31");
        assert_eq!(calendar.missing(&[0; DAYS]).dates.len(), 366);
        assert_eq!(calendar.day_of_year(15_340), Some(0)); // 2012-01-01
    }
}
