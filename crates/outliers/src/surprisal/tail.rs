//! From a value to a surprise: a straight line through two points of the upper tail.
//!
//! A surprise is u = −ln p, with p the share of ordinary values at least as large. An exponential
//! tail makes u a straight line in the value, and delays have one. The line goes through the values
//! that 10 % and 2 % of all rows exceed: far enough out to be tail, near enough to be known well,
//! and not yet shaped by the rare days that are to be found.

use std::f64::consts::LN_10;

use super::year::Year;
use crate::stats::quantile;

/// The shares of values below the two points of a tail.
pub(super) const POINTS: [f64; 2] = [0.90, 0.98];
/// The surprise at the first point, ln 10.
pub(super) const AT_A: f64 = LN_10;
/// The surprise at the second point, ln 50.
pub(super) const AT_B: f64 = 3.912_023_005_428_146;

/// The line through the values `a` < `b` at the two points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub(super) a: f64,
    pub(super) b: f64,
}

impl Tail {
    /// The tail of all rows that have a value: `a` is at least `least`, `b` at least `gap` more.
    pub(super) fn of(year: &Year, values: &[f64], least: f64, gap: f64) -> Self {
        let mut known = year.known(values);
        let [a, b] = POINTS.map(|share| quantile(&mut known, share));
        let a = a.max(least);
        Tail {
            a,
            b: b.max(a + gap),
        }
    }

    /// The surprise at a value; below 0 far from the tail.
    pub(super) fn surprise(&self, value: f64) -> f64 {
        AT_A + (value - self.a) / (self.b - self.a) * (AT_B - AT_A)
    }

    /// The value with a given surprise.
    pub(super) fn value(&self, surprise: f64) -> f64 {
        self.a + (self.b - self.a) * (surprise - AT_A) / (AT_B - AT_A)
    }
}
