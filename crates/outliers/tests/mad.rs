//! The double MAD against cases calculated by hand.

mod common;

use common::Rows;
use outliers::mad::MODEL;

fn judge(means: &[f64], contamination: f64) -> (Vec<Option<f64>>, Vec<bool>) {
    let mut rows = Rows::default();
    rows.add((0..).zip(means).map(|(day, mean)| (day, *mean, 1, 0)));
    let verdict = rows.judge(&MODEL, contamination);
    (verdict.score, verdict.flag)
}

fn close(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() < 1e-12 * expected.max(1.0))
}

#[test]
fn each_side_has_its_own_deviation() {
    // The median is 0, the deviations' medians are 10 below and 5 above. The trimmed
    // Harrell-Davis median weighs the values about the middle, which are even here, so that it is
    // the middle one, as numpy's is.
    let below = [1.0, 2.0, 3.0, 7.0, 9.0, 11.0, 13.0, 20.0, 21.0, 22.0].map(|d| -d);
    let above = [1.0, 2.0, 3.0, 3.5, 4.5, 5.5, 6.5, 8.0, 9.0, 1000.0];
    let means = [&below[..], &above[..]].concat();
    let (score, flag) = judge(&means, 0.05);
    for (mean, score) in means.iter().zip(&score) {
        let deviation = if *mean < 0.0 { 10.0 } else { 5.0 };
        let expected = mean.abs() / (1.4826 * deviation);
        assert!(close(*score, expected), "{mean}: {score:?}, not {expected}");
    }
    assert_eq!(flag.iter().filter(|flag| **flag).count(), 1);
    assert!(flag[19]);
}

#[test]
fn over_half_equal_values_fall_back_on_the_mean_deviation() {
    // The mean of |x − 0| is 12 / 12 = 1.
    let mut means = [0.0; 12];
    (means[3], means[5], means[8]) = (3.0, 6.0, -3.0);
    let (score, flag) = judge(&means, 0.1);
    for (mean, score) in means.iter().zip(&score) {
        assert!(close(*score, mean.abs() / 1.2533), "{mean}: {score:?}");
    }
    assert_eq!(flag.iter().position(|flag| *flag), Some(5));
    assert_eq!(flag.iter().filter(|flag| **flag).count(), 1);
}

#[test]
fn equal_values_that_do_not_add_up_exactly_are_equal_nonetheless() {
    let (score, flag) = judge(&[7.3; 40], 0.1);
    assert_eq!(score, [Some(0.0); 40]);
    assert_eq!(flag, [false; 40]);
    // Twenty 7.3 in the middle: a weighted mean of them is not 7.3 to the last bit.
    let mut means = vec![7.3; 20];
    means.extend((1..=9).flat_map(|i| [7.3 + f64::from(i), 7.3 - f64::from(i)]));
    let (score, _) = judge(&means, 0.1);
    let unit = 1.2533 * 90.0 / 38.0;
    for (mean, score) in means.iter().zip(&score) {
        let expected = (mean - 7.3).abs() / unit;
        assert!(close(*score, expected), "{mean}: {score:?}, not {expected}");
    }
}

#[test]
fn ten_days_are_needed() {
    assert_eq!(judge(&[1.0; 9], 0.1), (vec![None; 9], vec![false; 9]));
    let mut means = [1.0; 10];
    means[4] = f64::NAN;
    assert_eq!(judge(&means, 0.1), (vec![None; 10], vec![false; 10]));
}
