//! The double median absolute deviation, one airport at a time.
//!
//! C. Leys et al.: Detecting outliers: do not use standard deviation around the mean, use absolute
//! deviation around the median, J. Exp. Soc. Psychol. 49 (2013); one deviation for each side
//! because delays have a long tail above. As augurs-outlier computes it, with M the median of an
//! airport's means (a trimmed Harrell-Davis estimate, A. Akinshin 2022):
//!
//! - MAD₊ = median of x − M over the values at or above M, MAD₋ = the same of M − x below;
//! - score = |x − M| / (1.4826 · MAD of its side): standard deviations of a normal distribution;
//! - a value is flagged when its score is above 3.5 (B. Iglewicz, D. Hoaglin: How to Detect and
//!   Handle Outliers, 1993) and strictly above the (1 − contamination) quantile of the airport's
//!   scores, linearly interpolated. The second condition is what keeps an airport of few flights,
//!   whose means scatter widely, from being flagged every week.
//!
//! Where a MAD is zero, as with over half equal values, the score is |x − M| / (1.2533 · mean
//! |x − M|), with the plain median for M: Iglewicz and Hoaglin's own way out.
//!
//! augurs weighs by a beta distribution, for which it asks the system's logarithm: the last digits
//! of a score can differ from platform to platform.

use augurs_outlier::{MADDetector, OutlierDetector};

use crate::{Model, Panel, Settings, Verdict, airport, stats};

/// The double median absolute deviation of each airport's mean delay.
pub const MODEL: Model = Model {
    name: "mad",
    short: "mad",
    judge,
};

/// The fewest days of an airport that have a spread worth the name.
const MIN_DAYS: usize = 10;
/// The score above which a value is unusual.
const THRESHOLD: f64 = 3.5;
/// The mean absolute deviation of a normal distribution, √(2/π), is 1/1.2533 of its standard one.
const MEAN_DEVIATION: f64 = 1.2533;
/// A deviation below this share of the median is rounding: augurs' weighted median of equal values
/// can differ from them in the last bit.
const ROUNDING: f64 = 1e-9;

/// Scores and flags every row with a mean. An airport with fewer than ten of them gets neither; one
/// whose values are all equal gets scores of 0.
pub fn judge(panel: &Panel, settings: &Settings) -> Verdict {
    airport::judge_each(panel, |means| {
        if means.len() < MIN_DAYS {
            return None;
        }
        let means: Vec<f64> = means.iter().map(|mean| stats::minutes(*mean)).collect();
        let scores = scores(&means);
        let rare = stats::above_quantile(&scores, settings.contamination);
        let unusual = |(score, rare): (&f64, bool)| rare && *score > THRESHOLD;
        let flags = scores.iter().zip(rare).map(unusual).collect();
        Some((scores, flags))
    })
}

/// The score of each of an airport's values.
fn scores(values: &[f64]) -> Vec<f64> {
    let median = stats::median(&mut values.to_vec());
    double_mad(values, median).unwrap_or_else(|| mean_deviations(values, median))
}

/// augurs' scores, or `None` where a side's deviation is zero, or no more than rounding.
fn double_mad(values: &[f64], median: f64) -> Option<Vec<f64>> {
    let detector = MADDetector::with_threshold(THRESHOLD);
    let data = detector.preprocess(&[values]).ok()?;
    let found = detector.detect(&data).ok()?;
    let band = found.cluster_band?;
    let (low, high) = (*band.min.first()?, *band.max.first()?);
    let least = ROUNDING * (1.0 + median.abs());
    let scores = found.series_results.into_iter().next()?.scores;
    let sound =
        median - low > least && high - median > least && scores.iter().all(|s| s.is_finite());
    sound.then_some(scores)
}

/// |x − M| / (1.2533 · mean |x − M|); 0 where all values are equal.
fn mean_deviations(values: &[f64], median: f64) -> Vec<f64> {
    let deviations = values.iter().map(|x| (x - median).abs());
    let unit = MEAN_DEVIATION * deviations.clone().sum::<f64>() / values.len() as f64;
    deviations
        .map(|d| if unit > 0.0 { d / unit } else { 0.0 })
        .collect()
}
