//! Surprisal: how unlikely a day is, given how many flights stand behind it.
//!
//! All evidence is a surprise, u = −ln p, with p the share of ordinary days at least as extreme;
//! the tails are read off the panel itself, so one scale holds for every kind of evidence. With
//! T = −ln(contamination), a row is unusual from about u = T. What it is made of:
//!
//! 1. `baseline`: the mean delay E that the airport, season, weekday and day lead one to expect,
//!    and the residual R = mean − E.
//! 2. `curve`, `scale`: how far such residuals lie apart by the number of flights n (a mean of
//!    three flights is noise), by the day (h), by the airport (r); V = R/(h·r).
//! 3. `delay`, `tail`: the surprise of V, on a line through the 90 and 98 % points of V among means
//!    of as many flights. Early days count half. `apart`: the same of what is left of R when what
//!    the other airports say of the day is taken out; the larger of the two counts.
//! 4. `cancellations`: the surprise of the day's cancelled flights, joined with that of the delay;
//!    where cancellations are not known, missing flights add to a surprising delay.
//! 5. `runs`: days that are late together for a week or two; a row's score is the larger of this
//!    and the above.
//! 6. `flags`: score ≥ T + 2/n², and at least 15 minutes from what was expected or part of a run;
//!    or cancellations alone ≥ T. `peers`, `signals`: other airports that are late on the same
//!    day lift a row that is nearly unusual, if airports on this panel are late together at all.
//! 7. `evidence`: the band within which a mean alone is not flagged, and what spoke for each flag.
//!    The flags come with their basis: the mean alone, cancellations, a run, or other airports.
//!
//! Every sum has a fixed order and every logarithm is libm's, so the verdict does not depend on
//! threads or platform.

mod apart;
mod baseline;
mod cancellations;
mod curve;
mod delay;
mod evidence;
mod flags;
mod peers;
mod runs;
mod scale;
mod signals;
mod tail;
mod year;

use self::delay::Delays;
use self::evidence::Findings;
use self::peers::Peers;
use self::runs::Runs;
use self::year::Year;
use crate::{Model, Panel, Settings, Verdict};

/// The surprise of each day of each airport, with what was expected and why it is flagged.
pub const MODEL: Model = Model {
    name: "surprisal",
    short: "sur",
    judge,
};

/// The largest contamination that has a meaning here: the tails begin at the 90 % points.
const MAX_CONTAMINATION: f64 = 0.10;
/// A delay nearer than this to what was expected is not worth a flag, minutes.
const MIN_MINUTES: f64 = 15.0;

/// What is known of one row.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    /// The surprise of its cancellations, from 0.
    cancelled: f64,
    /// The surprise of being late apart from the others, from 0.
    apart: f64,
    /// What its missing flights add, from 0.
    shortfall: f64,
    /// The number of flights that is usual on its weekday, where cancellations are not known.
    usual_flights: f64,
    /// What its run adds up to, as a surprise.
    run: f64,
    /// All of it together.
    score: f64,
}

/// The score from which a row of n flights is unusual. 2/n² keeps one late flight of the only one
/// or two from being an airport's delay.
fn limit(threshold: f64, flights: f64) -> f64 {
    threshold + 2.0 / (flights * flights)
}

/// Scores and flags every row of an airport with at least ten means: a row with a mean by all its
/// evidence, a row without one by its cancellations, if three or more are known. A contamination
/// above 0.1 counts as 0.1, and an airport flags at most a quarter of its days.
pub fn judge(panel: &Panel, settings: &Settings) -> Verdict {
    let threshold = -libm::log(settings.contamination.min(MAX_CONTAMINATION));
    let year = Year::new(panel);
    let expected = baseline::expected(&year);
    let residual = residuals(&year, &expected);
    let standard = scale::standardised(&year, &residual);
    let peers = Peers::new(&year, &standard);
    let spread = scale::day_spread(&year, &standard, peers.lambda);
    let scale = scale::airport_scale(&year, &residual, &spread);
    let unit = year.by_row(|row| spread[row] * scale[row]);
    let apart = apart::surprise(&year, &residual, &peers.others, &unit);
    let delays = Delays::new(&year, &residual, unit);
    let runs = Runs::new(&year, &standard);
    let mut days = days(&year, &delays, &apart, &runs);
    let basis = flags::flags(&year, &residual, &delays, &peers, &mut days, threshold);

    let findings = Findings {
        year: &year,
        expected: &expected,
        standard: &standard,
        delays: &delays,
        peers: &peers,
        runs: &runs,
        days: &days,
        threshold,
    };
    let flag: Vec<bool> = basis.iter().map(Option::is_some).collect();
    let explanation = Some(findings.explain(basis));
    let mut score = vec![None; flag.len()];
    for row in year.ranges.iter().cloned().flatten() {
        let cancelled = panel.cancelled.map_or(0, |cancelled| cancelled[row]);
        let known = panel.mean[row].is_finite() || cancelled >= cancellations::MIN_CANCELLED;
        score[row] = known.then_some(days[row].score);
    }
    Verdict {
        score,
        flag,
        explanation,
    }
}

/// The standardised residuals of a panel, as `scale::standardised` has them: NaN for rows without a
/// mean and for airports with fewer than ten means.
pub(crate) fn standardised_residuals(panel: &Panel) -> Vec<f64> {
    let year = Year::new(panel);
    let residual = residuals(&year, &baseline::expected(&year));
    scale::standardised(&year, &residual)
}

/// Mean less expected mean of each row, minutes.
fn residuals(year: &Year, expected: &[f64]) -> Vec<f64> {
    year.by_row(|row| year.mean[row] - expected[row])
}

/// Brings the evidence of each row together.
fn days(year: &Year, delays: &Delays, apart: &[f64], runs: &Runs) -> Vec<Day> {
    let mut days = vec![Day::default(); year.mean.len()];
    if let Some(cancelled) = year.panel.cancelled {
        let surprise = cancellations::surprise(year.panel, cancelled);
        for (day, surprise) in days.iter_mut().zip(surprise) {
            day.cancelled = surprise;
            day.score = surprise;
        }
    }
    let usual = match year.panel.cancelled {
        Some(_) => None,
        None => Some(cancellations::usual_flights(year)),
    };
    for row in year.airports.iter().flatten().copied() {
        let day = &mut days[row];
        day.apart = apart[row];
        let delay = delays.surprise(row).max(day.apart);
        if let (Some(usual), true) = (&usual, delay > 0.0) {
            day.usual_flights = usual[row];
            day.shortfall = cancellations::shortfall(usual[row], year.flights(row));
        }
        day.run = runs::surprise(runs.surprise[row], delay);
        day.score = cancellations::join(delay, day.cancelled) + day.shortfall;
        day.score = day.score.max(day.run);
    }
    days
}
