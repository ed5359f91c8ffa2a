//! What was to be expected of a day, and why it is flagged.

use outliers::{Basis, Explanation, Panel, Verdict};

use crate::reason::{self, counted};

/// For each row of a panel: the expected mean, the reason in words, and the basis of the flag.
pub(crate) struct Expected {
    /// The mean that was to be expected, minutes.
    pub(crate) middle: Vec<Option<f64>>,
    /// The least mean that would not have been unusual, minutes.
    pub(crate) lower: Vec<Option<f64>>,
    /// The largest of them, minutes.
    pub(crate) upper: Vec<Option<f64>>,
    /// For a flagged day and for one without a score.
    pub(crate) reason: Vec<Option<String>>,
    /// The name of what a flag is based on, where the model can tell.
    pub(crate) basis: Vec<Option<&'static str>>,
}

impl Expected {
    pub(crate) fn of(panel: &Panel, verdict: &Verdict) -> Self {
        let mut expected = match &verdict.explanation {
            Some(explanation) => explained(panel, verdict, explanation),
            None => seen_on_other_days(panel, verdict),
        };
        for airport in panel.airports {
            let flown = |row: &usize| panel.flights[*row] > 0;
            let days = airport.clone().filter(flown).count();
            for row in airport.clone() {
                if verdict.score[row].is_none() {
                    expected.reason[row] = Some(reason::unscored(panel, days, row));
                }
            }
        }
        expected
    }

    fn nothing(rows: usize) -> Self {
        Expected {
            middle: vec![None; rows],
            lower: vec![None; rows],
            upper: vec![None; rows],
            reason: vec![None; rows],
            basis: vec![None; rows],
        }
    }
}

/// As the model tells it.
fn explained(panel: &Panel, verdict: &Verdict, explanation: &Explanation) -> Expected {
    let rows = panel.mean.len();
    let reason = |row: usize| verdict.flag[row].then(|| reason::flagged(panel, explanation, row));
    Expected {
        middle: explanation.expected.clone(),
        lower: explanation.lower.clone(),
        upper: explanation.upper.clone(),
        reason: (0..rows).map(reason).collect(),
        basis: explanation
            .basis
            .iter()
            .map(|basis| basis.map(Basis::name))
            .collect(),
    }
}

/// For a model that cannot tell: the median, the least and the largest mean of the airport's days
/// that are scored and not flagged.
fn seen_on_other_days(panel: &Panel, verdict: &Verdict) -> Expected {
    let mut expected = Expected::nothing(panel.mean.len());
    for airport in panel.airports {
        let scored: Vec<usize> = airport
            .clone()
            .filter(|row| verdict.score[*row].is_some())
            .collect();
        let means = |flagged: bool| -> Vec<f64> {
            let rows = scored.iter().filter(|row| !flagged || !verdict.flag[**row]);
            rows.map(|row| panel.mean[*row]).collect()
        };
        let (mut all, usual) = (means(false), means(true));
        let Some(middle) = median(&mut all) else {
            continue;
        };
        let lower = usual.iter().copied().fold(f64::INFINITY, f64::min);
        let upper = usual.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for row in scored {
            expected.middle[row] = Some(middle);
            expected.lower[row] = Some(lower);
            expected.upper[row] = Some(upper);
            if verdict.flag[row] {
                let mean = panel.mean[row];
                // A forest also flags a value that lies alone between others.
                let between = if lower <= mean && mean <= upper {
                    "alone between other days'"
                } else {
                    "on other days"
                };
                let flights = counted(panel.flights[row], "flight");
                expected.reason[row] = Some(format!(
                    "mean {mean:.0} min, {between} {lower:.0} to {upper:.0}, {flights}"
                ));
            }
        }
    }
    expected
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use outliers::Evidence;

    use super::*;

    #[test]
    fn words_for_a_day_that_is_alone_between_others() {
        let verdict = Verdict {
            score: vec![Some(0.4), Some(0.9), Some(0.4)],
            flag: vec![false, true, false],
            explanation: None,
        };
        let panel = Panel {
            airports: std::slice::from_ref(&(0..3)),
            day: &[0, 1, 2],
            mean: &[4.0, 100.0, 240.0],
            flights: &[2, 1, 2],
            scheduled: &[2, 1, 2],
            cancelled: None,
        };
        assert_eq!(
            Expected::of(&panel, &verdict).reason[1].as_deref(),
            Some("mean 100 min, alone between other days' 4 to 240, 1 flight")
        );
    }

    /// Four days of one airport, a closed one among them, and one day of another.
    const PANEL: Panel = Panel {
        airports: &[0..5, 5..6],
        day: &[0, 1, 2, 3, 4, 0],
        mean: &[4.0, 154.2, -2.6, 31.0, f64::NAN, 7.0],
        flights: &[60, 67, 61, 62, 0, 1],
        scheduled: &[60, 67, 61, 62, 58, 1],
        cancelled: Some(&[0, 0, 0, 0, 58, 0]),
    };

    #[test]
    fn without_an_explanation_other_days_tell() {
        let verdict = Verdict {
            score: vec![Some(0.4), Some(0.9), Some(0.4), Some(0.5), None, None],
            flag: vec![false, true, false, false, false, false],
            explanation: None,
        };
        let expected = Expected::of(&PANEL, &verdict);
        let middle = Some(17.5);
        assert_eq!(
            expected.middle,
            [middle, middle, middle, middle, None, None]
        );
        assert_eq!(expected.lower[1], Some(-2.6));
        assert_eq!(expected.upper[1], Some(31.0));
        assert_eq!(expected.basis, [None; 6]);
        let reasons: Vec<_> = expected.reason.iter().map(Option::as_deref).collect();
        assert_eq!(
            reasons,
            [
                None,
                Some("mean 154 min, on other days -3 to 31, 67 flights"),
                None,
                None,
                Some("no flight flew: 58 of 58 flights cancelled"),
                Some("only 1 day with flights: too few to judge")
            ]
        );
    }

    #[test]
    fn with_an_explanation_the_model_tells() {
        let mut evidence = vec![vec![]; 6];
        evidence[4] = vec![Evidence::Cancelled];
        let mut basis = vec![None; 6];
        basis[4] = Some(Basis::Cancellations);
        let explanation = Explanation {
            expected: vec![Some(6.0), Some(6.0), Some(6.0), Some(6.0), None, None],
            lower: vec![None; 6],
            upper: vec![Some(40.0); 6],
            basis,
            evidence,
        };
        let verdict = Verdict {
            score: vec![Some(0.0), Some(1.0), Some(0.0), Some(0.0), Some(9.0), None],
            flag: vec![false, false, false, false, true, false],
            explanation: Some(explanation.clone()),
        };
        let expected = Expected::of(&PANEL, &verdict);
        assert_eq!(expected.middle, explanation.expected);
        assert_eq!(expected.upper, explanation.upper);
        let reason = |row: usize| expected.reason[row].as_deref();
        assert_eq!(reason(1), None);
        assert_eq!(reason(4), Some("58 of 58 flights cancelled"));
        assert_eq!(expected.basis[4], Some("cancellations"));
        assert_eq!(reason(5), Some("only 1 day with flights: too few to judge"));
    }
}
