//! Gold: one row for each airport and day with at least one flown flight, by airport, then date.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use polars::prelude::DataFrame;

use crate::Kind::{Date, Integer, Number, Text};
use crate::frame::{self, Frames};
use crate::{Column, column, name};

/// The columns; none is ever null.
pub const COLUMNS: [Column; 4] = [
    column(name::ORIGIN, Text, "IATA code", "airport of departure"),
    column(name::FL_DATE, Date, "day", "day of the flights"),
    column(
        name::MEAN_DEP_DELAY,
        Number,
        "minutes",
        "mean departure delay, to two decimals",
    ),
    column(
        name::FLIGHTS,
        Integer,
        "flights",
        "how many flights stand behind the mean",
    ),
];

/// Writes a gold file.
///
/// # Errors
/// When `frame` has other columns or `out` cannot be written.
pub fn write(out: impl Write, frame: &mut DataFrame) -> Result<()> {
    frame::write(out, &COLUMNS, frame)
}

/// Reads a gold file.
///
/// # Errors
/// When the file cannot be read, is damaged, or has other columns.
pub fn read(path: &Path) -> Result<DataFrame> {
    Frames::open(path, COLUMNS.to_vec(), "aggregate")?.all()
}
