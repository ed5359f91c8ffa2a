//! Reading a labelled panel.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flights::{Days, gold, name};
use polars::prelude::{
    Column, DataFrame, DataType, Float64Chunked, IntoColumn, ParquetReader, SerReader,
    SortMultipleOptions,
};

/// The kind of rows that are judged but not counted: too weak to be called anomalous or not.
const WEAK: &str = "weak";

/// Days of which is known whether they are anomalous.
pub(crate) struct Labelled {
    pub(crate) days: Days,
    /// Whether each row is an anomaly.
    pub(crate) label: Vec<bool>,
    /// The kind of each anomaly; empty for other rows.
    pub(crate) kind: Vec<String>,
    /// Whether each row counts.
    pub(crate) counts: Vec<bool>,
}

/// Reads a labelled panel; see `compare labelled --help` for its columns.
///
/// # Errors
/// When the file cannot be read, lacks a column, has a null or another type where it must not, or
/// has a row that [`gold::flaw`] finds.
pub(crate) fn read(path: &Path) -> Result<Labelled> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let frame = ParquetReader::new(file).finish();
    let frame = frame.with_context(|| format!("{} is no Parquet file", path.display()))?;
    labelled(&frame).with_context(|| format!("{}: no labelled panel", path.display()))
}

fn labelled(frame: &DataFrame) -> Result<Labelled> {
    let has = |name| frame.column(name).is_ok();
    let column = |name: &str, kind: &DataType| -> Result<Column> {
        let Ok(column) = frame.column(name) else {
            bail!("it has no column {name}: see compare labelled --help");
        };
        // polars would read a text as a date, and complain of that on stderr.
        let odd = *kind == DataType::Date && *column.dtype() == DataType::String;
        ensure!(!odd, "column {name} is text, wanted {kind}");
        let cast = column.strict_cast(kind);
        cast.with_context(|| format!("column {name} is {}, wanted {kind}", column.dtype()))
    };
    let whole = |name: &str, kind: &DataType| -> Result<Column> {
        let column = column(name, kind)?;
        ensure!(column.null_count() == 0, "column {name} has nulls");
        Ok(column)
    };
    let flights = whole(name::FLIGHTS, &DataType::Int32)?;
    let cancelled = match has(name::CANCELLED) {
        true => Some(whole(name::CANCELLED, &DataType::Int32)?),
        false => None,
    };
    let scheduled = match (has(name::SCHEDULED), &cancelled) {
        (true, _) => whole(name::SCHEDULED, &DataType::Int32)?,
        (false, Some(cancelled)) => (&flights + cancelled)?.with_name(name::SCHEDULED.into()),
        (false, None) => flights.clone().with_name(name::SCHEDULED.into()),
    };
    let unknown = || Column::full_null(name::CANCELLED.into(), frame.height(), &DataType::Int32);
    let cancelled = cancelled.unwrap_or_else(unknown);
    // Other programs write a mean that is not there as NaN.
    let mean = column(name::MEAN_DEP_DELAY, &DataType::Float64)?;
    let mean: Float64Chunked = mean
        .f64()?
        .iter()
        .map(|m| m.filter(|m| !m.is_nan()))
        .collect();
    let mean = mean.with_name(name::MEAN_DEP_DELAY.into());
    let by = [name::ORIGIN, name::FL_DATE];
    let rows = DataFrame::new(
        frame.height(),
        vec![
            whole(name::ORIGIN, &DataType::String)?,
            whole(name::FL_DATE, &DataType::Date)?,
            mean.into_column(),
            flights,
            scheduled,
            cancelled,
            whole(name::LABEL, &DataType::Float64)?,
            column(name::KIND, &DataType::String)?,
        ],
    )?
    .sort(by, SortMultipleOptions::default())?;

    if let Some(flaw) = gold::flaw(&rows)? {
        bail!("{flaw}");
    }
    let label = rows.column(name::LABEL)?.f64()?;
    let yes_or_no = label.iter().all(|l| l == Some(0.0) || l == Some(1.0));
    ensure!(yes_or_no, "column label has other values than 0 and 1");
    let kind = rows.column(name::KIND)?.str()?;
    let kind: Vec<String> = kind.iter().map(|k| k.unwrap_or_default().into()).collect();
    Ok(Labelled {
        days: Days::of(&rows)?,
        label: label.into_no_null_iter().map(|l| l == 1.0).collect(),
        counts: kind.iter().map(|kind| kind != WEAK).collect(),
        kind,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use polars::prelude::{NamedFrom, Series, df};

    use super::*;

    /// Two days of one airport, the later one first.
    fn panel() -> DataFrame {
        let days = Series::new(name::FL_DATE.into(), [1, 0]);
        df!(
            name::ORIGIN => ["JFK", "JFK"],
            name::FL_DATE => days.cast(&DataType::Date).unwrap(),
            name::MEAN_DEP_DELAY => [f64::NAN, 2.5],
            name::FLIGHTS => [0i64, 3],
            name::LABEL => [1i64, 0],
            name::KIND => [Some("closure"), None]
        )
        .unwrap()
    }

    #[test]
    fn rows_are_sorted_and_a_nan_is_no_mean() {
        let read = labelled(&panel()).unwrap();
        assert_eq!((read.days.day, read.days.flights), (vec![0, 1], vec![3, 0]));
        assert!(read.days.mean[1].is_nan());
        assert_eq!(
            (read.label, read.kind),
            (vec![false, true], vec![String::new(), "closure".into()])
        );
    }

    #[test]
    fn cancellations_are_known_only_where_the_panel_has_them() {
        let mut panel = panel();
        let read = labelled(&panel).unwrap();
        assert_eq!(read.days.cancelled, None);
        assert_eq!(read.days.scheduled, [3, 0]);
        let cancelled = Series::new(name::CANCELLED.into(), [4, 1]);
        panel.with_column(cancelled.into_column()).unwrap();
        let read = labelled(&panel).unwrap();
        assert_eq!(
            (read.days.cancelled, read.days.scheduled),
            (Some(vec![1, 4]), vec![4, 4])
        );
    }

    #[test]
    fn a_label_is_0_or_1() {
        let mut panel = panel();
        for labels in [[2.0, 0.0], [0.5, 0.0], [-1.0, 1.0]] {
            panel
                .with_column(Series::new(name::LABEL.into(), labels).into_column())
                .unwrap();
            let error = labelled(&panel).map(|_| ()).unwrap_err().to_string();
            assert_eq!(error, "column label has other values than 0 and 1");
        }
    }
}
