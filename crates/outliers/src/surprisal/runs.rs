//! Runs: days that are late together, or early together, though none of them alone is unusual.

use super::delay::EARLY;
use super::tail::{AT_A, Tail};
use super::year::Year;

/// The lengths of the windows, days.
const LENGTHS: [i64; 3] = [7, 10, 14];
/// The share of a window's days that must have a mean.
const MIN_FILLED: f64 = 0.6;
/// The most that one day can give to a window, standard deviations: a run needs several days.
const MAX_DAY: f64 = 2.0;
/// The least values at the two points of the tail, as standard deviations.
const LEAST_A: f64 = 1.5;
const LEAST_GAP: f64 = 0.5;

/// The most surprising window that each row belongs to.
pub(super) struct Runs {
    /// Its surprise, early windows counting half; far below 0 where no window is filled.
    pub(super) surprise: Vec<f64>,
    /// Whether its days are late, or else early.
    pub(super) late: Vec<bool>,
}

impl Runs {
    /// From the standardised residuals g. A window with at least 60 % of its days has
    /// z = Σ clip(g, −2, 2) / √(days with a mean), and a row has the largest z of the windows that
    /// contain it. Sums of many days are normal, and a normal tail is a straight line in z²: one
    /// line for each length and direction, because the largest of more windows is larger.
    pub(super) fn new(year: &Year, standard: &[f64]) -> Self {
        let mut runs = Runs {
            surprise: vec![f64::MIN; standard.len()],
            late: vec![false; standard.len()],
        };
        for length in LENGTHS {
            for (late, sign, weight) in [(true, 1.0, 1.0), (false, -1.0, EARLY)] {
                let best = year.by_airport(|rows| best_windows(year, rows, standard, length, sign));
                let tail = Tail::of(year, &best, LEAST_A, LEAST_GAP);
                let squared = Tail {
                    a: tail.a * tail.a,
                    b: tail.b * tail.b,
                };
                for (row, z) in best.iter().enumerate().filter(|(_, z)| **z > 0.0) {
                    let surprise = weight * squared.surprise(z * z);
                    if surprise > runs.surprise[row] {
                        runs.surprise[row] = surprise;
                        runs.late[row] = late;
                    }
                }
            }
        }
        runs
    }
}

/// The largest z, times the sign, of the windows of one length that contain each row of an airport;
/// NaN where none is filled.
fn best_windows(year: &Year, rows: &[usize], standard: &[f64], length: i64, sign: f64) -> Vec<f64> {
    let day = |at: usize| i64::from(year.panel.day[rows[at]]);
    let mut best = vec![f64::NAN; rows.len()];
    let mut end = 0;
    for first in 0..rows.len() {
        while end < rows.len() && day(end) < day(first) + length {
            end += 1;
        }
        let filled = (end - first) as f64;
        if filled < MIN_FILLED * length as f64 {
            continue;
        }
        let clipped = rows[first..end]
            .iter()
            .map(|row| sign * standard[*row].clamp(-MAX_DAY, MAX_DAY));
        let z = clipped.sum::<f64>() / filled.sqrt();
        for best in &mut best[first..end] {
            // Also where the best so far is NaN.
            *best = best.max(z);
        }
    }
    best
}

/// What a run adds up to, as a surprise: min(ur − 7, 8) + ½ clip(u − ln 10, −2, 4), with ur the
/// run's surprise and u the day's own. The best of many windows is often surprising, which the 7
/// takes back; a quiet day within a run counts less than a late one.
pub(super) fn surprise(run: f64, day: f64) -> f64 {
    (run - 7.0).min(8.0) + 0.5 * (day - AT_A).clamp(-2.0, 4.0)
}
