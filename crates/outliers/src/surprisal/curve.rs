//! Quantiles as a function of the number of flights behind a mean.
//!
//! A mean of three flights scatters far more than one of three hundred, and less evenly. How much
//! so is read off the panel itself: rows are put into overlapping classes of like size, centred at
//! n = 1, √2, 2, 2√2, … flights, and between the centres a quantile is linear in ln n.

use std::f64::consts::LN_2;

use rayon::prelude::*;

use super::year::Year;
use crate::stats::quantile;

/// The distance of the classes' centres, in ln n.
const STEP: f64 = 0.5 * LN_2;
/// How far a class reaches to either side of its centre, in ln n.
const REACH: f64 = 0.36;
/// The fewest rows of a class. With none so large, all rows are one class.
const MIN_ROWS: usize = 400;

/// K quantiles for any number of flights. None of them is NaN, unless there are no values at all.
pub(super) struct Curve<const K: usize> {
    /// The centre of each class, in ln n, ascending, and its quantiles.
    classes: Vec<(f64, [f64; K])>,
}

impl<const K: usize> Curve<K> {
    /// The curve of a panel's values for the given shares.
    pub(super) fn new(year: &Year, values: &[f64], shares: [f64; K]) -> Self {
        let rows = || values.iter().zip(&year.ln_n).filter(|(v, _)| !v.is_nan());
        let quantiles = |mut values: Vec<f64>| shares.map(|share| quantile(&mut values, share));
        let largest = rows().map(|(_, ln_n)| *ln_n).fold(0.0, f64::max);
        let classes = (0..=(largest / STEP) as usize + 1).into_par_iter();
        let mut classes: Vec<_> = classes
            .filter_map(|k| {
                let centre = k as f64 * STEP;
                let class = rows().filter(|(_, ln_n)| (*ln_n - centre).abs() <= REACH);
                let class: Vec<f64> = class.map(|(value, _)| *value).collect();
                (class.len() >= MIN_ROWS).then(|| (centre, quantiles(class)))
            })
            .collect();
        if classes.is_empty() {
            classes.push((0.0, quantiles(rows().map(|(value, _)| *value).collect())));
        }
        Curve { classes }
    }

    /// The quantiles at ln n. Beyond the outermost classes they are the outermost ones'.
    pub(super) fn at(&self, ln_n: f64) -> [f64; K] {
        let after = self.classes.partition_point(|(centre, _)| *centre <= ln_n);
        let (right, high) = self.classes[after.min(self.classes.len() - 1)];
        let (left, low) = self.classes[after.saturating_sub(1)];
        let share = if right > left {
            (ln_n - left) / (right - left)
        } else {
            0.0
        };
        std::array::from_fn(|k| low[k] * (1.0 - share) + high[k] * share)
    }
}
