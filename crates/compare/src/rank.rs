//! Ranks of scores, and what is computed from them.

/// The rank of each score from 0, the least, ties sharing their mean rank; `None` is below all.
pub(crate) fn ranks(scores: &[Option<f64>]) -> Vec<f64> {
    let value = |row: &usize| scores[*row].unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; scores.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| value(a) == value(b)) {
        let rank = first as f64 + (tied.len() - 1) as f64 / 2.0;
        for row in tied {
            ranks[*row] = rank;
        }
        first += tied.len();
    }
    ranks
}

/// Spearman's rank correlation, Pearson's of the [`ranks`]; NaN when one of the two is constant.
pub(crate) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |x: &[f64], mx: f64, y: &[f64], my: f64| {
        let products = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my));
        products.sum::<f64>()
    };
    sum(a, ma, b, mb) / (sum(a, ma, a, ma) * sum(b, mb, b, mb)).sqrt()
}

/// The area under the precision-recall curve, as the average precision Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the
/// distinct scores from the highest on, where Pᵢ and Rᵢ are precision and recall of all rows that
/// score at least as high (`sklearn.metrics.average_precision_score`). `None` scores lowest. NaN when
/// no row is labelled.
pub(crate) fn average_precision(scores: &[Option<f64>], labels: &[bool]) -> f64 {
    let value = |row: &usize| scores[*row].unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let (mut seen, mut found, mut area) = (0, 0, 0.0);
    for tied in order.chunk_by(|a, b| value(a) == value(b)) {
        let hits = tied.iter().filter(|row| labels[**row]).count();
        seen += tied.len();
        found += hits;
        area += hits as f64 / positives * (found as f64 / seen as f64);
    }
    if positives == 0.0 { f64::NAN } else { area }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_rank_and_none_is_least() {
        let ranks = ranks(&[Some(2.0), None, Some(5.0), Some(2.0)]);
        assert_eq!(ranks, [1.5, 0.0, 3.0, 1.5]);
    }

    #[test]
    fn correlation_of_equal_and_of_opposite_order() {
        let up = [0.0, 1.0, 2.0, 3.0];
        let down = [3.0, 2.0, 1.0, 0.0];
        assert!((correlation(&up, &up) - 1.0).abs() < 1e-12);
        assert!((correlation(&up, &down) + 1.0).abs() < 1e-12);
        assert!(correlation(&up, &[1.0; 4]).is_nan());
    }

    /// Expected values: `average_precision_score` of scikit-learn 1.7.2, to 1e-12.
    #[test]
    fn average_precision_equals_that_of_scikit_learn() {
        let labels = [false, false, true, true];
        let near = |scores: [f64; 4], wanted: f64| {
            let area = average_precision(&scores.map(Some), &labels);
            assert!((area - wanted).abs() < 1e-12, "{area} {wanted}");
        };
        near([0.1, 0.4, 0.35, 0.8], 0.833_333_333_333_333_3);
        near([0.5, 0.5, 0.5, 0.8], 0.75);
        near([0.5; 4], 0.5);
        let without = [None, Some(0.4), None, Some(0.8)];
        assert_eq!(average_precision(&without, &labels), 0.75);
        assert!(average_precision(&[Some(1.0)], &[false]).is_nan());
    }
}
