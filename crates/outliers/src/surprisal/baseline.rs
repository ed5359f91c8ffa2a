//! The mean delay that was to be expected: the airport, the season, the weekday, the day.
//!
//! Each part is a median of what the parts before it leave over, so that the unusual days, which
//! are to be found, do not shape what is expected.

use std::collections::VecDeque;

use super::year::{Year, pick};
use crate::stats::{median, robust_sd, weighted_median};

/// The season is the median of the days at most this far away.
const SEASON_DAYS: i64 = 45;
/// The fewest values for a season.
const MIN_SEASON: usize = 20;
/// A weekday's own part counts c/(c + 20) when it was seen c times.
const WEEKDAY_SHRINK: f64 = 20.0;
/// The fewest airports that tell a day's common delay from their own.
const MIN_AIRPORTS: usize = 20;
/// How many of an airport's standard deviations the day's common delay may move it.
const MAX_SHARED: f64 = 3.0;

/// The expected mean delay of each row, minutes.
pub(super) fn expected(year: &Year) -> Vec<f64> {
    let own = year.by_airport(|rows| airport(year, rows));
    if year.airports.len() < MIN_AIRPORTS {
        return own;
    }
    let left = year.by_row(|row| year.mean[row] - own[row]);
    let sd = year.by_airport(|rows| {
        let left = pick(&left, rows);
        let centre = median(&mut left.clone());
        vec![robust_sd(&left, centre).max(1.0); rows.len()]
    });
    let shared = year.by_day(|rows| {
        let weighted = rows
            .iter()
            .map(|row| (left[*row], 1.0 / (sd[*row] * sd[*row])));
        let shared = weighted_median(&mut weighted.collect::<Vec<_>>());
        let limit = |row: &usize| MAX_SHARED * sd[*row];
        rows.iter()
            .map(|row| shared.clamp(-limit(row), limit(row)))
            .collect()
    });
    year.by_row(|row| own[row] + shared[row])
}

/// What one airport expects by itself: its median, its season, its weekdays.
fn airport(year: &Year, rows: &[usize]) -> Vec<f64> {
    let days: Vec<i64> = rows
        .iter()
        .map(|row| i64::from(year.panel.day[*row]))
        .collect();
    let means = pick(&year.mean, rows);
    let centre = median(&mut means.clone());
    let mut left: Vec<f64> = means.iter().map(|x| x - centre).collect();
    subtract(&mut left, |left| season(&days, left));
    subtract(&mut left, |left| weekdays(&days, left));
    means.iter().zip(left).map(|(x, left)| x - left).collect()
}

fn subtract(left: &mut [f64], part: impl Fn(&[f64]) -> Vec<f64>) {
    let part = part(left);
    for (left, part) in left.iter_mut().zip(part) {
        *left -= part;
    }
}

/// The running median, over a window that is kept sorted.
fn season(days: &[i64], left: &[f64]) -> Vec<f64> {
    let mut window: VecDeque<f64> = VecDeque::new();
    let (mut first, mut end) = (0, 0);
    let mut season = Vec::with_capacity(days.len());
    for day in days {
        while end < days.len() && days[end] <= day + SEASON_DAYS {
            let at = window.partition_point(|x| x.total_cmp(&left[end]).is_lt());
            window.insert(at, left[end]);
            end += 1;
        }
        while days[first] < day - SEASON_DAYS {
            let at = window.partition_point(|x| x.total_cmp(&left[first]).is_lt());
            window.remove(at);
            first += 1;
        }
        let middle = window.len() / 2;
        season.push(match window.len() {
            n if n < MIN_SEASON => 0.0,
            n if n % 2 == 1 => window[middle],
            _ => 0.5 * window[middle - 1] + 0.5 * window[middle],
        });
    }
    season
}

/// The median of each weekday, shrunk towards 0 where there are few.
fn weekdays(days: &[i64], left: &[f64]) -> Vec<f64> {
    let mut seen: [Vec<f64>; 7] = Default::default();
    let weekday = |day: &i64| day.rem_euclid(7) as usize;
    for (day, left) in days.iter().zip(left) {
        seen[weekday(day)].push(*left);
    }
    let medians = seen.map(|mut values| {
        let count = values.len() as f64;
        median(&mut values) * count / (count + WEEKDAY_SHRINK)
    });
    days.iter().map(|day| medians[weekday(day)]).collect()
}
