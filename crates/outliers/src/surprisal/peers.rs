//! What the other airports say of a day.
//!
//! A storm or a failed system delays many airports at once. Whether that is so on this panel is
//! measured first: with no correlation between airports, the others say nothing and are left out.

use super::tail::Tail;
use super::year::Year;

/// A mean correlation at which the others count in full.
const FULL_CORRELATION: f64 = 0.05;
/// Below this weight the others are left out.
const MIN_LAMBDA: f64 = 0.01;
/// The fewest days for a correlation.
const MIN_DAYS: usize = 60;
/// A mean of N flights counts as a signal of N/(N + 4).
const SIGNAL_SHRINK: f64 = 4.0;
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
}

impl Peers {
    /// From the standardised residuals.
    pub(super) fn new(year: &Year, standard: &[f64]) -> Self {
        let signal = year.by_airport(|rows| {
            let clipped: Vec<f64> = rows
                .iter()
                .map(|row| standard[*row].clamp(-2.0, 3.0))
                .collect();
            let mean = clipped.iter().sum::<f64>() / clipped.len() as f64;
            let centred: Vec<f64> = clipped.iter().map(|x| x - mean).collect();
            let rms = rms(&centred);
            // An airport without any spread has no signal.
            let unit = if rms > 0.0 { rms } else { 1.0 };
            centred.iter().map(|x| x / unit).collect()
        });
        let excess = mean_correlation(year, &signal).max(0.0) / FULL_CORRELATION;
        let lambda = (excess * excess).min(1.0);
        if lambda < MIN_LAMBDA {
            let surprise = year.by_row(|_| 0.0);
            return Peers {
                lambda: 0.0,
                surprise,
            };
        }
        let others = others(year, &signal);
        let tail = Tail::of(year, &others, 0.0, 1e-3);
        let surprise = year.by_row(|row| match others[row] {
            alone if alone.is_nan() => 0.0,
            others => tail.surprise(others).clamp(0.0, MAX_SURPRISE),
        });
        Peers { lambda, surprise }
    }

    /// What the others add to a row's surprise. They speak from a surprise of 0.7 on, which is the
    /// median of ordinary days.
    pub(super) fn lift(&self, row: usize) -> f64 {
        self.lambda * (self.surprise[row] - ORDINARY).max(0.0)
    }
}

/// The correlation of two airports on one day, over all pairs of airports and all days.
///
/// With y a signal divided by its airport's root mean square, the sum of y·y′ over all pairs of a
/// day is ((Σy)² − Σy²) / 2: no pair need be formed.
fn mean_correlation(year: &Year, signal: &[f64]) -> f64 {
    let mut enough = vec![false; signal.len()];
    for rows in year.airports.iter().filter(|rows| rows.len() >= MIN_DAYS) {
        for row in rows {
            enough[*row] = true;
        }
    }
    let (mut products, mut weights, mut days) = (0.0, 0.0, 0);
    for rows in &year.days {
        let known = rows.iter().filter(|row| enough[**row]);
        let known: Vec<(f64, f64)> = known
            .map(|row| (signal[*row], weight(year, *row)))
            .collect();
        let sums = |f: fn(&(f64, f64)) -> f64| {
            let sum: f64 = known.iter().map(f).sum();
            sum * sum - known.iter().map(|pair| f(pair) * f(pair)).sum::<f64>()
        };
        products += sums(|(y, q)| y * q);
        weights += sums(|(_, q)| *q);
        days += usize::from(known.len() > 1);
    }
    if days < MIN_DAYS {
        0.0
    } else {
        products / weights
    }
}

/// The mean signal of each row's others, in units that make days of few and many others alike:
/// Σ x·q / √Σ q² over the others, divided by its root mean square over the panel.
fn others(year: &Year, signal: &[f64]) -> Vec<f64> {
    let weight = |row: usize| weight(year, row);
    let others = year.by_day(|rows| {
        let sum: f64 = rows.iter().map(|row| signal[*row] * weight(*row)).sum();
        let squares: f64 = rows.iter().map(|row| weight(*row) * weight(*row)).sum();
        let others = rows.iter().map(|&row| {
            let (signal, weight) = (signal[row], weight(row));
            if rows.len() > 1 {
                (sum - signal * weight) / (squares - weight * weight).sqrt()
            } else {
                f64::NAN
            }
        });
        others.collect()
    });
    let rms = rms(&year.known(&others));
    if rms > 0.0 {
        others.iter().map(|p| p / rms).collect()
    } else {
        others
    }
}

/// How much of a mean is signal, q = N/(N + 4) for N flights.
fn weight(year: &Year, row: usize) -> f64 {
    year.flights(row) / (year.flights(row) + SIGNAL_SHRINK)
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
}

/// How many of a day's other airports were late, and how many there were.
pub(super) fn late(standard: &[f64], day: &[usize], row: usize) -> (u32, u32) {
    let others = || day.iter().filter(|other| **other != row);
    let late = others().filter(|other| standard[**other] > LATE).count();
    (late as u32, others().count() as u32)
}
