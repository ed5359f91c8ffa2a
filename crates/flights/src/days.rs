//! Gold as plain slices, airport by airport.

use std::ops::Range;

use anyhow::Result;
use polars::prelude::DataFrame;

use crate::name;

/// The columns of gold, each of one length, and the rows of each airport.
pub struct Days {
    /// The rows of each airport, in order and without a gap.
    pub airports: Vec<Range<usize>>,
    /// Days since 1970-01-01.
    pub day: Vec<i32>,
    /// Mean departure delay in minutes; NaN where gold has a null: no flight flew.
    pub mean: Vec<f64>,
    /// Flown flights.
    pub flights: Vec<u32>,
    /// Flights in the timetable.
    pub scheduled: Vec<u32>,
    /// Cancelled flights, where they are known.
    pub cancelled: Option<Vec<u32>>,
}

impl Days {
    /// Takes the columns of gold out of a frame sorted by airport, then date.
    ///
    /// # Errors
    /// When `gold` lacks a column or one has another type.
    pub fn of(gold: &DataFrame) -> Result<Self> {
        let origin = gold.column(name::ORIGIN)?.str()?;
        let mut airports: Vec<Range<usize>> = vec![];
        let mut last = None;
        for (row, airport) in origin.iter().enumerate() {
            match airports.last_mut() {
                Some(range) if last == Some(airport) => range.end = row + 1,
                _ => airports.push(row..row + 1),
            }
            last = Some(airport);
        }
        let day = gold.column(name::FL_DATE)?.date()?.physical();
        let mean = gold.column(name::MEAN_DEP_DELAY)?.f64()?;
        let count = |name| -> Result<Vec<u32>> {
            let counts = gold.column(name)?.i32()?.into_no_null_iter();
            Ok(counts.map(|n| n as u32).collect())
        };
        Ok(Days {
            airports,
            day: day.into_no_null_iter().collect(),
            mean: mean.iter().map(|mean| mean.unwrap_or(f64::NAN)).collect(),
            flights: count(name::FLIGHTS)?,
            scheduled: count(name::SCHEDULED)?,
            cancelled: match gold.column(name::CANCELLED)?.null_count() {
                0 => Some(count(name::CANCELLED)?),
                _ => None,
            },
        })
    }
}
