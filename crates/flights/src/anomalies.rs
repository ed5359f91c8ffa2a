//! Anomalies: gold with a score and a flag of each model, and those of the default model.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::Kind::{Date, Integer, Number, Text};
use crate::frame::{self, Frames};
use crate::{Column, column, gold, name};

/// The columns: the row's key, those of gold, and what detect adds. A model adds its pair `anomaly_…`,
/// `score_…`.
pub const COLUMNS: &[Column] = &[
    column(
        name::ID,
        Text,
        "JFK20130101",
        "airport and day in one; never null",
    ),
    gold::COLUMNS[0],
    gold::COLUMNS[1],
    gold::COLUMNS[2],
    gold::COLUMNS[3],
    gold::COLUMNS[4],
    gold::COLUMNS[5],
    column(
        "anomaly_if",
        Integer,
        "0 or 1",
        "flagged by the isolation forest",
    ),
    column(
        "score_if",
        Number,
        "0 to 1",
        "of the isolation forest, higher is rarer; null: fewer than three days, or no mean",
    ),
    column(
        "anomaly_mad",
        Integer,
        "0 or 1",
        "flagged by the median absolute deviation",
    ),
    column(
        "score_mad",
        Number,
        "deviations",
        "distance from the airport's median; null: fewer than ten days, or no mean",
    ),
    column(
        "anomaly_dbscan",
        Integer,
        "0 or 1",
        "flagged by DBSCAN among the airports of the day",
    ),
    column(
        "score_dbscan",
        Number,
        "deviations",
        "distance from the other airports of the day; null: fewer than ten days, or no mean",
    ),
    column("anomaly_sur", Integer, "0 or 1", "flagged by surprisal"),
    column(
        "score_sur",
        Number,
        "-ln p",
        "how improbable the day is, of all evidence; null: fewer than ten days",
    ),
    column(
        name::ANOMALY,
        Integer,
        "0 or 1",
        "flagged by the default model",
    ),
    column(
        name::SCORE,
        Number,
        "",
        "of the default model, higher is rarer; null: too few days, or no flight flew",
    ),
    column(
        name::EXPECTED_DELAY,
        Number,
        "minutes",
        "what was to be expected; null: too few days",
    ),
    column(
        name::LOWER_DELAY,
        Number,
        "minutes",
        "lower end of what was to be expected",
    ),
    column(
        name::UPPER_DELAY,
        Number,
        "minutes",
        "upper end of what was to be expected",
    ),
    column(
        name::REASON,
        Text,
        "",
        "why it is flagged, or why it has no score; else null",
    ),
    column(
        name::FLAG_BASIS,
        Text,
        "mean, cancellations, run or network",
        "what the flag of the default model is based on; null: not flagged, or the model cannot tell",
    ),
];

/// Writes an anomalies file, made from the gold file with the identity `input`.
///
/// # Errors
/// When `frame` has other columns or `out` cannot be written.
pub fn write(out: impl Write, frame: &mut DataFrame, input: &str) -> Result<()> {
    frame::write(out, COLUMNS, frame, input)
}

/// Reads an anomalies file.
///
/// # Errors
/// When the file cannot be read, is damaged, or has other columns, or what no `detect` writes.
pub fn read(path: &Path) -> Result<DataFrame> {
    let anomalies = Frames::open(path, COLUMNS.to_vec(), "detect")?.all()?;
    check(&anomalies).map_err(|e| anyhow!("{}: {e:#}: run detect again", path.display()))?;
    Ok(anomalies)
}

/// Checks that a frame has gold in it, each row the id of its airport and day and a flag, flags are 0 and 1, numbers
/// finite, and texts free of NUL, which PostgreSQL cannot store.
fn check(frame: &DataFrame) -> Result<()> {
    gold::check(frame)?;
    let ids = frame.column(name::ID)?.str()?;
    let origins = frame.column(name::ORIGIN)?.str()?;
    let days = frame.column(name::FL_DATE)?.date()?.physical();
    for ((id, origin), day) in ids.iter().zip(origins.iter()).zip(days.iter()) {
        let wanted = origin
            .zip(day.and_then(NaiveDate::from_epoch_days))
            .map(|(origin, day)| name::id(origin, day));
        ensure!(
            id == wanted.as_deref(),
            "the id of {} is {id:?}",
            wanted.unwrap_or_default()
        );
    }
    ensure!(
        frame.column(name::ANOMALY)?.null_count() == 0,
        "column {} has nulls",
        name::ANOMALY
    );
    for column in COLUMNS {
        let values = frame.column(column.name)?;
        let right = match column.kind {
            Integer if column.is_flag() => values
                .i32()?
                .iter()
                .flatten()
                .all(|flag| matches!(flag, 0 | 1)),
            Number => values.f64()?.iter().flatten().all(f64::is_finite),
            Text => values
                .str()?
                .iter()
                .flatten()
                .all(|text| !text.contains('\0')),
            Integer | Date => true,
        };
        ensure!(
            right,
            "column {} has a flag other than 0 and 1, a number that is not finite, or a NUL",
            column.name
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use polars::prelude::{Column, DataType, IntoColumn, NamedFrom, Series};

    use super::*;

    /// Two days of an airport.
    fn ordinary() -> DataFrame {
        let column = |c: &crate::Column| -> Column {
            let name = c.name.into();
            match c.name {
                name::ID => Series::new(name, ["JFK19700101", "JFK19700102"]).into_column(),
                name::ORIGIN => Series::new(name, ["JFK", "JFK"]).into_column(),
                name::FL_DATE => {
                    let days = Series::new(name, [0, 1]).cast(&DataType::Date);
                    days.unwrap().into_column()
                }
                name::MEAN_DEP_DELAY => Series::new(name, [1.5, 2.5]).into_column(),
                _ => match c.kind {
                    Integer => Series::new(name, [1, 1]).into_column(),
                    Number => Series::new(name, [Some(0.5), None]).into_column(),
                    Text | Date => Series::new(name, [Some("why"), None]).into_column(),
                },
            }
        };
        DataFrame::new(2, COLUMNS.iter().map(column).collect()).unwrap()
    }

    #[test]
    fn what_no_detect_writes_is_refused() {
        check(&ordinary()).unwrap();
        for (column, values) in [
            (
                name::ID,
                Series::new("".into(), ["JFK19700101", "JFK19700101"]),
            ),
            (
                name::ID,
                Series::new("".into(), [None, Some("JFK19700102")]),
            ),
            (name::ORIGIN, Series::new("".into(), ["JFK", "jfk"])),
            (name::FLIGHTS, Series::new("".into(), [1, -1])),
            (name::ANOMALY, Series::new("".into(), [1, 65_537])),
            (name::ANOMALY, Series::new("".into(), [Some(1), None])),
            ("anomaly_if", Series::new("".into(), [-1, 0])),
            (name::SCORE, Series::new("".into(), [f64::NAN, 0.5])),
            (
                name::UPPER_DELAY,
                Series::new("".into(), [f64::INFINITY, 0.5]),
            ),
            (name::REASON, Series::new("".into(), ["a\0", "b"])),
        ] {
            let mut frame = ordinary();
            frame
                .with_column(values.with_name(column.into()).into_column())
                .unwrap();
            assert!(check(&frame).is_err(), "{column}");
        }
    }
}
