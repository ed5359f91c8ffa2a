//! Which rows are flagged, and what each flag is based on.

use super::delay::Delays;
use super::peers::Peers;
use super::tail::AT_A;
use super::year::Year;
use super::{Day, MIN_MINUTES, limit};
use crate::Basis;

/// The share of all rows that the other airports may flag, and the number they may flag anyway.
const MAX_LIFTED: f64 = 0.01;
const MIN_LIFTED: usize = 30;
/// An airport flags at most one in so many of its days: what is so common is not unusual.
const MOST: usize = 4;

/// What the flag of each row is based on, `None` for rows without a flag. Raises the score of rows that
/// only the other airports flag to the threshold.
pub(super) fn flags(
    year: &Year,
    residual: &[f64],
    delays: &Delays,
    peers: &Peers,
    days: &mut [Day],
    threshold: f64,
) -> Vec<Option<Basis>> {
    let mut flag = vec![None; days.len()];
    let large = |row: usize| residual[row].abs() >= MIN_MINUTES;
    let limit = |row: usize| limit(threshold, year.flights(row));
    for row in year.ranges.iter().cloned().flatten() {
        let of_row = Row {
            day: &days[row],
            delay: delays.surprise(row),
            large: large(row),
            limit: limit(row),
        };
        flag[row] = of_row.basis(threshold);
    }

    // What the others add, the score with it, the row.
    let mut lifted: Vec<(f64, f64, usize)> = Vec::new();
    for row in year.airports.iter().flatten().copied() {
        let lift = peers.lift(row);
        let score = days[row].score + lift;
        let near = delays.late[row] > AT_A && year.panel.flights[row] >= 2;
        if near && flag[row].is_none() && lift > 0.0 && large(row) && score >= limit(row) {
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
        flag[row] = Some(Basis::Network);
        days[row].score = days[row].score.max(threshold);
    }

    for rows in &year.ranges {
        let mut flagged: Vec<usize> = rows.clone().filter(|row| flag[*row].is_some()).collect();
        flagged.sort_by(|a, b| days[*b].score.total_cmp(&days[*a].score));
        for row in flagged.into_iter().skip(rows.len() / MOST) {
            flag[row] = None;
        }
    }
    flag
}

/// What decides about a row by itself.
struct Row<'a> {
    day: &'a Day,
    /// The surprise of its mean alone.
    delay: f64,
    /// Whether its mean is far enough from what was expected.
    large: bool,
    /// The score from which it is unusual.
    limit: f64,
}

impl Row<'_> {
    /// What the row's flag is based on; `None` if it is not flagged.
    fn basis(&self, threshold: f64) -> Option<Basis> {
        let Row {
            day,
            delay,
            large,
            limit,
        } = *self;
        let run = day.run >= threshold;
        let unusual = (large || run) && day.score >= limit;
        if !unusual && day.cancelled < threshold {
            return None;
        }
        // Where a mean is outside the band, the day is unusual by its mean alone.
        Some(if large && delay >= limit {
            Basis::Mean
        } else if day.cancelled >= threshold {
            Basis::Cancellations
        } else if run && (day.run >= limit || !large) {
            Basis::Run
        } else if day.apart >= limit {
            Basis::Network
        } else {
            // The score is that of the delay, which is too little alone, and of the flights that
            // did not fly, together.
            Basis::Cancellations
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_what_is_enough_for_the_flag() {
        const THRESHOLD: f64 = 4.6;
        // One flight: a limit of 6.6. Many: of 4.6.
        let basis = |delay: f64, cancelled: f64, apart: f64, run: f64, large: bool, limit: f64| {
            let joint = super::super::cancellations::join(delay.max(apart), cancelled);
            let day = Day {
                cancelled,
                apart,
                run,
                score: joint.max(run),
                ..Day::default()
            };
            let row = Row {
                day: &day,
                delay,
                large,
                limit,
            };
            row.basis(THRESHOLD)
        };
        for (found, wanted) in [
            (basis(5.0, 0.0, 0.0, 0.0, true, 4.6), Some(Basis::Mean)),
            // Not 15 minutes from what was expected.
            (basis(5.0, 0.0, 0.0, 0.0, false, 4.6), None),
            (basis(5.0, 9.0, 9.0, 9.0, true, 4.6), Some(Basis::Mean)),
            (
                basis(0.0, 5.0, 0.0, 0.0, false, 4.6),
                Some(Basis::Cancellations),
            ),
            (
                basis(4.5, 5.0, 5.0, 5.0, true, 4.6),
                Some(Basis::Cancellations),
            ),
            // 4 + 4 − ln 9 = 5.8: both are needed.
            (
                basis(4.0, 4.0, 0.0, 0.0, true, 4.6),
                Some(Basis::Cancellations),
            ),
            (basis(4.0, 4.0, 0.0, 0.0, false, 4.6), None),
            (basis(2.0, 0.0, 5.0, 5.0, false, 4.6), Some(Basis::Run)),
            (basis(2.0, 0.0, 5.0, 5.0, true, 4.6), Some(Basis::Run)),
            // The delay is enough, and only the run makes up for the missing minutes.
            (basis(7.0, 0.0, 0.0, 5.0, false, 6.6), Some(Basis::Run)),
            (basis(2.0, 0.0, 0.0, 5.0, true, 6.6), None),
            (basis(2.0, 0.0, 7.0, 5.0, true, 6.6), Some(Basis::Network)),
            (basis(2.0, 0.0, 5.0, 0.0, true, 4.6), Some(Basis::Network)),
            (basis(2.0, 0.0, 5.0, 0.0, false, 4.6), None),
        ] {
            assert_eq!(found, wanted);
        }
    }
}
