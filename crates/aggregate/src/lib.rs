//! The worker `aggregate`: silver to gold, the mean departure delay of each airport and day, and how
//! many flights were scheduled and cancelled, published in the data dir and in the lake.

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use flights::{Cancellations, gold, name, silver};
use handoff::{Draft, File};
use lake::{Lake, LakeUrl};
use polars::prelude::{
    DataFrame, DataType, Float64Chunked, IntoColumn, IntoLazy, NewChunkedArray,
    SortMultipleOptions, UnionArgs, col, concat, len, lit,
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
        // Before its input is opened: what another run has brought meanwhile is newer.
        let mut draft = Draft::create(dir, year, File::Gold)?;
        let columns = [name::ORIGIN, name::FL_DATE, name::DEP_DELAY];
        let (row_groups, cancellations) = silver::read(&silver, &columns)?;
        let flights = row_groups.map(|group| {
            flown(group?).with_context(|| format!("cannot aggregate {}", silver.display()))
        });
        let (mut gold, rows_in) = means(flights, &cancellations)?;
        // Of silver that no clean has written there may be anything in it.
        let wrong = |what| {
            let silver = silver.display();
            anyhow!("{silver}: {what}: run clean --year {year} again")
        };
        gold::check(&gold).map_err(|e| wrong(format!("{e:#}")))?;
        if !gold::is_of(year, &gold)? {
            return Err(wrong("it has days of another year".into()));
        }

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

/// The flights, each of which has a delay: a null would count as one of 0 minutes.
fn flown(flights: DataFrame) -> Result<DataFrame> {
    let delays = flights.column(name::DEP_DELAY)?.f64()?;
    ensure!(
        delays.null_count() == 0 && delays.into_no_null_iter().all(f64::is_finite),
        "a flight has no {}, or none that is finite: run clean again",
        name::DEP_DELAY
    );
    Ok(flights)
}

const SUM: &str = "sum";

/// Gold, and the number of flown flights in it. Each row group is summed up by itself, so that memory
/// holds one at a time; delays are whole minutes, so no sum depends on the order.
fn means(
    row_groups: impl Iterator<Item = Result<DataFrame>>,
    cancellations: &Cancellations,
) -> Result<(DataFrame, u64)> {
    let airport_and_day = || [col(name::ORIGIN), col(name::FL_DATE)];
    // Adding -0.0 changes no sum, not even one that is -0.0 itself.
    let not_flown = cancellations.frame()?.lazy().select([
        col(name::ORIGIN),
        col(name::FL_DATE),
        lit(-0.0).alias(SUM),
        lit(0).alias(name::FLIGHTS),
        col(name::NOT_FLOWN).alias(name::SCHEDULED),
        col(name::CANCELLED),
    ]);
    let mut parts = vec![not_flown];
    for group in row_groups {
        let flights = || len().cast(DataType::Int32);
        let sums = [
            col(name::DEP_DELAY).sum().alias(SUM),
            flights().alias(name::FLIGHTS),
            flights().alias(name::SCHEDULED),
            lit(0).alias(name::CANCELLED),
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
    let columns = [SUM, name::FLIGHTS, name::SCHEDULED, name::CANCELLED];
    let totals = concat(parts, UnionArgs::default())?
        .group_by(airport_and_day())
        .agg(columns.map(|column| col(column).sum()))
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
        .map(|(sum, n)| (n > 0).then(|| mean(sum, n)));
    let means = Float64Chunked::from_iter_options(name::MEAN_DEP_DELAY.into(), means);
    let rows = flights.into_no_null_iter().map(|n| n as u64).sum();
    let gold = DataFrame::new_infer_height(vec![
        totals.column(name::ORIGIN)?.clone(),
        totals.column(name::FL_DATE)?.clone(),
        means.into_column(),
        totals.column(name::FLIGHTS)?.clone(),
        totals.column(name::SCHEDULED)?.clone(),
        totals.column(name::CANCELLED)?.clone(),
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
    use flights::Count;
    use polars::prelude::{NamedFrom, Series, df};

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

    fn dates(days: &[i32]) -> Series {
        let days = Series::new(name::FL_DATE.into(), days);
        days.cast(&DataType::Date).unwrap()
    }

    fn group(origin: &[&str], day: &[i32], delay: &[f64]) -> Result<DataFrame> {
        Ok(df!(name::ORIGIN => origin, name::FL_DATE => dates(day), name::DEP_DELAY => delay)?)
    }

    #[test]
    fn row_groups_add_up() {
        let groups = [
            group(&["NAN", "ABE", "NAN"], &[2, 1, 1], &[4.0, -1.0, 7.0]),
            group(&["ABE", "NAN"], &[1, 2], &[2.0, 9.0]),
        ];
        let (gold, rows) = means(groups.into_iter(), &Cancellations::default()).unwrap();
        let wanted = df!(
            name::ORIGIN => ["ABE", "NAN", "NAN"],
            name::FL_DATE => dates(&[1, 1, 2]),
            name::MEAN_DEP_DELAY => [0.5, 7.0, 6.5],
            name::FLIGHTS => [2, 1, 2],
            name::SCHEDULED => [2, 1, 2],
            name::CANCELLED => [0, 0, 0]
        );
        assert_eq!(gold, wanted.unwrap());
        assert_eq!(rows, 5);
    }

    #[test]
    fn a_flight_without_a_delay_is_no_flight_of_silver() {
        for delay in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            let mut silver = group(&["JFK", "JFK"], &[1, 1], &[4.0, 2.0]).unwrap();
            let delays = Series::new(name::DEP_DELAY.into(), [Some(4.0), delay]);
            silver.with_column(delays.into_column()).unwrap();
            let error = flown(silver).unwrap_err().to_string();
            assert!(error.ends_with("run clean again"), "{error}");
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
        let groups = [group(&["ABE", "ZZZ"], &[1, 2], &[1.0, 8.0])];
        let (gold, rows) = means(groups.into_iter(), &cancellations).unwrap();
        let wanted = df!(
            name::ORIGIN => ["AAA", "ABE", "ABE", "ZZZ"],
            name::FL_DATE => dates(&[2, 1, 3, 2]),
            name::MEAN_DEP_DELAY => [None, Some(1.0), None, Some(8.0)],
            name::FLIGHTS => [0, 1, 0, 1],
            name::SCHEDULED => [1, 3, 4, 1],
            name::CANCELLED => [0, 3, 4, 0]
        );
        assert!(gold.equals_missing(&wanted.unwrap()), "{gold:?}");
        assert_eq!(rows, 2);
    }

    #[test]
    fn no_flights_no_rows() {
        let (gold, rows) = means(std::iter::empty(), &Cancellations::default()).unwrap();
        assert_eq!((gold.height(), gold.width(), rows), (0, 6, 0));
    }
}
