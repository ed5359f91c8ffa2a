//! What was expected of each row, and what speaks for each flag.

use super::delay::Delays;
use super::peers::{self, Peers};
use super::runs::Runs;
use super::tail::AT_A;
use super::year::Year;
use super::{Day, MIN_MINUTES, limit};
use crate::{Basis, Evidence, Explanation};

/// What missing flights must add to be far fewer than usual: two Poisson standard deviations.
const FEW: f64 = 1.0;

/// What the parts of the model found, row by row.
pub(super) struct Findings<'a> {
    pub(super) year: &'a Year<'a>,
    /// What was expected, minutes.
    pub(super) expected: &'a [f64],
    /// Standardised residuals.
    pub(super) standard: &'a [f64],
    pub(super) delays: &'a Delays,
    pub(super) peers: &'a Peers,
    pub(super) runs: &'a Runs,
    pub(super) days: &'a [Day],
    /// The surprise from which a row is unusual.
    pub(super) threshold: f64,
}

impl Findings<'_> {
    /// The explanation of all rows, flagged where `basis` has a value.
    pub(super) fn explain(&self, basis: Vec<Option<Basis>>) -> Explanation {
        let flag: Vec<bool> = basis.iter().map(Option::is_some).collect();
        let mut explanation = Explanation {
            expected: vec![None; flag.len()],
            lower: vec![None; flag.len()],
            upper: vec![None; flag.len()],
            basis,
            evidence: vec![vec![]; flag.len()],
        };
        for row in self.year.airports.iter().flatten().copied() {
            let expected = self.expected[row];
            let limit = limit(self.threshold, self.year.flights(row));
            let (above, below) = self.delays.reach(self.year, row, limit);
            explanation.expected[row] = Some(expected);
            explanation.lower[row] = Some(expected - below.max(MIN_MINUTES));
            explanation.upper[row] = Some(expected + above.max(MIN_MINUTES));
        }
        let run_day = self.run_days();
        for row in (0..flag.len()).filter(|row| flag[*row]) {
            explanation.evidence[row] = self.evidence(row, run_day[row]);
        }
        for day in &self.year.days {
            for row in day.iter().copied().filter(|row| flag[*row]) {
                if let Some(found) = self.peers_of(row, day) {
                    explanation.evidence[row].push(found);
                }
            }
        }
        explanation
    }

    /// What a row says by itself, the strongest first.
    fn evidence(&self, row: usize, run_day: u32) -> Vec<Evidence> {
        let day = &self.days[row];
        let mut found = vec![(day.cancelled, Evidence::Cancelled)];
        if self.expected[row].is_finite() {
            let late = self.delays.late[row];
            found.push((late.max(day.apart), Evidence::Late));
            // Told where the mean by itself is not enough. The sort is stable: it comes behind the
            // mean that it speaks of.
            if late < self.threshold && self.threshold <= day.apart {
                found.push((day.apart, Evidence::Apart));
            }
            found.push((self.delays.early[row], Evidence::Early));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let large = found
            .iter()
            .filter(|(surprise, _)| *surprise >= AT_A)
            .count();
        let run = day.run >= self.threshold;
        // Two surprises, neither large, can be enough together; a run is enough alone.
        found.truncate(if run { large } else { large.max(1) });
        if run {
            let late = self.runs.late[row];
            found.push((day.run, Evidence::Run { late, day: run_day }));
        }
        if day.shortfall >= FEW {
            let usual = day.usual_flights.round() as u32;
            found.push((day.shortfall, Evidence::FewFlights { usual }));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().map(|(_, evidence)| evidence).collect()
    }

    /// Whether the others speak for a late row: more than chance, on the whole.
    fn peers_of(&self, row: usize, day: &[usize]) -> Option<Evidence> {
        let speak = self.delays.late[row] >= AT_A && self.peers.lift(row) > 0.0;
        let (late, of) = peers::late(self.standard, day, row);
        (speak && late > 0).then_some(Evidence::Peers { late, of })
    }

    /// Which day of its run each row is, where it is part of one: rows of one direction, no further
    /// apart than the shortest window is long.
    fn run_days(&self) -> Vec<u32> {
        const APART: i64 = 7;
        let mut run_day = vec![0; self.days.len()];
        for rows in &self.year.airports {
            let mut run: Option<(bool, i64, i64)> = None;
            for &row in rows
                .iter()
                .filter(|row| self.days[**row].run >= self.threshold)
            {
                let (late, date) = (self.runs.late[row], i64::from(self.year.panel.day[row]));
                let first = match run {
                    Some((same, first, last)) if same == late && date - last < APART => first,
                    _ => date,
                };
                run = Some((late, first, date));
                run_day[row] = (date - first + 1) as u32;
            }
        }
        run_day
    }
}
