//! What surprisal finds, and what it leaves alone.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Random, Rows};
use outliers::surprisal::MODEL;
use outliers::{Evidence, Verdict};

const DAYS: i32 = 365;

/// Airports of so many flights a day each, quiet but for what `extra` adds on an airport's day. Of
/// the flights of a small airport, some are hours late.
fn quiet(sizes: &[u32], extra: impl Fn(usize, i32) -> f64) -> Rows {
    let mut random = Random::new(5);
    let mut rows = Rows::default();
    for (airport, &flights) in sizes.iter().enumerate() {
        let scatter = 30.0 / f64::from(flights).sqrt();
        let rows_of_airport: Vec<_> = (0..DAYS)
            .map(|day| {
                let small = if flights < 10 { flights } else { 0 };
                let hours = (0..small).map(|_| random.rarely(0.06) * random.exponential());
                let hours: f64 = hours.sum();
                let mean = 8.0 + scatter * (random.exponential() - 1.0) + 2.0 * random.uniform();
                let mean = mean + 150.0 * hours / f64::from(flights);
                (16_000 + day, mean + extra(airport, day), flights, 0)
            })
            .collect();
        rows.add(rows_of_airport);
    }
    rows
}

fn row(airport: usize, day: i32) -> usize {
    airport * DAYS as usize + day as usize
}

fn evidence(verdict: &Verdict, row: usize) -> &[Evidence] {
    &verdict.explanation.as_ref().unwrap().evidence[row]
}

/// Thirty airports of 3, thirty of 60 flights a day.
fn sizes() -> Vec<u32> {
    [[3; 30], [60; 30]].concat()
}

/// An hour's delay at airport 40 on one day.
fn hour(airport: usize, day: i32, on: i32) -> f64 {
    if (airport, day) == (40, on) {
        60.0
    } else {
        0.0
    }
}

#[test]
fn the_mean_of_many_flights_counts_and_one_late_flight_does_not() {
    // Day 100: one of the three flights of a small airport is 300 minutes late. Day 200: the 60
    // flights of a large one are an hour late on average.
    let late = |airport, day| match (airport, day) {
        (3, 100) => 300.0 / 3.0,
        (40, 200) => 60.0,
        _ => 0.0,
    };
    let verdict = quiet(&sizes(), late).judge(&MODEL, 0.01);
    let (small, large) = (row(3, 100), row(40, 200));
    assert!(verdict.flag[large]);
    assert_eq!(evidence(&verdict, large)[0], Evidence::Late);
    assert!(verdict.score[large] > verdict.score[small]);
    assert!(!verdict.flag[small], "{:?}", verdict.score[small]);
}

#[test]
fn a_flag_lies_outside_the_band_and_a_quiet_day_within() {
    let rows = quiet(&sizes(), |airport, day| hour(airport, day, 200));
    let verdict = rows.judge(&MODEL, 0.01);
    let why = verdict.explanation.as_ref().unwrap();
    let late = row(40, 200);
    assert!(rows.mean[late] > why.upper[late].unwrap());
    assert!((why.expected[late].unwrap() - 9.0).abs() < 3.0);
    let inside = (0..rows.day.len()).filter(|row| {
        (why.lower[*row].unwrap()..=why.upper[*row].unwrap()).contains(&rows.mean[*row])
    });
    assert!(inside.count() as f64 > 0.98 * rows.day.len() as f64);
}

#[test]
fn ten_days_that_are_late_together_are_a_run() {
    // 12 minutes: none of the days is flagged alone, being less than 15 minutes off.
    let shifted = |airport, day| {
        if airport == 40 && (150..160).contains(&day) {
            12.0
        } else {
            0.0
        }
    };
    let verdict = quiet(&sizes(), shifted).judge(&MODEL, 0.01);
    let days = (150..160).filter(|day| verdict.flag[row(40, *day)]);
    let days: Vec<i32> = days.collect();
    assert!(days.len() >= 8, "{days:?}");
    for day in days {
        let run = evidence(&verdict, row(40, day))
            .iter()
            .find_map(|found| match found {
                Evidence::Run { late, day } => Some((*late, *day)),
                _ => None,
            });
        let (late, nth) = run.unwrap();
        assert!(late);
        assert!((1..=17).contains(&nth), "{nth}");
    }
}

