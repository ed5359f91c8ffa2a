//! What the other airports say of a day.
//!
//! A storm or a failed system delays many airports at once. Whether that is so on this panel is
//! measured first: λ = min(1, (r/0.05)²), with r the mean correlation between airports, is how much
//! the others count. Where λ is next to nothing they are left out.

use super::signals::Signals;
use super::tail::Tail;
use super::year::Year;

/// A mean correlation at which the others count in full.
const FULL_CORRELATION: f64 = 0.05;
/// Below this weight the others are left out.
const MIN_LAMBDA: f64 = 0.01;
/// The most that the others can say, as a surprise.
const MAX_SURPRISE: f64 = 3.5;
/// The surprise of an ordinary day, ln 2.
const ORDINARY: f64 = 0.7;
/// A residual, in standard deviations, at which an airport counts as late.
const LATE: f64 = 1.0;

/// What the others say.
pub(super) struct Peers {
    /// How much the others count, from 0 to 1.
    pub(super) lambda: f64,
    /// How surprising each row's others are together, from 0.
    surprise: Vec<f64>,
    /// What the others of each row say, in standard deviations; NaN where there are none, or
    /// they are left out.
    pub(super) others: Vec<f64>,
}

impl Peers {
    /// From the standardised residuals.
    pub(super) fn new(year: &Year, standard: &[f64]) -> Self {
        let signals = Signals::new(year, standard);
        let correlation = signals.mean_correlation().max(0.0);
        let excess = correlation / FULL_CORRELATION;
        let lambda = (excess * excess).min(1.0);
        if lambda < MIN_LAMBDA {
            let surprise = year.by_row(|_| 0.0);
            return Peers {
                lambda: 0.0,
                surprise,
                others: vec![f64::NAN; year.mean.len()],
            };
        }
        let others = signals.of_others(correlation);
        let tail = Tail::of(year, &others, 0.0, 1e-3);
        let surprise = year.by_row(|row| match others[row] {
            alone if alone.is_nan() => 0.0,
            others => tail.surprise(others).clamp(0.0, MAX_SURPRISE),
        });
        Peers {
            lambda,
            surprise,
            others,
        }
    }

    /// What the others add to a row's surprise. They speak from a surprise of 0.7 on, which is the
    /// median of ordinary days.
    pub(super) fn lift(&self, row: usize) -> f64 {
        self.lambda * (self.surprise[row] - ORDINARY).max(0.0)
    }
}

/// How many of a day's other airports were late, and how many there were.
pub(super) fn late(standard: &[f64], day: &[usize], row: usize) -> (u32, u32) {
    let others = || day.iter().filter(|other| **other != row);
    let late = others().filter(|other| standard[**other] > LATE).count();
    (late as u32, others().count() as u32)
}
