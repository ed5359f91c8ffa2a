//! Judging one airport at a time, by its means alone.

use rayon::prelude::*;

use crate::{Panel, Verdict};

/// The verdict of a model that looks at no more than one airport's means, in minutes and in order of
/// date. `judge` gives each mean's score and flag, or `None` for too few of them. Rows without a mean
/// get neither.
pub(crate) fn judge_each(
    panel: &Panel,
    judge: impl Fn(&[f64]) -> Option<(Vec<f64>, Vec<bool>)> + Sync,
) -> Verdict {
    let airports: Vec<_> = panel
        .airports
        .par_iter()
        .map(|airport| {
            let rows = airport.clone().filter(|row| panel.mean[*row].is_finite());
            let rows: Vec<usize> = rows.collect();
            let means: Vec<f64> = rows.iter().map(|row| panel.mean[*row]).collect();
            Some((rows, judge(&means)?))
        })
        .collect();

    let mut verdict = Verdict {
        score: vec![None; panel.mean.len()],
        flag: vec![false; panel.mean.len()],
        explanation: None,
    };
    for (rows, (scores, flags)) in airports.into_iter().flatten() {
        for ((row, score), flag) in rows.into_iter().zip(scores).zip(flags) {
            verdict.score[row] = Some(score);
            verdict.flag[row] = flag;
        }
    }
    verdict
}
