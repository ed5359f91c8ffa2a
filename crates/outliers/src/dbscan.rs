//! Clusters of airports on each day: an airport apart from the others is unusual.
//!
//! M. Ester et al.: A density-based algorithm for discovering clusters, KDD 1996, in one dimension
//! as augurs-outlier computes it: the day's values in ascending order, of which neighbours at most
//! ε apart form a cluster. A cluster of more than half the airports is the normal one.
//!
//! - An airport's values are its residuals z = (x − median) / sd, with sd = 1.4826 · the median
//!   absolute deviation, or 1.2533 · the mean one where that is zero, and at least a minute; raw
//!   means would set airports apart that are late every day.
//! - ε is one standard deviation, fixed: augurs' own sensitivity is a share of the whole panel's
//!   span, which one extreme mean would stretch.
//! - score = how many standard deviations z lies outside the cluster, 0 within;
//! - a row is flagged when it is outside by more than ε and its score is strictly above the
//!   (1 − contamination) quantile of its airport's.
//!
//! A day on which no cluster holds a majority, or with fewer than three airports, has no normal
//! state to compare with: its rows get no score (augurs itself would flag all or none of them).

use augurs_outlier::{DbscanDetector, OutlierDetector};
use rayon::prelude::*;

use crate::{Model, Panel, Settings, Verdict, stats};

/// One-dimensional DBSCAN across airports, day by day.
pub const MODEL: Model = Model {
    name: "dbscan",
    short: "dbscan",
    judge,
};

/// The fewest days of an airport that have a spread worth the name.
const MIN_DAYS: usize = 10;
/// The largest gap within a cluster, in standard deviations.
const EPSILON: f64 = 1.0;
/// The least standard deviation of an airport, minutes.
const LEAST_SD: f64 = 1.0;

/// Scores and flags every row with a mean, at airports with at least ten of them, on days with a
/// normal cluster.
pub fn judge(panel: &Panel, settings: &Settings) -> Verdict {
    let airports: Vec<(Vec<usize>, Vec<f64>)> = panel
        .airports
        .par_iter()
        .map(|airport| {
            let rows = airport.clone().filter(|row| panel.mean[*row].is_finite());
            let rows: Vec<usize> = rows.collect();
            let means: Vec<f64> = rows.iter().map(|row| panel.mean[*row]).collect();
            (rows, residuals(&means))
        })
        .filter(|(rows, _)| rows.len() >= MIN_DAYS)
        .collect();

    let score = scores(panel, &airports);
    let mut flag = vec![false; score.len()];
    for (rows, _) in &airports {
        let scored: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|row| score[*row].is_some())
            .collect();
        let scores: Vec<f64> = scored.iter().filter_map(|row| score[*row]).collect();
        let rare = stats::above_quantile(&scores, settings.contamination);
        for ((row, score), rare) in scored.into_iter().zip(scores).zip(rare) {
            flag[row] = rare && score > EPSILON;
        }
    }
    Verdict {
        score,
        flag,
        explanation: None,
    }
}

/// (x − median) / sd of an airport's values.
fn residuals(values: &[f64]) -> Vec<f64> {
    let median = stats::median(&mut values.to_vec());
    let mut sd = stats::robust_sd(values, median);
    if sd == 0.0 {
        let sum: f64 = values.iter().map(|x| (x - median).abs()).sum();
        sd = 1.2533 * sum / values.len() as f64;
    }
    let sd = sd.max(LEAST_SD);
    values.iter().map(|x| (x - median) / sd).collect()
}

/// The distance of each row from its day's cluster.
fn scores(panel: &Panel, airports: &[(Vec<usize>, Vec<f64>)]) -> Vec<Option<f64>> {
    let mut score = vec![None; panel.mean.len()];
    let mut days: Vec<i32> = airports
        .iter()
        .flat_map(|(rows, _)| rows.iter().map(|row| panel.day[*row]))
        .collect();
    days.sort_unstable();
    days.dedup();
    let column = |row: usize| days.partition_point(|day| *day < panel.day[row]);

    let series: Vec<Vec<f64>> = airports
        .iter()
        .map(|(rows, residuals)| {
            let mut values = vec![f64::NAN; days.len()];
            for (row, z) in rows.iter().zip(residuals) {
                values[column(*row)] = *z;
            }
            values
        })
        .collect();
    let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
    let detector = DbscanDetector::with_epsilon(EPSILON);
    // It fails only on no series at all, and then there is nothing to score.
    let found = detector
        .preprocess(&series)
        .and_then(|data| detector.detect(&data));
    let Some(band) = found.ok().and_then(|found| found.cluster_band) else {
        return score;
    };
    for (rows, residuals) in airports {
        for (row, z) in rows.iter().zip(residuals) {
            // The band is half an ε wider than the cluster; NaN where there is none.
            let low = band.min[column(*row)] + EPSILON / 2.0;
            let high = band.max[column(*row)] - EPSILON / 2.0;
            if !low.is_nan() {
                score[*row] = Some((low - z).max(z - high).max(0.0));
            }
        }
    }
    score
}
