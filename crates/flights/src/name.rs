//! The names of the columns that a worker computes with, and the name of a row.

use chrono::{Datelike, NaiveDate};

/// The airport of departure, its IATA code.
pub const ORIGIN: &str = "origin";
/// The day of the flight, local to the origin.
pub const FL_DATE: &str = "fl_date";
/// Minutes from the scheduled to the actual departure; negative is early.
pub const DEP_DELAY: &str = "dep_delay";
/// Mean of `dep_delay` over the flights of an airport and day.
pub const MEAN_DEP_DELAY: &str = "mean_dep_delay";
/// Flights with a departure delay, of an airport and day.
pub const FLIGHTS: &str = "flights";
/// Flights of the timetable, with or without a departure delay, of an airport and day.
pub const SCHEDULED: &str = "scheduled";
/// Of a flight, 1 when it was cancelled; of an airport and day, how many were.
pub const CANCELLED: &str = "cancelled";
/// Airport and day in one: `JFK20130101`.
pub const ID: &str = "id";
/// The flag of the default model; each model's own is `anomaly_` and its short name.
pub const ANOMALY: &str = "anomaly";
/// The score of the default model; each model's own is `score_` and its short name.
pub const SCORE: &str = "score";
/// The delay that was to be expected.
pub const EXPECTED_DELAY: &str = "expected_delay";
/// The lower end of what was to be expected.
pub const LOWER_DELAY: &str = "lower_delay";
/// The upper end of what was to be expected.
pub const UPPER_DELAY: &str = "upper_delay";
/// The verdict in words.
pub const REASON: &str = "reason";
/// What the flag of the default model is based on.
pub const FLAG_BASIS: &str = "flag_basis";
/// Whether a labelled row is an anomaly: 1 or 0.
pub const LABEL: &str = "label";
/// The kind of anomaly that a labelled row is.
pub const KIND: &str = "kind";

/// The id of an airport's day, such as `JFK20130101`.
#[must_use]
pub fn id(origin: &str, day: NaiveDate) -> String {
    format!(
        "{origin}{:04}{:02}{:02}",
        day.year(),
        day.month(),
        day.day()
    )
}
