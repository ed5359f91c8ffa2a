//! The rows that have something to say about delays, by airport and by day.

use std::ops::Range;

use rayon::prelude::*;

use crate::{Panel, stats};

/// The fewest days with a mean that an airport needs.
pub(super) const MIN_DAYS: usize = 10;

/// A panel, with the rows that have a mean at airports with enough of them.
///
/// All values that belong to rows are vectors over the whole panel, NaN elsewhere.
pub(super) struct Year<'a> {
    pub(super) panel: &'a Panel<'a>,
    /// The rows with a mean of each airport that has at least [`MIN_DAYS`] of them.
    pub(super) airports: Vec<Vec<usize>>,
    /// All rows of the same airports, with a mean or without.
    pub(super) ranges: Vec<Range<usize>>,
    /// The rows of `airports`, by date.
    pub(super) days: Vec<Vec<usize>>,
    /// The place in `days` of each row's day; 0 for rows that are in none.
    pub(super) column: Vec<usize>,
    /// The mean of each row, minutes; NaN where there is none.
    pub(super) mean: Vec<f64>,
    /// ln n, with n the flights behind the mean, at least 1.
    pub(super) ln_n: Vec<f64>,
}

impl<'a> Year<'a> {
    pub(super) fn new(panel: &'a Panel<'a>) -> Self {
        let all = panel.airports.iter().map(|airport| {
            let rows = airport.clone().filter(|row| panel.mean[*row].is_finite());
            (airport.clone(), rows.collect::<Vec<usize>>())
        });
        let (ranges, airports): (Vec<_>, Vec<_>) =
            all.filter(|(_, rows)| rows.len() >= MIN_DAYS).unzip();
        let mut by_day: Vec<usize> = airports.iter().flatten().copied().collect();
        // Stable, so that the airports of a day keep their order.
        by_day.sort_by_key(|row| panel.day[*row]);
        let days = by_day.chunk_by(|a, b| panel.day[*a] == panel.day[*b]);
        let days: Vec<Vec<usize>> = days.map(<[usize]>::to_vec).collect();
        let mut column = vec![0; panel.mean.len()];
        for (place, rows) in days.iter().enumerate() {
            for row in rows {
                column[*row] = place;
            }
        }
        let ln_n = panel
            .flights
            .iter()
            .map(|n| libm::log(f64::from(*n).max(1.0)));
        Year {
            panel,
            airports,
            ranges,
            days,
            column,
            mean: panel
                .mean
                .iter()
                .map(|mean| stats::minutes(*mean))
                .collect(),
            ln_n: ln_n.collect(),
        }
    }

    /// The flights of a row, at least 1.
    pub(super) fn flights(&self, row: usize) -> f64 {
        f64::from(self.panel.flights[row].max(1))
    }

    /// F(n) = 1 + 10/√n: the least scale of a mean of n flights, minutes. However calm an airport's
    /// year was, one flight can be late by ten minutes.
    pub(super) fn least_scale(&self, row: usize) -> f64 {
        1.0 + 10.0 / self.flights(row).sqrt()
    }

    /// One value for each row, from a function of an airport's rows.
    pub(super) fn by_airport(&self, f: impl Fn(&[usize]) -> Vec<f64> + Sync) -> Vec<f64> {
        self.spread(&self.airports, f)
    }

    /// One value for each row, from a function of a day's rows.
    pub(super) fn by_day(&self, f: impl Fn(&[usize]) -> Vec<f64> + Sync) -> Vec<f64> {
        self.spread(&self.days, f)
    }

    /// One value for each row, from a function of the row.
    pub(super) fn by_row(&self, f: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        self.by_airport(|rows| rows.iter().map(|row| f(*row)).collect())
    }

    fn spread(&self, groups: &[Vec<usize>], f: impl Fn(&[usize]) -> Vec<f64> + Sync) -> Vec<f64> {
        let found: Vec<Vec<f64>> = groups.par_iter().map(|rows| f(rows)).collect();
        let mut values = vec![f64::NAN; self.mean.len()];
        for (rows, found) in groups.iter().zip(found) {
            for (row, value) in rows.iter().zip(found) {
                values[*row] = value;
            }
        }
        values
    }

    /// The values of all rows that have one.
    pub(super) fn known(&self, values: &[f64]) -> Vec<f64> {
        values.iter().copied().filter(|v| !v.is_nan()).collect()
    }
}

/// The values of some rows.
pub(super) fn pick(values: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|row| values[*row]).collect()
}
