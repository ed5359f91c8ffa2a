//! Runs: days that are late together, or early together, though none of them alone is unusual.

use super::tail::Tail;
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

/// The best window that each row belongs to.
pub(super) struct Runs {
    /// The surprise of its sum.
    pub(super) surprise: Vec<f64>,
    /// Whether its days are late, or else early.
    pub(super) late: Vec<bool>,
}

impl Runs {
    /// From the standardised residuals g. For each row, over the windows with at least 60 % of
    /// their days that contain it, the most extreme z = Σ clip(g, −2, 2) / √(days with a mean).
    /// Sums of many days are normal, and a normal tail is a straight line in z².
    pub(super) fn new(year: &Year, standard: &[f64]) -> Self {
        let best = year.by_airport(|rows| best_windows(year, rows, standard));
        let size: Vec<f64> = best.iter().map(|z| z.abs()).collect();
        let tail = Tail::of(year, &size, LEAST_A, LEAST_GAP);
        let squared = Tail {
            a: tail.a * tail.a,
            b: tail.b * tail.b,
        };
        Runs {
            surprise: size.iter().map(|z| squared.surprise(z * z)).collect(),
            late: best.iter().map(|z| *z > 0.0).collect(),
        }
    }
}

/// The most extreme z of each row of an airport; 0 where no window is filled.
fn best_windows(year: &Year, rows: &[usize], standard: &[f64]) -> Vec<f64> {
    let day = |at: usize| i64::from(year.panel.day[rows[at]]);
    let mut best = vec![0.0_f64; rows.len()];
    for length in LENGTHS {
        for first in 0..rows.len() {
            let end = first
                + (first..rows.len())
                    .take_while(|at| day(*at) < day(first) + length)
                    .count();
            let filled = (end - first) as f64;
            if filled < MIN_FILLED * length as f64 {
                continue;
            }
            let clipped = rows[first..end]
                .iter()
                .map(|row| standard[*row].clamp(-MAX_DAY, MAX_DAY));
            let z = clipped.sum::<f64>() / filled.sqrt();
            for best in &mut best[first..end] {
                if z.abs() > best.abs() {
                    *best = z;
                }
            }
        }
    }
    best
}

/// What a run adds up to, as a surprise: min(ur − 7, 8) + ½ clip(u − ln 10, −2, 4), with ur the
/// run's surprise and u the day's own. The best of many windows is often surprising, which the 7
/// takes back; a quiet day within a run counts less than a late one.
pub(super) fn surprise(run: f64, day: f64) -> f64 {
    (run - 7.0).min(8.0) + 0.5 * (day - super::tail::AT_A).clamp(-2.0, 4.0)
}
