//! The airports' delays as signals of each other's.
//!
//! An airport's signal on a day is x·q: x its standardised residual, clipped, less the airport's
//! mean, divided by its root mean square; q = N/(N + 4) how much of a mean of N flights is signal.
//! The correlation of two airports is Σ xx′·qq′ / Σ qq′ over the days that both have.

use rayon::prelude::*;

use super::year::Year;

/// The range of a residual, standard deviations: one disaster is no correlation.
const RANGE: (f64, f64) = (-2.0, 3.0);
/// A mean of N flights counts N/(N + 4).
const FLIGHTS_SHRINK: f64 = 4.0;
/// The fewest days of an airport, and of two in common, for the mean correlation.
const MIN_DAYS: usize = 60;
/// The correlation of two airports with d days in common counts d/(d + 100).
const CORRELATION_SHRINK: f64 = 100.0;

/// Signals by airport and day; 0 where there is none, which takes it out of every sum.
pub(super) struct Signals<'a> {
    year: &'a Year<'a>,
    /// x·q, a row of days for each airport.
    signal: Vec<Vec<f64>>,
    /// q of the same.
    weight: Vec<Vec<f64>>,
}

impl<'a> Signals<'a> {
    /// From the standardised residuals.
    pub(super) fn new(year: &'a Year<'a>, standard: &[f64]) -> Self {
        let tables = year.airports.par_iter().map(|rows| {
            let clipped = rows
                .iter()
                .map(|row| standard[*row].clamp(RANGE.0, RANGE.1));
            let clipped: Vec<f64> = clipped.collect();
            let mean = clipped.iter().sum::<f64>() / clipped.len() as f64;
            let centred: Vec<f64> = clipped.iter().map(|x| x - mean).collect();
            let rms = rms(&centred);
            let mut signal = vec![0.0; year.days.len()];
            let mut weight = vec![0.0; year.days.len()];
            for (row, x) in rows.iter().zip(&centred) {
                let flights = year.flights(*row);
                let q = flights / (flights + FLIGHTS_SHRINK);
                weight[year.column[*row]] = q;
                // An airport without any spread has no signal.
                signal[year.column[*row]] = if rms > 0.0 { q * x / rms } else { 0.0 };
            }
            (signal, weight)
        });
        let (signal, weight) = tables.collect();
        Signals {
            year,
            signal,
            weight,
        }
    }

    /// The mean correlation of two airports, over all pairs of airports with enough days.
    ///
    /// The sum of ss′ over all pairs of a day is ((Σs)² − Σs²) / 2: no pair need be formed.
    pub(super) fn mean_correlation(&self) -> f64 {
        let enough = |airport: &usize| self.year.airports[*airport].len() >= MIN_DAYS;
        let enough: Vec<usize> = (0..self.signal.len()).filter(enough).collect();
        let pairs = |table: &[Vec<f64>], day: usize| {
            let values = || enough.iter().map(|airport| table[*airport][day]);
            let sum: f64 = values().sum();
            sum * sum - values().map(|value| value * value).sum::<f64>()
        };
        let (mut products, mut weights, mut days) = (0.0, 0.0, 0);
        for day in 0..self.year.days.len() {
            products += pairs(&self.signal, day);
            weights += pairs(&self.weight, day);
            let here = enough
                .iter()
                .filter(|airport| self.weight[**airport][day] > 0.0);
            days += usize::from(here.count() > 1);
        }
        if days < MIN_DAYS {
            0.0
        } else {
            products / weights
        }
    }

    /// What each row's others say: Σ k·xq / √Σ (kq)² over the others of the day, which makes days of
    /// few and many others alike, divided by its root mean square over the panel.
    ///
    /// Storms are regional, so each other counts by its correlation k with the row's airport: their
    /// own one, drawn towards the panel's where they have few days in common, and not below 0.
    pub(super) fn of_others(&self, mean_correlation: f64) -> Vec<f64> {
        let airports = 0..self.signal.len();
        let found: Vec<Vec<f64>> = airports
            .into_par_iter()
            .map(|own| {
                let mut sums = vec![(0.0, 0.0); self.year.days.len()];
                for other in (0..self.signal.len()).filter(|other| *other != own) {
                    let k = self.correlation(own, other, mean_correlation).max(0.0);
                    let other = self.signal[other].iter().zip(&self.weight[other]);
                    for ((sum, square), (signal, weight)) in sums.iter_mut().zip(other) {
                        *sum += k * signal;
                        *square += (k * weight) * (k * weight);
                    }
                }
                let days = sums.iter().map(|(sum, square)| sum / square.sqrt());
                days.collect()
            })
            .collect();
        let mut others = vec![f64::NAN; self.year.mean.len()];
        for (rows, found) in self.year.airports.iter().zip(found) {
            for row in rows {
                others[*row] = found[self.year.column[*row]];
            }
        }
        let rms = rms(&self.year.known(&others));
        if rms > 0.0 {
            others.iter_mut().for_each(|other| *other /= rms);
        }
        others
    }

    /// The correlation of two airports, drawn towards the mean of the panel.
    fn correlation(&self, a: usize, b: usize, mean: f64) -> f64 {
        let (mut products, mut common, mut squares) = (0.0, 0.0, 0.0);
        for day in 0..self.year.days.len() {
            let both = self.weight[a][day] * self.weight[b][day];
            products += self.signal[a][day] * self.signal[b][day];
            common += both;
            squares += both * both;
        }
        if common == 0.0 {
            return mean;
        }
        // So many days of full weight would tell as much.
        let days = common * common / squares;
        let share = days / (days + CORRELATION_SHRINK);
        share * products / common + (1.0 - share) * mean
    }
}

/// The root mean square; NaN for no values.
fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
}
