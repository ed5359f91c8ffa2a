//! The isolation forest, as scikit-learn 1.2 computes it, for one column of values per airport.
//!
//! F. T. Liu, K. M. Ting, Z.-H. Zhou: Isolation Forest, ICDM 2008; the details follow
//! `sklearn/ensemble/_iforest.py` and `sklearn/tree/_splitter.pyx` (`RandomSplitter`). A tree cuts
//! its sample at random values until each value stands alone; a value that few cuts isolate is
//! unusual. With n values of an airport:
//!
//! - a tree gets m = min(256, n) of them, without replacement;
//! - a node is cut at a uniform value t in [min, max) of its sample, values ≤ t go left; it is a
//!   leaf when it holds one value, or equal ones, or lies at depth ⌈log2 max(m, 2)⌉;
//! - the path of a value is the depth of its leaf plus c(sample size of the leaf), where c is
//!   `average_path`;
//! - score = 2^(−mean path over the trees / c(m)), within (0, 1], the negative of `score_samples`;
//! - a value is flagged when its score is strictly above the (1 − contamination) quantile of the n
//!   scores, linearly interpolated.
//!
//! Every airport is fitted alone on its values in ascending order and begins the same random
//! stream (scikit-learn with an integer `random_state` does so too). Its verdict hence depends on
//! its values, the contamination and the seed: not on their order, other airports, or threads.
//!
//! One column allows a short cut. Values and sample are sorted once, a node is a range of each, and
//! one walk through a tree finds the path of all n values; no tree is ever stored.

use std::ops::Range;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::{Model, Panel, Settings, Verdict, airport};

/// The isolation forest on the mean delay of each airport.
pub const MODEL: Model = Model {
    name: "isolation-forest",
    short: "if",
    judge,
};

/// Trees in a forest (scikit-learn's default).
const TREES: usize = 100;
/// The most values that a tree gets (scikit-learn's default, from the paper).
const MAX_SAMPLE: usize = 256;
/// The fewest days of an airport that can differ in their scores: two values always tie.
const MIN_DAYS: usize = 3;
/// Values nearer than this count as equal (`FEATURE_THRESHOLD` in `_splitter.pyx`).
const EQUAL_WITHIN: f32 = 1e-7;
/// Euler's constant γ, to the digits of an f64.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Scores and flags every row with a mean. An airport with fewer than three of them gets neither;
/// one whose values are all equal gets equal scores and no flag.
pub fn judge(panel: &Panel, settings: &Settings) -> Verdict {
    airport::judge_each(panel, |means| judge_airport(means, settings))
}

/// The scores and flags of one airport, or `None` for fewer than [`MIN_DAYS`] values.
fn judge_airport(means: &[f64], settings: &Settings) -> Option<(Vec<f64>, Vec<bool>)> {
    if means.len() < MIN_DAYS {
        return None;
    }
    // scikit-learn's trees see 32-bit values. The clamp keeps a huge mean finite.
    let value = |row: usize| (means[row] as f32).clamp(f32::MIN, f32::MAX);
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let sorted: Vec<f32> = order.iter().map(|&row| value(row)).collect();

    let mut scores = vec![0.0; means.len()];
    for (&row, score) in order.iter().zip(sorted_scores(&sorted, settings.seed)) {
        scores[row] = score;
    }
    let flags = flags(&scores, settings.contamination);
    Some((scores, flags))
}

/// The score of each of at least two values, which are in ascending order.
fn sorted_scores(values: &[f32], seed: u64) -> Vec<f64> {
    let size = values.len().min(MAX_SAMPLE);
    let mut walk = Walk {
        values,
        // ⌈log2 size⌉
        max_depth: size.next_power_of_two().trailing_zeros(),
        average_path: (0..=size).map(average_path).collect(),
        rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        sample: vec![0.0; size + 1],
        sampled_before: vec![0; values.len() + 1],
        path: vec![0.0; values.len()],
    };
    for _ in 0..TREES {
        walk.draw_sample(size);
        walk.node(0..values.len(), 0..size, 0);
    }
    let unit = TREES as f64 * walk.average_path[size];
    // libm, because the system's exp2 and log differ in the last bit from platform to platform.
    walk.path.iter().map(|p| libm::exp2(-p / unit)).collect()
}

