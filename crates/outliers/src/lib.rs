//! Models that score each day of each airport by how unusual it is, over plain slices.
//!
//! Pure: no files, no clock, no global state. The same [`Panel`] and [`Settings`] give the same
//! [`Verdict`] with any number of threads, and on every machine but for the last digits of [`mad`].
//!
//! # A further model
//! One module `src/<model>` with a `pub const MODEL: Model`, and its line in [`MODELS`]. All callers
//! iterate over the list.

mod airport;
pub mod dbscan;
pub mod isolation_forest;
pub mod mad;
mod stats;
pub mod surprisal;

use std::ops::Range;

/// Every model. The first one is the default; `notebooks/2_the_models.ipynb` says why.
pub const MODELS: &[Model] = &[
    surprisal::MODEL,
    isolation_forest::MODEL,
    mad::MODEL,
    dbscan::MODEL,
];

/// One year of gold, a row for each airport and day with a scheduled flight.
///
/// Rows are sorted by airport, then date. `day`, `mean`, `flights`, `scheduled` and `cancelled`
/// have one length n.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// The rows of each airport: ranges within `0..n` that do not overlap.
    pub airports: &'a [Range<usize>],
    /// The date of each row, in days since 1970-01-01.
    pub day: &'a [i32],
    /// The mean departure delay of each row, in minutes: finite, or NaN where no flight flew.
    pub mean: &'a [f64],
    /// The number of flown flights behind each mean; 0 where no flight flew.
    pub flights: &'a [u32],
    /// The number of flights in the timetable, flown or not; at least `flights`.
    pub scheduled: &'a [u32],
    /// How many of the scheduled flights were cancelled, or `None` when that is not known.
    pub cancelled: Option<&'a [u32]>,
}

/// What a model says of each row of a panel: n values each, in the panel's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Higher is more anomalous; the scale is the model's own. `None`: too little data to say.
    pub score: Vec<Option<f64>>,
    /// Whether the row is an anomaly. Always false where the score is `None`.
    pub flag: Vec<bool>,
    /// What the model expected and why it flags, if it can tell.
    pub explanation: Option<Explanation>,
}

/// What a model expected of each row, and why it flags the rows that it flags.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The mean delay that was to be expected, minutes. `None`: too little data to say.
    pub expected: Vec<Option<f64>>,
    /// The least mean delay that would not have been unusual, minutes.
    pub lower: Vec<Option<f64>>,
    /// The largest mean delay that would not have been unusual, minutes.
    pub upper: Vec<Option<f64>>,
    /// What each flag is based on; `None` where there is no flag.
    pub basis: Vec<Option<Basis>>,
    /// What speaks for each flag, the strongest first; empty where there is none.
    pub evidence: Vec<Vec<Evidence>>,
}

/// What a flag is based on: the first of these that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The mean alone: it is outside the band from `lower` to `upper`.
    Mean,
    /// The cancelled flights, or the missing flights where cancellations are not known. They are
    /// enough alone, or the mean is not enough without them.
    Cancellations,
    /// The run of late or early days that the row belongs to.
    Run,
    /// The same day at the other airports. Either they were late too, which adds enough to a mean
    /// that is nearly outside the band, or the airport was later than they explain.
    Network,
}

impl Basis {
    /// Its name in the column `flag_basis`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Basis::Mean => "mean",
            Basis::Cancellations => "cancellations",
            Basis::Run => "run",
            Basis::Network => "network",
        }
    }
}

/// One reason to flag an airport's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// More flights were cancelled than chance explains.
    Cancelled,
    /// Far fewer flights flew than are usual on this weekday, where cancellations are not known.
    FewFlights {
        /// The usual number of flights.
        usual: u32,
    },
    /// The mean delay is above what was to be expected.
    Late,
    /// The mean delay is above what the delays of the other airports explain.
    Apart,
    /// The mean delay is below what was to be expected.
    Early,
    /// The day is part of a run of days that are high or low together.
    Run {
        /// Whether the run's days are late, or else early.
        late: bool,
        /// Which day of the run it is, from 1.
        day: u32,
    },
    /// Other airports were late on the same day.
    Peers {
        /// How many of the others were late.
        late: u32,
        /// How many others there were.
        of: u32,
    },
}

/// What the caller chooses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The share of rows expected to be anomalies: more than 0, at most 0.5.
    pub contamination: f64,
    /// Where random streams begin. Models without chance ignore it.
    pub seed: u64,
}

impl Settings {
    /// Reads a contamination, such as `0.01`.
    ///
    /// # Errors
    /// What to give instead, when it is no number above 0 and up to 0.5.
    pub fn parse_contamination(text: &str) -> Result<f64, String> {
        let share = text.parse().ok().filter(|c| *c > 0.0 && *c <= 0.5);
        share.ok_or_else(|| "give a number above 0 and up to 0.5, such as 0.01 for 1 %".into())
    }
}

/// A model: its names and its function.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// The name to choose it by, such as `isolation-forest`.
    pub name: &'static str,
    /// The end of its columns' names: `if` for `anomaly_if` and `score_if`.
    pub short: &'static str,
    /// Scores and flags every row of a panel.
    pub judge: fn(&Panel, &Settings) -> Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_for_arguments_and_columns() {
        for (i, model) in MODELS.iter().enumerate() {
            let word = |text: &str, also: char| {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == also)
            };
            assert!(word(model.name, '-'), "{}", model.name);
            assert!(word(model.short, '_'), "{}", model.short);
            assert!(
                MODELS[..i]
                    .iter()
                    .all(|m| m.name != model.name && m.short != model.short)
            );
        }
    }
}
