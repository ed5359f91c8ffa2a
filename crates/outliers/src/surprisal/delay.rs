//! The surprise of a mean delay by itself, and the band within which it is none.

use super::curve::Curve;
use super::tail::{POINTS, Tail};
use super::year::Year;

/// An early day counts this much of a late one: nobody waits for a flight that is early.
pub(super) const EARLY: f64 = 0.5;

/// Each row's delay.
pub(super) struct Delays {
    /// The surprise on the late side, from 0.
    pub(super) late: Vec<f64>,
    /// The surprise on the early side, from 0, early days counting half.
    pub(super) early: Vec<f64>,
    /// The scale h·r of each row.
    unit: Vec<f64>,
    above: Curve<2>,
    below: Curve<2>,
}

impl Delays {
    /// From residuals, minutes, and their scale h·r: V = R/(h·r) against the tails of V and of −V
    /// among means of as many flights.
    pub(super) fn new(year: &Year, residual: &[f64], unit: Vec<f64>) -> Self {
        let value = year.by_row(|row| residual[row] / unit[row]);
        let mirrored: Vec<f64> = value.iter().map(|v| -v).collect();
        let (above, below) = (
            Curve::new(year, &value, POINTS),
            Curve::new(year, &mirrored, POINTS),
        );
        let early = surprises(year, &below, &mirrored);
        Delays {
            late: surprises(year, &above, &value),
            early: early.iter().map(|u| EARLY * u).collect(),
            unit,
            above,
            below,
        }
    }

    /// The surprise of a row's delay, late or early.
    pub(super) fn surprise(&self, row: usize) -> f64 {
        self.late[row].max(self.early[row])
    }

    /// How far above and below what was expected a row's mean must lie to surprise by so much,
    /// minutes.
    pub(super) fn reach(&self, year: &Year, row: usize, surprise: f64) -> (f64, f64) {
        let above = tail(&self.above, year, row).value(surprise);
        let below = tail(&self.below, year, row).value(surprise / EARLY);
        (self.unit[row] * above, self.unit[row] * below)
    }
}

/// The surprise of residuals, minutes, of the scale h·r on the late side, from 0; NaN counts as 0.
pub(super) fn late(year: &Year, residual: &[f64], unit: &[f64]) -> Vec<f64> {
    let value = year.by_row(|row| residual[row] / unit[row]);
    surprises(year, &Curve::new(year, &value, POINTS), &value)
}

/// The surprise of each row's value among values of as many flights, from 0.
fn surprises(year: &Year, curve: &Curve<2>, value: &[f64]) -> Vec<f64> {
    year.by_row(|row| tail(curve, year, row).surprise(value[row]).max(0.0))
}

/// The tail of means of as many flights as the row's, at least F(n) wide.
fn tail(curve: &Curve<2>, year: &Year, row: usize) -> Tail {
    let least = year.least_scale(row);
    let [a, b] = curve.at(year.ln_n[row]);
    let a = a.max(least);
    Tail {
        a,
        b: b.max(a + least),
    }
}
