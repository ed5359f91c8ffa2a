//! The worker `aggregate`: silver to gold, the mean departure delay of each airport and day,
//! published in the data dir and in the lake.

use anyhow::{Context, Result};
use clap::Parser;
use flights::{gold, name, silver};
use handoff::{Draft, File};
use lake::{Lake, LakeUrl};
use polars::prelude::{
    DataFrame, DataType, Float64Chunked, IntoColumn, IntoLazy, NewChunkedArray, PlSmallStr, Series,
    SortMultipleOptions, UnionArgs, col, concat, df, len,
};
use serde::Serialize;
use task::{Common, Worker};

/// Silver to gold: mean departure delay per airport and day
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: aggregate --year 2013 --lake s3://flights --data-dir data"
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Where gold is published: s3://bucket[/prefix], file:///dir or a folder
    #[arg(long, env = "LAKE_URL", hide_env_values = true)]
    lake: LakeUrl,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows_in: u64,
    rows_out: u64,
    airports: u64,
    output: String,
    bytes: u64,
}

impl Worker for Args {
    const NAME: &'static str = "aggregate";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let (year, dir) = (self.common.year, &self.common.data_dir);
        let lake = Lake::open(&self.lake)?;
        let silver = handoff::input(dir, year, File::Silver)?;
        let columns = [name::ORIGIN, name::FL_DATE, name::DEP_DELAY];
        let (mut gold, rows_in) = means(silver::row_groups(&silver, &columns)?)
            .with_context(|| format!("cannot aggregate {}", silver.display()))?;

        let mut draft = Draft::create(dir, year, File::Gold)?;
        gold::write(&mut draft, &mut gold).context("cannot write gold")?;
        // Its lock is held to the end: the upload of another run comes after this one's.
        let (path, bytes) = draft.publish()?;
        let place = lake.write(&path, &lake::key::gold(year))?;
        let airports = gold.column(name::ORIGIN)?.n_unique()? as u64;
        log::info!("{} rows in {} and {place}", gold.height(), path.display());
        Ok(Summary {
            rows_in,
            rows_out: gold.height() as u64,
            airports,
            output: File::Gold.name(year),
            bytes,
        })
    }
}

const SUM: &str = "sum";

/// Gold, and the number of flights in it. Each row group is summed up by itself, so that memory
/// holds one at a time; delays are whole minutes, so no sum depends on the order.
fn means(row_groups: impl Iterator<Item = Result<DataFrame>>) -> Result<(DataFrame, u64)> {
    let airport_and_day = || [col(name::ORIGIN), col(name::FL_DATE)];
    let none = df!(
        name::ORIGIN => Vec::<String>::new(),
        name::FL_DATE => Series::new_empty(PlSmallStr::EMPTY, &DataType::Date),
        SUM => Vec::<f64>::new(),
        name::FLIGHTS => Vec::<i32>::new()
    )?;
    let mut parts = vec![none.lazy()];
    for group in row_groups {
        let sums = [
            col(name::DEP_DELAY).sum().alias(SUM),
            len().cast(DataType::Int32).alias(name::FLIGHTS),
        ];
        parts.push(
            group?
                .lazy()
                .group_by(airport_and_day())
                .agg(sums)
                .collect()?
                .lazy(),
        );
    }
    let totals = concat(parts, UnionArgs::default())?
        .group_by(airport_and_day())
        .agg([col(SUM).sum(), col(name::FLIGHTS).sum()])
        .sort(
            [name::ORIGIN, name::FL_DATE],
            SortMultipleOptions::default(),
        )
        .collect()?;

    let (sums, flights) = (
        totals.column(SUM)?.f64()?,
        totals.column(name::FLIGHTS)?.i32()?,
    );
    let means = sums
        .into_no_null_iter()
        .zip(flights.into_no_null_iter())
        .map(|(sum, n)| mean(sum, n));
    let means = Float64Chunked::from_iter_values(name::MEAN_DEP_DELAY.into(), means);
    let rows = flights.into_no_null_iter().map(|n| n as u64).sum();
    let gold = DataFrame::new_infer_height(vec![
        totals.column(name::ORIGIN)?.clone(),
        totals.column(name::FL_DATE)?.clone(),
        means.into_column(),
        totals.column(name::FLIGHTS)?.clone(),
    ])?;
    Ok((gold, rows))
}

/// `rint(sum / count * 100) / 100`, halves to even: what pandas' mean and round gave the original,
/// bit for bit.
fn mean(sum: f64, count: i32) -> f64 {
    (sum / f64::from(count) * 100.0).round_ties_even() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use polars::prelude::NamedFrom;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Args::command().debug_assert();
    }

    #[test]
    fn halves_go_to_even_and_minus_zero_stays() {
        assert_eq!(mean(1.0, 8), 0.12);
        assert_eq!(mean(5.0, 8), 0.62);
        assert_eq!(mean(-1.0, 400).to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn row_groups_add_up() {
        let group = |origin: &[&str], day: &[i32], delay: &[f64]| -> Result<DataFrame> {
            let date = Series::new(name::FL_DATE.into(), day).cast(&DataType::Date)?;
            Ok(df!(name::ORIGIN => origin, name::FL_DATE => date, name::DEP_DELAY => delay)?)
        };
        let groups = [
            group(&["NAN", "ABE", "NAN"], &[2, 1, 1], &[4.0, -1.0, 7.0]),
            group(&["ABE", "NAN"], &[1, 2], &[2.0, 9.0]),
        ];
        let (gold, rows) = means(groups.into_iter()).unwrap();
        let date = Series::new(name::FL_DATE.into(), [1, 1, 2])
            .cast(&DataType::Date)
            .unwrap();
        let wanted = df!(
            name::ORIGIN => ["ABE", "NAN", "NAN"],
            name::FL_DATE => date,
            name::MEAN_DEP_DELAY => [0.5, 7.0, 6.5],
            name::FLIGHTS => [2, 1, 2]
        );
        assert_eq!(gold, wanted.unwrap());
        assert_eq!(rows, 5);
    }

    #[test]
    fn no_flights_no_rows() {
        let (gold, rows) = means(std::iter::empty()).unwrap();
        assert_eq!((gold.height(), gold.width(), rows), (0, 4, 0));
    }
}
