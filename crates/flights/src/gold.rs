//! Gold: one row for each airport and day with at least one flown flight, by airport, then date.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
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
/// When the file cannot be read, is damaged, or has other columns or a null.
pub fn read(path: &Path) -> Result<DataFrame> {
    let gold = Frames::open(path, COLUMNS.to_vec(), "aggregate")?.all()?;
    for column in gold.columns() {
        ensure!(
            column.null_count() == 0,
            "{}: column {} has nulls: run aggregate again",
            path.display(),
            column.name()
        );
    }
    Ok(gold)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use polars::prelude::{DataType, df};

    use super::*;

    #[test]
    fn a_null_is_refused() {
        let mut gold = df!(
            name::ORIGIN => ["JFK", "JFK"],
            name::FL_DATE => [0, 1],
            name::MEAN_DEP_DELAY => [Some(1.5), None],
            name::FLIGHTS => [1, 1]
        )
        .unwrap();
        let days = gold.column(name::FL_DATE).unwrap().cast(&DataType::Date);
        gold.with_column(days.unwrap()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&file, &mut gold).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("column mean_dep_delay has nulls: run aggregate again"),
            "{error}"
        );
    }
}