/// c(n): the mean length of an unsuccessful search in a binary search tree of n values, which the
/// path through an isolation tree of n values has on average.
///
/// c(n) = 2 (ln(n − 1) + γ) − 2 (n − 1) / n for n > 2, c(2) = 1, c(1) = c(0) = 0
/// (equation 1 of the paper; `_average_path_length` in `_iforest.py`).
fn average_path(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * (libm::log(n - 1.0) + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// The walk through the trees of one forest.
struct Walk<'a> {
    /// All values of the airport, ascending.
    values: &'a [f32],
    max_depth: u32,
    /// c(0), c(1), …, c(m).
    average_path: Vec<f64>,
    rng: Xoshiro256PlusPlus,
    /// The m values that the tree gets, ascending, and one place to spare.
    sample: Vec<f32>,
    /// How many of the first 0, 1, …, n values are in the sample.
    sampled_before: Vec<usize>,
    /// The sum, over the trees so far, of each value's path.
    path: Vec<f64>,
}

impl Walk<'_> {
    /// Draws `size` of the values without replacement, in order: selection sampling (Knuth, The Art
    /// of Computer Programming, volume 2, section 3.4.2, algorithm S).
    fn draw_sample(&mut self, size: usize) {
        let n = self.values.len();
        let mut taken = 0;
        for (i, &value) in self.values.iter().enumerate() {
            // Without a branch: a value that is not taken is overwritten by the next one.
            self.sample[taken] = value;
            taken += usize::from(uniform(&mut self.rng) * ((n - i) as f64) < (size - taken) as f64);
            self.sampled_before[i + 1] = taken;
        }
    }

    /// Adds to the path of each value of a node (a range of the values, and the range of the sample
    /// that lies within) what it takes to reach its leaf.
    fn node(&mut self, values: Range<usize>, sample: Range<usize>, depth: u32) {
        if sample.len() > 1 && depth < self.max_depth {
            let (min, max) = (self.sample[sample.start], self.sample[sample.end - 1]);
            if max > min + EQUAL_WITHIN {
                let cut = cut(min, max, uniform(&mut self.rng));
                let inside = &self.values[values.clone()];
                let at = values.start + inside.partition_point(|&v| f64::from(v) <= cut);
                let sample_at = self.sampled_before[at];
                self.node(values.start..at, sample.start..sample_at, depth + 1);
                self.node(at..values.end, sample_at..sample.end, depth + 1);
                return;
            }
        }
        let path = f64::from(depth) + self.average_path[sample.len()];
        for sum in &mut self.path[values] {
            *sum += path;
        }
    }
}

/// The value at `share` of the way from `min` to `max`, always below `max` so that both sides of
/// the cut keep a value.
fn cut(min: f32, max: f32, share: f64) -> f64 {
    let (min, max) = (f64::from(min), f64::from(max));
    let cut = (max - min) * share + min;
    if cut < max { cut } else { min }
}

/// A uniform number in [0, 1), of 53 random bits.
fn uniform(rng: &mut Xoshiro256PlusPlus) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Whether each score is strictly above the (1 − contamination) quantile of all of them.
fn flags(scores: &[f64], contamination: f64) -> Vec<bool> {
    // The contamination quantile of the negated scores, in the very arithmetic of numpy's
    // percentile, so that ties and thresholds fall as they do in scikit-learn.
    let mut ascending: Vec<f64> = scores.iter().map(|score| -score).collect();
    ascending.sort_by(f64::total_cmp);
    let position = 100.0 * contamination / 100.0 * (ascending.len() - 1) as f64;
    let (below, share) = (position.floor() as usize, position.fract());
    let low = ascending[below];
    let high = ascending[(below + 1).min(ascending.len() - 1)];
    let offset = if share < 0.5 {
        low + (high - low) * share
    } else {
        high - (high - low) * (1.0 - share)
    };
    scores.iter().map(|score| -score < offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_paths_are_scikit_learns() {
        // _average_path_length of scikit-learn 1.2.0, numpy 1.23.5; to 1e-12.
        for (n, expected) in [
            (0, 0.0),
            (1, 0.0),
            (2, 1.0),
            (3, 1.207392357589623),
            (5, 2.327020052042847),
            (256, 10.244770920119917),
            (999, 12.967939884427995),
        ] {
            let found = average_path(n);
            assert!((found - expected).abs() < 1e-12, "c({n}) = {found}");
        }
    }

    #[test]
    fn a_sample_is_sorted_complete_and_without_repeats() {
        let values: Vec<f32> = (0..365).map(|i| i as f32).collect();
        let mut walk = Walk {
            values: &values,
            max_depth: 0,
            average_path: vec![],
            rng: Xoshiro256PlusPlus::seed_from_u64(1),
            sample: vec![0.0; MAX_SAMPLE + 1],
            sampled_before: vec![0; values.len() + 1],
            path: vec![],
        };
        let mut drawn = vec![0; values.len()];
        for _ in 0..2_000 {
            walk.draw_sample(MAX_SAMPLE);
            assert!(walk.sample[..MAX_SAMPLE].is_sorted_by(|a, b| a < b));
            for (i, pair) in walk.sampled_before.windows(2).enumerate() {
                drawn[i] += pair[1] - pair[0];
            }
            assert_eq!(walk.sampled_before[values.len()], MAX_SAMPLE);
        }
        // Each value is in 256/365 of the samples: 1403 of 2000, standard deviation 20.5.
        for (i, &times) in drawn.iter().enumerate() {
            assert!((1_300..1_506).contains(&times), "value {i}: {times}");
        }
    }

    #[test]
    fn a_cut_leaves_a_value_on_both_sides() {
        let next = 1.0 + f32::EPSILON;
        for share in [0.0, 0.5, 1.0 - f64::EPSILON, 1.0] {
            for (min, max) in [(1.0, next), (-1.133e3, 2e3), (f32::MIN, f32::MAX)] {
                let cut = cut(min, max, share);
                assert!(f64::from(min) <= cut && cut < f64::from(max));
            }
        }
    }

    #[test]
    fn flags_are_strictly_beyond_the_interpolated_quantile() {
        let scores = [0.5, 0.4, 0.7, 0.6, 0.3];
        // Positions 0.4, 1 and 2 of 0..=4: the quantile at a score itself does not flag it.
        assert_eq!(flags(&scores, 0.1), [false, false, true, false, false]);
        assert_eq!(flags(&scores, 0.25), [false, false, true, false, false]);
        assert_eq!(flags(&scores, 0.5), [false, false, true, true, false]);
        assert_eq!(flags(&[0.5; 4], 0.3), [false; 4]);
        assert_eq!(flags(&[0.7, 0.7, 0.2, 0.2], 0.1), [false; 4]);
    }
}
