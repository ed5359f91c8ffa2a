//! Which rows are flagged.

use super::delay::Delays;
use super::peers::Peers;
use super::tail::AT_A;
use super::year::Year;
use super::{Day, MIN_MINUTES, limit};

/// The share of all rows that the other airports may flag, and the number they may flag anyway.
const MAX_LIFTED: f64 = 0.01;
const MIN_LIFTED: usize = 30;
/// An airport flags at most one in so many of its days: what is so common is not unusual.
const MOST: usize = 4;

/// Flags rows, and raises the score of those that only the other airports flag to the threshold.
pub(super) fn flags(
    year: &Year,
    residual: &[f64],
    delays: &Delays,
    peers: &Peers,
    days: &mut [Day],
    threshold: f64,
) -> Vec<bool> {
    let mut flag = vec![false; days.len()];
    let large = |row: usize| residual[row].abs() >= MIN_MINUTES;
    let limit = |row: usize| limit(threshold, year.flights(row));
    for row in year.ranges.iter().cloned().flatten() {
        let day = &days[row];
        let moved = large(row) || day.run >= threshold;
        flag[row] = day.cancelled >= threshold || (moved && day.score >= limit(row));
    }

    // What the others add, the score with it, the row.
    let mut lifted: Vec<(f64, f64, usize)> = Vec::new();
    for row in year.airports.iter().flatten().copied() {
        let lift = peers.lift(row);
        let score = days[row].score + lift;
        let near = delays.late[row] > AT_A && year.panel.flights[row] >= 2;
        if near && !flag[row] && lift > 0.0 && large(row) && score >= limit(row) {
            lifted.push((lift, score, row));
        }
    }
    lifted.sort_by(|a, b| {
        let larger = b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1));
        larger.then(a.2.cmp(&b.2))
    });
    let rows = year.airports.iter().map(Vec::len).sum::<usize>();
    lifted.truncate(MIN_LIFTED.max((MAX_LIFTED * rows as f64) as usize));
    for (_, _, row) in lifted {
        flag[row] = true;
        days[row].score = days[row].score.max(threshold);
    }

    for rows in &year.ranges {
        let mut flagged: Vec<usize> = rows.clone().filter(|row| flag[*row]).collect();
        flagged.sort_by(|a, b| days[*b].score.total_cmp(&days[*a].score));
        for row in flagged.into_iter().skip(rows.len() / MOST) {
            flag[row] = false;
        }
    }
    flag
}
