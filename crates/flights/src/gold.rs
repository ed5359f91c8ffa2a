//! Gold: one row for each airport and day with at least one scheduled flight, by airport, then date.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use chrono::{Datelike, NaiveDate};
use polars::prelude::DataFrame;

use crate::Kind::{Date, Integer, Number, Text};
use crate::frame::{self, Frames};
use crate::{Column, Lineage, column, name};

/// The columns. The mean is null on a day on which no flight flew, and `cancelled` is null in every row where the raw
/// file does not say which flights were cancelled; the others are never null.
pub const COLUMNS: [Column; 6] = [
    column(name::ORIGIN, Text, "IATA code", "airport of departure"),
    column(name::FL_DATE, Date, "day", "day of the flights"),
    column(
        name::MEAN_DEP_DELAY,
        Number,
        "minutes",
        "mean departure delay, to two decimals; null: no flight flew",
    ),
    column(
        name::FLIGHTS,
        Integer,
        "flights",
        "how many flights stand behind the mean",
    ),
    column(
        name::SCHEDULED,
        Integer,
        "flights",
        "how many the timetable had, flown or not",
    ),
    column(
        name::CANCELLED,
        Integer,
        "flights",
        "how many of the scheduled were cancelled; null in every row: unknown",
    ),
];

/// Writes a gold file, made from the silver file with the identity `input`.
///
/// # Errors
/// When `frame` has other columns or `out` cannot be written.
pub fn write(out: impl Write, frame: &mut DataFrame, input: &str) -> Result<()> {
    frame::write(out, &COLUMNS, frame, input)
}

/// Reads a gold file.
///
/// # Errors
/// When the file cannot be read, is damaged, or has other columns, or what no `aggregate` writes.
pub fn read(path: &Path) -> Result<(DataFrame, Lineage)> {
    let file = Frames::open(path, COLUMNS.to_vec(), "aggregate")?;
    let gold = file.all()?;
    check(&gold).map_err(|e| anyhow!("{}: {e:#}: run aggregate again", path.display()))?;
    Ok((gold, file.lineage()?))
}

/// Whether all days are of the year.
///
/// # Errors
/// When a column is missing or has another type.
pub fn is_of(year: i32, gold: &DataFrame) -> Result<bool> {
    let days = gold.column(name::FL_DATE)?.date()?.physical();
    let of_year = |day| NaiveDate::from_epoch_days(day).is_some_and(|date| date.year() == year);
    Ok(days.iter().flatten().all(of_year))
}

/// Checks the columns of gold in a frame: some rows, airports by their code, nulls and numbers as in [`flaw`].
///
/// # Errors
/// That something is not as it has to be, a column is missing or has another type.
pub fn check(gold: &DataFrame) -> Result<()> {
    ensure!(gold.height() > 0, "it has no rows");
    for column in COLUMNS {
        let nulls = gold.column(column.name)?.null_count();
        let legal = match column.name {
            name::MEAN_DEP_DELAY => true,
            name::CANCELLED => nulls == 0 || nulls == gold.height(),
            _ => nulls == 0,
        };
        ensure!(legal, "column {} has nulls", column.name);
    }
    let code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    for origin in gold.column(name::ORIGIN)?.str()?.iter().flatten() {
        ensure!(
            origin.len() == 3 && origin.bytes().all(code),
            "{origin:?} is not an airport code"
        );
    }
    if let Some(flaw) = flaw(gold)? {
        bail!(flaw);
    }
    Ok(())
}

