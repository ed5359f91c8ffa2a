//! The verdicts of every model on one panel.

use std::time::Instant;

use flights::Days;
use outliers::{MODELS, Model, Panel, Settings, Verdict};

/// What a model says of a panel, and how long it took to say it.
pub(crate) struct Judged {
    pub(crate) model: &'static Model,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}

/// Runs every model, one after the other.
pub(crate) fn by_every_model(days: &Days, settings: &Settings) -> Vec<Judged> {
    let panel = Panel {
        airports: &days.airports,
        day: &days.day,
        mean: &days.mean,
        flights: &days.flights,
        scheduled: &days.scheduled,
        cancelled: days.cancelled.as_deref(),
    };
    let judge = |model: &'static Model| {
        let start = Instant::now();
        let verdict = (model.judge)(&panel, settings);
        Judged {
            model,
            verdict,
            seconds: start.elapsed().as_secs_f64(),
        }
    };
    MODELS.iter().map(judge).collect()
}
