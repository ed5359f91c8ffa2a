//! Order statistics that the models share. None of them depends on the order of its input.

/// A mean delay, at most a thousand years either way, so that no sum of a panel overflows.
pub(crate) fn minutes(mean: f64) -> f64 {
    mean.clamp(-1e9, 1e9)
}

/// The value below which a share of the values lies, linearly interpolated between neighbours as
/// numpy's `quantile` does; NaN for no values. Reorders the values.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = share * last as f64;
    let below = (position.floor() as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    let part = position.fract();
    // Two products, because the difference of two huge values overflows. Rounded, their sum may lie beyond either end:
    // of equal scores each would then be above their quantile.
    (low * (1.0 - part) + high * part).max(low).min(high)
}

/// The median; NaN for no values. Reorders the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// A robust standard deviation about a centre: 1.4826 · median |x − centre|, which is the standard
/// deviation of a normal distribution; NaN for no values.
pub(crate) fn robust_sd(values: &[f64], centre: f64) -> f64 {
    let mut deviations: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
    1.4826 * median(&mut deviations)
}

/// The least value at which the weights of all values up to it reach half of all weight; NaN for
/// no values. Each pair is a value and its weight. Reorders the pairs.
pub(crate) fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let reached = pairs.iter().find(|pair| {
        sum += pair.1;
        sum >= half
    });
    reached.map_or(f64::NAN, |pair| pair.0)
}

/// Whether each score is strictly above the (1 − contamination) quantile of all of them.
pub(crate) fn above_quantile(scores: &[f64], contamination: f64) -> Vec<bool> {
    let limit = quantile(&mut scores.to_vec(), 1.0 - contamination);
    scores.iter().map(|&score| score > limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let values = [5.0, 1.0, 4.0, 2.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 3.0), (0.9, 4.7), (1.0, 5.0)] {
            let found = quantile(&mut values.to_vec(), share);
            assert!((found - expected).abs() < 1e-12, "{share}: {found}");
        }
        assert!(median(&mut []).is_nan());
        assert_eq!(robust_sd(&values, 3.0), 1.4826 * 1.5);
    }

    #[test]
    fn a_weighted_median_has_half_the_weight_up_to_it() {
        assert_eq!(
            weighted_median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]),
            2.0
        );
        assert_eq!(
            weighted_median(&mut [(3.0, 5.0), (1.0, 1.0), (2.0, 1.0)]),
            3.0
        );
        assert!(weighted_median(&mut []).is_nan());
    }

    #[test]
    fn equal_scores_are_not_above_their_quantile() {
        for share in 1..1000 {
            let contamination = f64::from(share) / 1000.0;
            for score in [0.5, 29.649687221613387, 5e-324, f64::MAX] {
                assert_eq!(above_quantile(&[score; 56], contamination), [false; 56]);
            }
        }
        assert_eq!(above_quantile(&[1.0, 2.0, 3.0], 0.1), [false, false, true]);
    }
}
