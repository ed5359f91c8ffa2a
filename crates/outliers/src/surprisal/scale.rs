//! How far a mean usually lies from what was expected: by flights, by day, by airport.

use super::curve::Curve;
use super::year::{Year, pick};
use crate::stats::{median, quantile};

/// The fewest airports that tell a day's spread.
const MIN_AIRPORTS: usize = 20;
/// How many times wider or narrower than usual a day can be.
const MAX_SPREAD: f64 = 4.0;
/// An airport's own scale counts c/(c + 100) when it has c days.
const SCALE_SHRINK: f64 = 100.0;

/// Residuals in robust standard deviations of means of as many flights, each side with its own
/// deviation: (R − q50) / (q84 − q50) above the median, (R − q50) / (q50 − q16) below. At least
/// half of F(n) counts as a deviation.
pub(super) fn standardised(year: &Year, residual: &[f64]) -> Vec<f64> {
    let curve = Curve::new(year, residual, [0.16, 0.50, 0.84]);
    year.by_row(|row| {
        let [low, middle, high] = curve.at(year.ln_n[row]);
        let from = residual[row] - middle;
        let side = if from > 0.0 {
            high - middle
        } else {
            middle - low
        };
        from / side.max(year.least_scale(row) / 2.0)
    })
}

/// How much wider than usual the residuals of each row's day are, over all airports.
///
/// h = clip(q70 of |g| on the day / q70 of all |g|, ¼, 4)^(½ (1 − λ)). It answers a day on which
/// every airport is restless. Where airports are late together (λ = 1, see `peers`), such a day is
/// a storm and not noise, and h is 1.
pub(super) fn day_spread(year: &Year, standard: &[f64], lambda: f64) -> Vec<f64> {
    let size: Vec<f64> = standard.iter().map(|g| g.abs()).collect();
    let usual = quantile(&mut year.known(&size), 0.7);
    year.by_day(|rows| {
        let spread = quantile(&mut pick(&size, rows), 0.7) / usual;
        let known = rows.len() >= MIN_AIRPORTS && usual > 0.0;
        let spread = if known {
            spread.clamp(1.0 / MAX_SPREAD, MAX_SPREAD)
        } else {
            1.0
        };
        vec![libm::pow(spread, 0.5 * (1.0 - lambda)); rows.len()]
    })
}

/// How much wider the residuals R/h of each row's airport are than those of the median airport.
///
/// r = exp(c/(c + 100) · (ln q80 of |R/h| − its median over all airports)), with c the airport's
/// days. What airports of few flights have in common, the curves by flights take back.
pub(super) fn airport_scale(year: &Year, residual: &[f64], spread: &[f64]) -> Vec<f64> {
    let scale = |rows: &[usize]| {
        let size = rows.iter().map(|row| (residual[*row] / spread[*row]).abs());
        // An airport that is always on time still has a scale: a minute.
        libm::log(quantile(&mut size.collect::<Vec<_>>(), 0.8).max(1.0))
    };
    let mut scales: Vec<f64> = year.airports.iter().map(|rows| scale(rows)).collect();
    let usual = median(&mut scales);
    year.by_airport(|rows| {
        let own = scale(rows);
        let days = rows.len() as f64;
        let scale = libm::exp((own - usual) * days / (days + SCALE_SHRINK));
        vec![scale; rows.len()]
    })
}
