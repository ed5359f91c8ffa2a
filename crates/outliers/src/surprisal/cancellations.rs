//! Surprise at flights that did not fly.

use super::year::Year;
use crate::Panel;
use crate::stats::median;

/// How much cancellations of one day go together: ρ of a beta-binomial distribution.
const OVERDISPERSION: f64 = 0.02;
/// The least share of cancelled flights that counts as usual.
const LEAST_SHARE: f64 = 0.02;
/// How many flights of the whole panel an airport's own share is mixed with.
const PRIOR_FLIGHTS: f64 = 200.0;
/// The fewest cancelled flights that can surprise.
pub(super) const MIN_CANCELLED: u32 = 3;
/// Flights are compared with the same weekday at most this many days away.
const WEEKS: i64 = 28;
/// The most that missing flights can add, times two.
const MAX_SHORTFALL: f64 = 3.0;

/// The surprise of each row's cancellations: −ln of the chance of that many or more, at least about.
///
/// With C of m flights cancelled, q = C/m and p the airport's usual share,
/// u = m / (1 + ρ (m − 1)) · KL(q‖p): the Chernoff bound of a binomial of as many independent
/// flights as the m are worth. 0 for fewer than three cancelled flights, or no more than usual.
pub(super) fn surprise(panel: &Panel, cancelled: &[u32]) -> Vec<f64> {
    let totals = |rows: std::ops::Range<usize>| {
        let gone: f64 = rows.clone().map(|row| f64::from(cancelled[row])).sum();
        let flown: f64 = rows.map(|row| f64::from(panel.flights[row])).sum();
        (gone, gone + flown)
    };
    let mut surprise = vec![0.0; cancelled.len()];
    let all = totals(0..cancelled.len());
    let overall = if all.1 > 0.0 { all.0 / all.1 } else { 0.0 };
    for airport in panel.airports {
        let (gone, planned) = totals(airport.clone());
        let usual = (gone + PRIOR_FLIGHTS * overall) / (planned + PRIOR_FLIGHTS);
        let usual = usual.max(LEAST_SHARE);
        for row in airport.clone() {
            let planned = f64::from(panel.flights[row]) + f64::from(cancelled[row]);
            let share = f64::from(cancelled[row]) / planned;
            if cancelled[row] >= MIN_CANCELLED && share > usual {
                let worth = planned / (1.0 + OVERDISPERSION * (planned - 1.0));
                surprise[row] = worth * divergence(share, usual);
            }
        }
    }
    surprise
}

/// KL(q‖p) = q ln(q/p) + (1 − q) ln((1 − q)/(1 − p)), the Kullback-Leibler divergence of two coins.
fn divergence(q: f64, p: f64) -> f64 {
    let term = |q: f64, p: f64| if q > 0.0 { q * libm::log(q / p) } else { 0.0 };
    term(q, p) + term(1.0 - q, 1.0 - p)
}

/// Two surprises together: the larger one, or that of their joint chance under independence,
/// s + u − ln(1 + s + u) (R. A. Fisher's product of two chances), if that is more.
pub(super) fn join(s: f64, u: f64) -> f64 {
    s.max(u).max(s + u - libm::log(1.0 + s + u))
}

/// The usual number of flights of each row: the median over its weekday, at most four weeks away.
pub(super) fn usual_flights(year: &Year) -> Vec<f64> {
    let day = |row: usize| i64::from(year.panel.day[row]);
    year.by_airport(|rows| {
        let usual = |(at, row): (usize, &usize)| {
            let near = |other: &&usize| (day(**other) - day(*row)).abs() <= WEEKS;
            let before = rows[..at].iter().rev().take_while(near);
            let window = before.chain(rows[at..].iter().take_while(near));
            let same = window.filter(|other| (day(**other) - day(*row)) % 7 == 0);
            median(&mut same.map(|other| year.flights(*other)).collect::<Vec<_>>())
        };
        rows.iter().enumerate().map(usual).collect()
    })
}

/// What missing flights add to a delay's surprise where cancellations are not known: half of the
/// shortfall in Poisson standard deviations, at most 1.5.
pub(super) fn shortfall(usual: f64, flights: f64) -> f64 {
    0.5 * ((usual - flights) / usual.max(1.0).sqrt()).clamp(0.0, MAX_SHORTFALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_of_two_coins() {
        // ½ ln(½/¼) + ½ ln(½/¾) = ½ ln(4/3)
        assert!((divergence(0.5, 0.25) - 0.5 * libm::log(4.0 / 3.0)).abs() < 1e-15);
        assert!((divergence(1.0, 0.02) - libm::log(50.0)).abs() < 1e-15);
        assert_eq!(divergence(0.3, 0.3), 0.0);
    }

    #[test]
    fn a_joint_surprise_is_at_least_each() {
        assert_eq!(join(0.0, 5.0), 5.0);
        assert!((join(4.0, 5.0) - (9.0 - libm::log(10.0))).abs() < 1e-15);
    }

    #[test]
    fn a_closed_day_surprises_by_its_flights() {
        // One day of 10 with all 11 flights cancelled, no other cancellation: the airport's share
        // is (11 + 200 · 11/110) / (110 + 200) = 0.1, hence u = 11 / 1.2 · ln 10.
        let flights = [11, 11, 11, 11, 11, 0, 11, 11, 11, 11];
        let mut cancelled = [0; 10];
        cancelled[5] = 11;
        let airport = 0..10;
        let panel = Panel {
            airports: std::slice::from_ref(&airport),
            day: &[0; 10],
            mean: &[0.0; 10],
            flights: &flights,
            scheduled: &[11; 10],
            cancelled: Some(&cancelled),
        };
        let found = surprise(&panel, &cancelled);
        assert!((found[5] - 11.0 / 1.2 * libm::log(10.0)).abs() < 1e-12);
        assert!((0..10).all(|row| row == 5 || found[row] == 0.0));
    }
}
