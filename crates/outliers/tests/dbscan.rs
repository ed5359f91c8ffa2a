//! DBSCAN across airports.

mod common;

use common::Rows;
use outliers::dbscan::MODEL;

/// Twenty airports of a hundred days that move within five minutes, one of them off by `minutes` on
/// day 50; its row is returned, too.
fn twenty(minutes: f64) -> (Rows, usize) {
    let mut rows = Rows::default();
    for airport in 0..20 {
        rows.add((0..100).map(|day| {
            let usual = f64::from((day * 7 + airport * 3) % 11) - 5.0;
            let off = if (airport, day) == (7, 50) {
                minutes
            } else {
                0.0
            };
            (day, usual + off, 100, 0)
        }));
    }
    (rows, 7 * 100 + 50)
}

#[test]
fn one_airport_off_among_twenty_is_the_only_flag() {
    let (rows, off) = twenty(60.0);
    let verdict = rows.judge(&MODEL, 0.01);
    let flagged: Vec<usize> = (0..rows.day.len())
        .filter(|row| verdict.flag[*row])
        .collect();
    assert_eq!(flagged, [off]);
    let largest = verdict.score.iter().flatten().copied().fold(0.0, f64::max);
    assert_eq!(verdict.score[off], Some(largest));
}

#[test]
fn within_the_cluster_the_score_is_zero() {
    let (rows, off) = twenty(0.0);
    let verdict = rows.judge(&MODEL, 0.01);
    assert_eq!(verdict.score[off], Some(0.0));
    assert!(!verdict.flag.contains(&true));
}
