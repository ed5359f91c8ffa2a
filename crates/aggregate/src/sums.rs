//! The sums of a year: one accumulator for each airport and day.

use anyhow::{Context, Result};
use chrono::NaiveDate;
use flights::{Cancellations, airport, name};
use polars::prelude::{
    ChunkFullNull, DataFrame, DataType, Float64Chunked, Int32Chunked, IntoColumn, IntoSeries,
    NewChunkedArray, StringChunked,
};

/// Marks a code that has not occurred yet.
const NONE: u16 = u16::MAX;

/// What is known of one airport on one day.
#[derive(Clone)]
struct Sum {
    /// Delays of the flights that flew. It begins at -0.0, because adding that changes no sum, not even one that is
    /// itself -0.0.
    minutes: f64,
    flights: i32,
    scheduled: i32,
    cancelled: i32,
}

const NO_FLIGHTS: Sum = Sum {
    minutes: -0.0,
    flights: 0,
    scheduled: 0,
    cancelled: 0,
};

/// The sums of one year. Memory: 24 bytes for each airport and day, 3 MB for 350 airports.
pub(crate) struct Sums {
    /// 1 January, in days since 1970-01-01.
    first_day: i32,
    days: usize,
    /// For each possible code, the airport's position in `airports`.
    index: Vec<u16>,
    /// Airports in the order in which they occur, each with a sum for each day of the year.
    airports: Vec<([u8; 3], Vec<Sum>)>,
    /// Whether silver says which flights were cancelled.
    cancelled_known: bool,
}

impl Sums {
    pub(crate) fn new(year: i32) -> Result<Self> {
        let first_day = |year| NaiveDate::from_ymd_opt(year, 1, 1).context("not a year");
        let (first, next) = (first_day(year)?, first_day(year + 1)?);
        Ok(Sums {
            first_day: first.to_epoch_days(),
            days: (next - first).num_days() as usize,
            index: vec![NONE; airport::CODES],
            airports: vec![],
            cancelled_known: true,
        })
    }

    /// Adds the flights of a row group of silver.
    ///
    /// # Errors
    /// When a row has no airport, a day of another year, or no finite delay: `clean` writes no such row.
    pub(crate) fn add(&mut self, flights: &DataFrame) -> Result<()> {
        let origins = flights.column(name::ORIGIN)?.str()?;
        let days = flights.column(name::FL_DATE)?.date()?.physical();
        let delays = flights.column(name::DEP_DELAY)?.f64()?;
        for ((origin, day), delay) in origins.iter().zip(days.iter()).zip(delays.iter()) {
            let origin = origin.unwrap_or_default();
            let code = origin.as_bytes().try_into().ok();
            let code = code.with_context(|| format!("{origin:?} is not an airport code"))?;
            let sum = self.sum(code, day.unwrap_or(i32::MIN))?;
            let delay = delay.filter(|delay| delay.is_finite());
            // A null would count as a delay of 0 minutes.
            sum.minutes += delay.with_context(|| format!("a flight has no {}", name::DEP_DELAY))?;
            sum.flights += 1;
            sum.scheduled += 1;
        }
        Ok(())
    }

    /// Adds the flights that silver only counts.
    ///
    /// # Errors
    /// As [`Sums::add`].
    pub(crate) fn add_cancellations(&mut self, cancellations: &Cancellations) -> Result<()> {
        self.cancelled_known = cancellations.are_known();
        for (airport, day, count) in cancellations.iter() {
            let sum = self.sum(airport, day)?;
            sum.scheduled += i32::try_from(count.not_flown)?;
            sum.cancelled += i32::try_from(count.cancelled)?;
        }
        Ok(())
    }