#[test]
fn a_closed_day_is_flagged_for_its_cancellations() {
    let mut rows = quiet(&sizes(), |_, _| 0.0);
    rows.cancellations_known = true;
    let closed = row(40, 77);
    (
        rows.mean[closed],
        rows.flights[closed],
        rows.cancelled[closed],
    ) = (f64::NAN, 0, 60);
    let verdict = rows.judge(&MODEL, 0.01);
    assert!(verdict.flag[closed]);
    assert_eq!(evidence(&verdict, closed), [Evidence::Cancelled]);
    assert_eq!(verdict.explanation.as_ref().unwrap().upper[closed], None);

    rows.cancellations_known = false;
    let verdict = rows.judge(&MODEL, 0.01);
    assert_eq!((verdict.score[closed], verdict.flag[closed]), (None, false));
}

#[test]
fn many_cancellations_are_flagged_though_the_rest_left_on_time() {
    let mut rows = quiet(&sizes(), |_, _| 0.0);
    rows.cancellations_known = true;
    let half = row(40, 77);
    (rows.flights[half], rows.cancelled[half]) = (30, 30);
    let verdict = rows.judge(&MODEL, 0.01);
    assert_eq!(evidence(&verdict, half)[0], Evidence::Cancelled);
}

#[test]
fn missing_flights_count_where_cancellations_are_not_known() {
    let mut rows = quiet(&sizes(), |airport, day| hour(airport, day, 77));
    let few = row(40, 77);
    rows.flights[few] = 40;
    let verdict = rows.judge(&MODEL, 0.01);
    assert!(evidence(&verdict, few).contains(&Evidence::FewFlights { usual: 60 }));
}

#[test]
fn a_storm_at_all_airports_speaks_for_each() {
    // Twelve storms a year, at every airport, by different amounts.
    let storm = |airport: usize, day: i32| {
        let size = 10.0 + 50.0 * ((airport * 7 + day as usize * 13) % 10) as f64 / 10.0;
        if day % 30 == 17 { size } else { 0.0 }
    };
    let verdict = quiet(&[60; 15], storm).judge(&MODEL, 0.01);
    let flagged: Vec<usize> = (0..verdict.flag.len())
        .filter(|row| verdict.flag[*row])
        .collect();
    let stormy = flagged
        .iter()
        .filter(|row| **row % DAYS as usize % 30 == 17);
    assert!(stormy.clone().count() > 20, "{flagged:?}");
    for row in stormy {
        let peers = evidence(&verdict, *row).iter().any(|found| match found {
            Evidence::Peers { late, of } => *late > 10 && *of == 14,
            _ => false,
        });
        assert!(peers, "{:?}", evidence(&verdict, *row));
    }
}

#[test]
fn an_airport_of_few_days_has_no_score() {
    let mut rows = quiet(&sizes(), |_, _| 0.0);
    rows.add((0..9).map(|day| (16_000 + day, 500.0, 10, 0)));
    let verdict = rows.judge(&MODEL, 0.01);
    let last = rows.airports.last().unwrap().clone();
    assert!(
        last.clone()
            .all(|row| verdict.score[row].is_none() && !verdict.flag[row])
    );
}

#[test]
fn late_apart_from_the_others_is_more_than_late_with_them() {
    // Every fifth day a storm delays all airports by 40 minutes. On one ordinary day the first is
    // late by as much, and nobody else is.
    let alone = row(0, 101);
    let late = |airport: usize, day: i32| {
        let stormy = day % 5 == 2;
        if stormy || (airport == 0 && day == 101) {
            40.0
        } else {
            0.0
        }
    };
    let verdict = quiet(&[60; 6], late).judge(&MODEL, 0.01);
    let score = |row: usize| verdict.score[row].unwrap();
    assert!(verdict.flag[alone]);
    assert!(evidence(&verdict, alone).contains(&Evidence::Apart));
    for day in (2..DAYS).step_by(5) {
        assert!(score(row(0, day)) < score(alone) / 2.0, "{day}");
    }
}
