//! Clusters of airports on each day: an airport apart from the others is unusual.
//!
//! M. Ester et al.: A density-based algorithm for discovering clusters, KDD 1996, in one dimension
//! as augurs-outlier computes it: the day's values in ascending order, of which neighbours at most
//! ε apart form a cluster. A cluster of more than half the airports is the normal one.
//!
//! - The values are standardised residuals, from `surprisal`'s baseline and for means of as many
//!   flights: raw means would set apart airports that are late every day, and those whose means
//!   scatter because they have few flights.
//! - ε is one standard deviation, fixed: augurs' own sensitivity is a share of the whole panel's
//!   span, which one extreme mean would stretch.
//! - score = how many standard deviations a row lies outside its day's cluster, 0 within.
//! - A row is flagged when its score is above ε and strictly above the (1 − contamination)
//!   quantile of its airport's scores.
//!
//! A day on which no cluster holds a majority, or with fewer than three airports, has no normal
//! state to compare with: its rows get no score (augurs itself would flag all or none of them).

use augurs_outlier::{DbscanDetector, OutlierDetector};

use crate::{Model, Panel, Settings, Verdict, stats, surprisal};

/// One-dimensional DBSCAN across airports, day by day.
pub const MODEL: Model = Model {
    name: "dbscan",
    short: "dbscan",
    judge,
};

/// The largest gap within a cluster, in standard deviations.
const EPSILON: f64 = 1.0;

/// Scores and flags every row with a mean, at airports with at least ten of them, on days with a
/// normal cluster.
pub fn judge(panel: &Panel, settings: &Settings) -> Verdict {
    let score = scores(panel, &surprisal::standardised_residuals(panel));
    let mut flag = vec![false; score.len()];
    for airport in panel.airports {
        let rows = airport.clone().filter_map(|row| Some((row, score[row]?)));
        let (rows, scores): (Vec<usize>, Vec<f64>) = rows.unzip();
        let rare = stats::above_quantile(&scores, settings.contamination);
        for ((row, score), rare) in rows.into_iter().zip(scores).zip(rare) {
            flag[row] = rare && score > EPSILON;
        }
    }
    Verdict {
        score,
        flag,
        explanation: None,
    }
}

/// The distance of each row's value from its day's cluster.
fn scores(panel: &Panel, values: &[f64]) -> Vec<Option<f64>> {
    let mut score = vec![None; values.len()];
    let known = |row: &usize| !values[*row].is_nan();
    let mut days: Vec<i32> = (0..values.len())
        .filter(known)
        .map(|row| panel.day[row])
        .collect();
    days.sort_unstable();
    days.dedup();
    let column = |row: usize| days.partition_point(|day| *day < panel.day[row]);

    let series = panel.airports.iter().map(|airport| {
        let mut series = vec![f64::NAN; days.len()];
        for row in airport.clone().filter(known) {
            series[column(row)] = values[row];
        }
        series
    });
    let series: Vec<Vec<f64>> = series.collect();
    let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
    let detector = DbscanDetector::with_epsilon(EPSILON);
    // It fails only where there is no airport, and has no band where no day has a cluster.
    let found = detector
        .preprocess(&series)
        .and_then(|data| detector.detect(&data));
    let Some(band) = found.ok().and_then(|found| found.cluster_band) else {
        return score;
    };
    for row in panel.airports.iter().cloned().flatten().filter(known) {
        // The band is half an ε wider than the cluster; NaN on a day without one.
        let low = band.min[column(row)] + EPSILON / 2.0;
        let high = band.max[column(row)] - EPSILON / 2.0;
        if !low.is_nan() {
            score[row] = Some((low - values[row]).max(values[row] - high).max(0.0));
        }
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One day of airports with the given values.
    fn day(values: &[f64]) -> Vec<Option<f64>> {
        let airports: Vec<_> = (0..values.len()).map(|row| row..row + 1).collect();
        let n = values.len();
        let panel = Panel {
            airports: &airports,
            day: &vec![0; n],
            mean: values,
            flights: &vec![1; n],
            scheduled: &vec![1; n],
            cancelled: None,
        };
        scores(&panel, values)
    }

    #[test]
    fn a_score_is_the_distance_from_the_cluster() {
        // Gaps of 0.25 within −1 … 1, one airport 4 above, one 3 below, one unknown.
        let mut values: Vec<f64> = (-4..=4).map(|i| f64::from(i) / 4.0).collect();
        values.extend([5.0, -4.0, f64::NAN]);
        let mut expected = vec![Some(0.0); 9];
        expected.extend([Some(4.0), Some(3.0), None]);
        assert_eq!(day(&values), expected);
    }

    #[test]
    fn without_a_majority_there_is_no_score() {
        assert_eq!(day(&[0.0, 0.5, 4.0, 4.5]), [None; 4]);
        assert_eq!(day(&[0.0, 2.0, 4.0, 6.0, 8.0]), [None; 5]);
        assert_eq!(day(&[0.0, 100.0]), [None; 2]);
        assert_eq!(day(&[]), []);
    }
}
