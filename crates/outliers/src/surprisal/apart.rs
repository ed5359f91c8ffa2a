//! How surprising it is that an airport is late apart from the others.
//!
//! Where airports are late together, one that is late alone is more unusual than its delay tells,
//! and one that is late with all others is what the storm explains. So what the others say is taken
//! out, by the airport's own least squares line of R on p:
//!
//! R′ = (R − β (p − p̄)) / √(1 − ρ²)
//!
//! with R the residual, p what the others say (see `signals`), β ≥ 0 the slope and ρ the
//! correlation of the two, both from R clipped to ±3 q80 of |R|. R′ is about as wide as R.

use super::delay;
use super::year::{Year, pick};
use crate::stats::quantile;

/// The fewest days for the line.
const MIN_DAYS: usize = 60;
/// Where R is clipped, in 80 % points of |R|: one disaster is no slope.
const CLIP: f64 = 3.0;
/// The largest correlation that counts: nobody else explains all of an airport's delay.
const MAX_CORRELATION: f64 = 0.9;

/// The surprise, on the late side, of what the others do not explain, from 0; 0 for rows without
/// others and airports with fewer than 60 days of them.
pub(super) fn surprise(year: &Year, residual: &[f64], others: &[f64], unit: &[f64]) -> Vec<f64> {
    let left = year.by_airport(|rows| match line(residual, others, rows) {
        Some(line) => rows
            .iter()
            .map(|row| line.left(residual[*row], others[*row]))
            .collect(),
        None => vec![f64::NAN; rows.len()],
    });
    delay::late(year, &left, unit)
}

/// A least squares line of residuals on what the others say.
struct Line {
    slope: f64,
    /// The mean of what the others say.
    middle: f64,
    correlation: f64,
}

impl Line {
    /// R′ of a row.
    fn left(&self, residual: f64, others: f64) -> f64 {
        let explained = self.slope * (others - self.middle);
        (residual - explained) / (1.0 - self.correlation * self.correlation).sqrt()
    }
}

/// The line of an airport's rows, where there are enough and neither side is constant.
fn line(residual: &[f64], others: &[f64], rows: &[usize]) -> Option<Line> {
    let known = rows.iter().copied().filter(|row| others[*row].is_finite());
    let known: Vec<usize> = known.collect();
    if known.len() < MIN_DAYS {
        return None;
    }
    let mut sizes: Vec<f64> = known.iter().map(|row| residual[*row].abs()).collect();
    let clip = CLIP * quantile(&mut sizes, 0.8);
    let y: Vec<f64> = pick(residual, &known);
    let y: Vec<f64> = y.into_iter().map(|r| r.clamp(-clip, clip)).collect();
    let x = pick(others, &known);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(&x), mean(&y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(&y) {
        let (x, y) = (x - mean_x, y - mean_y);
        (xx, yy, xy) = (xx + x * x, yy + y * y, xy + x * y);
    }
    let spread = (xx * yy).sqrt();
    (spread > 0.0 && spread.is_finite()).then(|| Line {
        slope: (xy / xx).max(0.0),
        middle: mean_x,
        correlation: (xy / spread).clamp(0.0, MAX_CORRELATION),
    })
}