/// The first row that cannot be, and what is wrong with it: `JFK 2013-01-02: there twice, …`. `None`:
/// the frame is sorted by airport, then date, each mean is finite and null exactly where no flight
/// flew, and flown and cancelled flights are among the scheduled ones.
///
/// # Errors
/// When a column is missing or has another type, or one other than the mean has a null.
pub fn flaw(gold: &DataFrame) -> Result<Option<String>> {
    let origin = gold.column(name::ORIGIN)?.str()?;
    let day = gold.column(name::FL_DATE)?.date()?.physical();
    let means = gold.column(name::MEAN_DEP_DELAY)?.f64()?;
    let count = |name| Ok::<_, anyhow::Error>(gold.column(name)?.i32()?.into_no_null_iter());
    let cancelled = gold.column(name::CANCELLED)?.i32()?;
    let counts = count(name::FLIGHTS)?
        .zip(count(name::SCHEDULED)?)
        .zip(cancelled.iter());
    let keys = origin.iter().zip(day.into_no_null_iter());
    let mut before = None;
    for ((key, mean), ((flights, scheduled), cancelled)) in keys.zip(means.iter()).zip(counts) {
        let among = |n| (0..=scheduled).contains(&n);
        let what = if before.is_some_and(|before| before >= key) {
            "there twice, or not sorted by origin and date"
        } else if mean.is_some() != (flights > 0) {
            "mean_dep_delay must be null exactly when flights is 0"
        } else if mean.is_some_and(|mean| !mean.is_finite()) {
            "the mean is not a finite number"
        } else if !among(flights) || !cancelled.is_none_or(among) {
            "more flights flown or cancelled than scheduled, or fewer than none"
        } else {
            before = Some(key);
            continue;
        };
        let (origin, day) = key;
        let date = NaiveDate::from_epoch_days(day).map_or_else(String::new, |d| d.to_string());
        return Ok(Some(format!(
            "{} {date}: {what}",
            origin.unwrap_or_default()
        )));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use polars::prelude::{DataType, IntoColumn, NamedFrom, Series, df};

    use super::*;

    /// Two days of one flight each: what reading them says.
    fn read_with(name: &str, values: Series) -> Result<DataFrame> {
        let mut gold = df!(
            name::ORIGIN => ["JFK", "JFK"],
            name::FL_DATE => [0, 1],
            name::MEAN_DEP_DELAY => [1.5, 2.5],
            name::FLIGHTS => [1, 1],
            name::SCHEDULED => [1, 2],
            name::CANCELLED => [0, 1]
        )?;
        gold.with_column(values.with_name(name.into()).into_column())?;
        let days = gold.column(name::FL_DATE)?.cast(&DataType::Date)?;
        gold.with_column(days)?;
        let file = tempfile::NamedTempFile::new()?;
        write(&file, &mut gold, "")?;
        Ok(read(file.path())?.0)
    }

    #[test]
    fn a_null_is_refused() {
        for name in [
            name::FL_DATE,
            name::FLIGHTS,
            name::SCHEDULED,
            name::CANCELLED,
        ] {
            let values = Series::new(name.into(), [Some(1), None]);
            let error = read_with(name, values).unwrap_err().to_string();
            let told = format!("column {name} has nulls: run aggregate again");
            assert!(error.ends_with(&told), "{error}");
        }
    }

    #[test]
    fn what_no_aggregate_writes_is_refused() {
        let counts = |counts: [i32; 2]| Series::new("".into(), counts);
        for (name, values, told) in [
            (name::FL_DATE, counts([1, 0]), "JFK 1970-01-01: there twice"),
            (name::FL_DATE, counts([1, 1]), "JFK 1970-01-02: there twice"),
            (
                name::FLIGHTS,
                counts([1, 3]),
                "JFK 1970-01-02: more flights",
            ),
            (
                name::FLIGHTS,
                counts([-1, 1]),
                "JFK 1970-01-01: mean_dep_delay must be null",
            ),
            (
                name::SCHEDULED,
                counts([0, 2]),
                "JFK 1970-01-01: more flights",
            ),
            (
                name::CANCELLED,
                counts([0, 3]),
                "JFK 1970-01-02: more flights",
            ),
            (
                name::CANCELLED,
                counts([-1, 0]),
                "JFK 1970-01-01: more flights",
            ),
            (
                name::ORIGIN,
                Series::new("".into(), ["JFK", "J\nK"]),
                r#""J\nK" is not an airport code"#,
            ),
            (
                name::MEAN_DEP_DELAY,
                Series::new("".into(), [f64::NAN, 1.0]),
                "JFK 1970-01-01: the mean is not a finite",
            ),
        ] {
            let error = read_with(name, values).unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn no_rows_are_refused() {
        let nothing = df!(name::ORIGIN => [""; 0]).unwrap();
        let error = check(&nothing).unwrap_err().to_string();
        assert_eq!(error, "it has no rows");
    }

    #[test]
    fn a_mean_is_null_exactly_where_no_flight_flew() {
        let flights = |flights: [i32; 2]| Series::new(name::FLIGHTS.into(), flights);
        let means = |means: [Option<f64>; 2]| Series::new(name::MEAN_DEP_DELAY.into(), means);
        assert!(read_with(name::FLIGHTS, flights([1, 1])).is_ok());
        for (name, values) in [
            (name::FLIGHTS, flights([0, 1])),
            (name::MEAN_DEP_DELAY, means([Some(1.5), None])),
        ] {
            let error = read_with(name, values).unwrap_err().to_string();
            let told = "mean_dep_delay must be null exactly when flights is 0: run aggregate again";
            assert!(error.ends_with(told), "{error}");
        }
    }
}
