//! Anomalies: gold with a score and a flag of each model, and those of the default model.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use polars::prelude::DataFrame;

use crate::Kind::{Integer, Number, Text};
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
];

/// Writes an anomalies file.
///
/// # Errors
/// When `frame` has other columns or `out` cannot be written.
pub fn write(out: impl Write, frame: &mut DataFrame) -> Result<()> {
    frame::write(out, COLUMNS, frame)
}

/// Reads an anomalies file.
///
/// # Errors
/// When the file cannot be read, is damaged, or has other columns.
pub fn read(path: &Path) -> Result<DataFrame> {
    Frames::open(path, COLUMNS.to_vec(), "detect")?.all()
}