    fn sum(&mut self, code: [u8; 3], day: i32) -> Result<&mut Sum> {
        let number = airport::number(code);
        let text = || String::from_utf8_lossy(&code).into_owned();
        let number = number.with_context(|| format!("{:?} is not an airport code", text()))?;
        let day = day.checked_sub(self.first_day).map(usize::try_from);
        let day = day.and_then(Result::ok).filter(|day| *day < self.days);
        let day = day.context("it has days of another year")?;
        if self.index[number] == NONE {
            // There are fewer codes than numbers of 16 bits.
            self.index[number] = self.airports.len() as u16;
            self.airports.push((code, vec![NO_FLIGHTS; self.days]));
        }
        Ok(&mut self.airports[usize::from(self.index[number])].1[day])
    }

    /// How many flights flew.
    pub(crate) fn flights(&self) -> u64 {
        let sums = self.airports.iter().flat_map(|(_, sums)| sums);
        sums.map(|sum| sum.flights as u64).sum()
    }

    /// Gold: a row for each airport and day with a scheduled flight, by airport, then date.
    ///
    /// # Errors
    /// Those of polars; no sum can cause one.
    pub(crate) fn gold(mut self) -> Result<DataFrame> {
        self.airports.sort_unstable_by_key(|(code, _)| *code);
        let mut rows: Vec<(&[u8; 3], i32, &Sum)> = vec![];
        for (code, sums) in &self.airports {
            let days = (self.first_day..).zip(sums);
            rows.extend(
                days.filter(|(_, sum)| sum.scheduled > 0 || sum.cancelled > 0)
                    .map(|(day, sum)| (code, day, sum)),
            );
        }
        let codes = rows
            .iter()
            .map(|(code, ..)| std::str::from_utf8(*code).ok());
        let days: Vec<i32> = rows.iter().map(|(_, day, _)| *day).collect();
        let means = rows
            .iter()
            .map(|(.., sum)| (sum.flights > 0).then(|| mean(sum.minutes, sum.flights)));
        let counts = |name: &str, of: fn(&Sum) -> i32| {
            let counts = rows.iter().map(|(.., sum)| of(sum)).collect();
            Int32Chunked::from_vec(name.into(), counts).into_column()
        };
        let days = Int32Chunked::from_vec(name::FL_DATE.into(), days).into_series();
        Ok(DataFrame::new(
            rows.len(),
            vec![
                StringChunked::from_iter_options(name::ORIGIN.into(), codes).into_column(),
                days.cast(&DataType::Date)?.into_column(),
                Float64Chunked::from_iter_options(name::MEAN_DEP_DELAY.into(), means).into_column(),
                counts(name::FLIGHTS, |sum| sum.flights),
                counts(name::SCHEDULED, |sum| sum.scheduled),
                match self.cancelled_known {
                    true => counts(name::CANCELLED, |sum| sum.cancelled),
                    false => {
                        Int32Chunked::full_null(name::CANCELLED.into(), rows.len()).into_column()
                    }
                },
            ],
        )?)
    }
}

