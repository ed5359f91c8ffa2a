//! What every model must hold to, whatever the panel.
#![allow(clippy::unwrap_used)]

mod common;

use std::iter::repeat_n;

use common::Rows;
use outliers::{Basis, Evidence, Explanation, MODELS, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

/// The fewest rows of an airport of which not more than half may be flagged.
const SOME_ROWS: usize = 10;

/// One airport of a degenerate panel: rows of (days since the one before, mean, flights, cancelled).
fn airport() -> impl Strategy<Value = Vec<(i32, f64, u32, u32)>> {
    let mean = prop_oneof![
        4 => -20.0..60.0_f64,
        1 => Just(f64::NAN),
        1 => Just(0.0),
        1 => prop_oneof![Just(1e9), Just(-1e9), Just(f64::MAX), Just(f64::MIN), Just(5e-324)],
    ];
    let step = prop_oneof![8 => Just(1), 1 => 2..9, 1 => 60..200];
    let flights = prop_oneof![3 => 1..400_u32, 1 => Just(1), 1 => Just(u32::MAX)];
    let row = move || (step.clone(), mean.clone(), flights.clone(), 0..40_u32);
    let count = prop_oneof![1 => 0..3_usize, 1 => 9..12_usize, 2 => 20..120_usize];
    let constant = (row(), count.clone()).prop_map(|(row, n)| repeat_n(row, n).collect());
    let two = (row(), row(), count.clone())
        .prop_map(|(a, b, n)| [a, b].into_iter().cycle().take(n).collect());
    let halves = (row(), row(), count.clone())
        .prop_map(|(a, b, n)| repeat_n(a, n).chain(repeat_n(b, n)).collect());
    prop_oneof![
        3 => count.prop_flat_map(move |n| vec(row(), n)),
        1 => constant,
        1 => two,
        1 => halves,
    ]
}

fn panel() -> impl Strategy<Value = Rows> {
    let airports = prop_oneof![vec(airport(), 0..4), vec(airport(), 18..30)];
    (airports, any::<bool>(), any::<bool>()).prop_map(|(airports, known, grounded)| {
        let mut rows = Rows {
            cancellations_known: known,
            ..Rows::default()
        };
        for airport in airports {
            let mut day = 16_000;
            rows.add(airport.into_iter().map(|(step, mean, flights, cancelled)| {
                day += step;
                // Where no flight flew there is no mean.
                let mean = if grounded { f64::NAN } else { mean };
                let flights = if mean.is_nan() { 0 } else { flights };
                (day, mean, flights, cancelled)
            }));
        }
        rows
    })
}

fn check(rows: &Rows, name: &str, verdict: &Verdict) {
    let n = rows.day.len();
    assert_eq!((verdict.score.len(), verdict.flag.len()), (n, n), "{name}");
    for (row, score) in verdict.score.iter().enumerate() {
        assert!(
            score.is_none_or(f64::is_finite),
            "{name}: row {row} {score:?}"
        );
        assert!(score.is_some() || !verdict.flag[row], "{name}: row {row}");
    }
    for airport in rows.airports.iter().filter(|a| a.len() >= SOME_ROWS) {
        let flagged = airport.clone().filter(|row| verdict.flag[*row]).count();
        assert!(
            2 * flagged <= airport.len(),
            "{name}: {flagged} of {airport:?}"
        );
    }
    if let Some(why) = &verdict.explanation {
        assert_eq!((why.evidence.len(), why.basis.len()), (n, n), "{name}");
        for row in 0..n {
            assert_eq!(
                why.evidence[row].is_empty(),
                !verdict.flag[row],
                "{name}: row {row}"
            );
            check_basis(rows, why, row);
            let band = (why.lower[row], why.expected[row], why.upper[row]);
            match band {
                (Some(lower), Some(expected), Some(upper)) => {
                    assert!(lower < expected && expected < upper, "{name}: {band:?}");
                    assert!(lower.is_finite() && upper.is_finite(), "{name}: {band:?}");
                }
                _ => assert_eq!(band, (None, None, None), "{name}"),
            }
        }
    }
}

/// A flag has a basis, and the basis is true of the row.
fn check_basis(rows: &Rows, why: &Explanation, row: usize) {
    let Some(basis) = why.basis[row] else {
        assert!(why.evidence[row].is_empty(), "row {row}");
        return;
    };
    // The models see no mean beyond a thousand years.
    let mean = rows.mean[row].clamp(-1e9, 1e9);
    let outside = match (why.lower[row], why.upper[row]) {
        (Some(lower), Some(upper)) => {
            // At an end of the band, rounding decides.
            let rounding = 1e-9 * (1.0 + mean.abs() + lower.abs() + upper.abs());
            if (mean - lower).abs().min((mean - upper).abs()) <= rounding {
                return;
            }
            mean < lower || upper < mean
        }
        _ => false,
    };
    assert_eq!(basis == Basis::Mean, outside, "row {row}: {basis:?}");
    let run = |found: &Evidence| matches!(found, Evidence::Run { .. });
    match basis {
        Basis::Mean => {}
        Basis::Cancellations => assert!(
            !rows.cancellations_known || rows.cancelled[row] >= 3,
            "row {row}"
        ),
        Basis::Run => assert!(why.evidence[row].iter().any(run), "row {row}"),
        Basis::Network => assert!(rows.airports.len() > 1, "row {row}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_panel_breaks_a_model(rows in panel(), contamination in 0.001..0.5_f64) {
        for model in MODELS {
            check(&rows, model.name, &rows.judge(model, contamination));
        }
    }
}

#[test]
fn an_empty_panel_has_an_empty_verdict() {
    for model in MODELS {
        let verdict = Rows::default().judge(model, 0.01);
        assert!(verdict.score.is_empty() && verdict.flag.is_empty());
    }
}

#[test]
fn threads_do_not_matter() {
    let rows = Rows::made_up(60, 200, 3);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| MODELS.iter().map(|model| rows.judge(model, 0.02)).collect())
    };
    let (one, four): (Vec<Verdict>, Vec<Verdict>) = (with(1), with(4));
    // Debug prints every f64 so that it reads back as the same one, and tells −0 from 0.
    assert_eq!(format!("{one:?}"), format!("{four:?}"));
}

#[test]
fn a_made_up_year_has_flags_of_every_basis() {
    let mut rows = Rows::made_up(60, 365, 4);
    // Ten days that are 12 minutes late: too few minutes for a flag, but a run.
    for row in rows.airports[40].clone().skip(150).take(10) {
        rows.mean[row] += 12.0;
    }
    let verdict = rows.judge(&MODELS[0], 0.01);
    let why = verdict.explanation.unwrap();
    for basis in [
        Basis::Mean,
        Basis::Cancellations,
        Basis::Run,
        Basis::Network,
    ] {
        let days = why.basis.iter().filter(|found| **found == Some(basis));
        assert!(days.count() > 0, "{basis:?}");
    }
}

#[test]
fn a_made_up_year_is_mostly_ordinary() {
    let rows = Rows::made_up(60, 365, 4);
    for model in MODELS {
        let verdict = rows.judge(model, 0.01);
        check(&rows, model.name, &verdict);
        let flagged = verdict.flag.iter().filter(|flag| **flag).count();
        let share = flagged as f64 / rows.day.len() as f64;
        assert!(share < 0.03, "{}: {share}", model.name);
    }
}