/// `rint(sum / count * 100) / 100`, halves to even: what pandas' mean and round gave the original,
/// bit for bit.
fn mean(sum: f64, count: i32) -> f64 {
    (sum / f64::from(count) * 100.0).round_ties_even() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flights::Count;
    use polars::prelude::{NamedFrom, Series, df};

    use super::*;

    /// 1 January 1970 is day 0.
    fn sums() -> Sums {
        Sums::new(1970).unwrap()
    }

    fn dates(days: &[i32]) -> Series {
        let days = Series::new(name::FL_DATE.into(), days);
        days.cast(&DataType::Date).unwrap()
    }

    fn group(origin: &[&str], day: &[i32], delay: &[f64]) -> DataFrame {
        df!(name::ORIGIN => origin, name::FL_DATE => dates(day), name::DEP_DELAY => delay).unwrap()
    }

    #[test]
    fn halves_go_to_even_and_minus_zero_stays() {
        assert_eq!(mean(1.0, 8), 0.12);
        assert_eq!(mean(5.0, 8), 0.62);
        assert_eq!(mean(-1.0, 400).to_bits(), (-0.0f64).to_bits());
        let mut sums = sums();
        sums.add(&group(&["ABE", "ABE"], &[1, 1], &[-0.0, -0.0]))
            .unwrap();
        let gold = sums.gold().unwrap();
        let mean = gold.column(name::MEAN_DEP_DELAY).unwrap().f64().unwrap();
        assert_eq!(mean.get(0).map(f64::to_bits), Some((-0.0f64).to_bits()));
    }

    #[test]
    fn row_groups_add_up() {
        let mut sums = sums();
        sums.add(&group(
            &["NAN", "ABE", "NAN"],
            &[2, 1, 1],
            &[4.0, -1.0, 7.0],
        ))
        .unwrap();
        sums.add(&group(&["ABE", "NAN"], &[1, 2], &[2.0, 9.0]))
            .unwrap();
        assert_eq!(sums.flights(), 5);
        let wanted = df!(
            name::ORIGIN => ["ABE", "NAN", "NAN"],
            name::FL_DATE => dates(&[1, 1, 2]),
            name::MEAN_DEP_DELAY => [0.5, 7.0, 6.5],
            name::FLIGHTS => [2, 1, 2],
            name::SCHEDULED => [2, 1, 2],
            name::CANCELLED => [0, 0, 0]
        );
        assert_eq!(sums.gold().unwrap(), wanted.unwrap());
    }

    #[test]
    fn rows_that_clean_does_not_write_are_refused() {
        for delay in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            let mut silver = group(&["JFK", "JFK"], &[1, 1], &[4.0, 2.0]);
            let delays = Series::new(name::DEP_DELAY.into(), [Some(4.0), delay]);
            silver.with_column(delays.into_column()).unwrap();
            let error = sums().add(&silver).unwrap_err().to_string();
            assert_eq!(error, "a flight has no dep_delay");
        }
        for (origin, day, wanted) in [
            ("jfk", 0, "\"jfk\" is not an airport code"),
            ("", 0, "\"\" is not an airport code"),
            ("JFKX", 0, "\"JFKX\" is not an airport code"),
            ("JFK", -1, "it has days of another year"),
            ("JFK", 365, "it has days of another year"),
            ("JFK", i32::MIN, "it has days of another year"),
        ] {
            let error = sums().add(&group(&[origin], &[day], &[1.0])).unwrap_err();
            assert_eq!(error.to_string(), wanted);
        }
    }

    #[test]
    fn cancelled_flights_are_scheduled_and_a_closed_day_has_no_mean() {
        let mut cancellations = Cancellations::default();
        let mut add = |airport, day, not_flown, cancelled| {
            let count = Count {
                not_flown,
                cancelled,
            };
            cancellations.add(airport, day, count);
        };
        add(*b"ABE", 1, 2, 3); // one of them after its departure
        add(*b"ABE", 3, 4, 4);
        add(*b"AAA", 2, 1, 0);
        let mut sums = sums();
        sums.add_cancellations(&cancellations).unwrap();
        sums.add(&group(&["ABE", "ZZZ"], &[1, 2], &[1.0, 8.0]))
            .unwrap();
        assert_eq!(sums.flights(), 2);
        let gold = sums.gold().unwrap();
        let wanted = df!(
            name::ORIGIN => ["AAA", "ABE", "ABE", "ZZZ"],
            name::FL_DATE => dates(&[2, 1, 3, 2]),
            name::MEAN_DEP_DELAY => [None, Some(1.0), None, Some(8.0)],
            name::FLIGHTS => [0, 1, 0, 1],
            name::SCHEDULED => [1, 3, 4, 1],
            name::CANCELLED => [0, 3, 4, 0]
        );
        assert!(gold.equals_missing(&wanted.unwrap()), "{gold:?}");
    }

    #[test]
    fn no_flights_no_rows() {
        let gold = sums().gold().unwrap();
        assert_eq!((gold.height(), gold.width()), (0, 6));
    }
}
