//! What was to be expected of a day, and the verdict in words.

use outliers::{Panel, Verdict};

/// For each row of a panel: what was to be expected, and why it is flagged.
pub(crate) struct Expected {
    /// The median of the airport's means, minutes.
    pub(crate) middle: Vec<Option<f64>>,
    /// The least mean among the airport's days that are not flagged, minutes.
    pub(crate) lower: Vec<Option<f64>>,
    /// The largest of them, minutes.
    pub(crate) upper: Vec<Option<f64>>,
    /// For a flagged day and for one without a score.
    pub(crate) reason: Vec<Option<String>>,
}

impl Expected {
    pub(crate) fn of(panel: &Panel, verdict: &Verdict) -> Self {
        let rows = panel.mean.len();
        let mut expected = Expected {
            middle: vec![None; rows],
            lower: vec![None; rows],
            upper: vec![None; rows],
            reason: vec![None; rows],
        };
        for airport in panel.airports {
            let (flown, closed): (Vec<_>, Vec<_>) =
                airport.clone().partition(|row| panel.flights[*row] > 0);
            for row in closed {
                expected.reason[row] = Some(no_flight_flew(panel, row));
            }
            if flown.iter().any(|row| verdict.score[*row].is_none()) {
                let days = flown.len();
                let reason = format!(
                    "only {} with flights: too few to judge",
                    counted(days, "day")
                );
                for row in flown {
                    expected.reason[row] = Some(reason.clone());
                }
                continue;
            }
            if flown.is_empty() {
                continue;
            }
            let mut means: Vec<_> = flown.iter().map(|row| panel.mean[*row]).collect();
            let usual = flown
                .iter()
                .copied()
                .filter(|row| !verdict.flag[*row])
                .map(|row| panel.mean[row]);
            let lower = usual.clone().fold(f64::INFINITY, f64::min);
            let upper = usual.fold(f64::NEG_INFINITY, f64::max);
            expected.middle[airport.clone()].fill(Some(median(&mut means)));
            expected.lower[airport.clone()].fill(Some(lower));
            expected.upper[airport.clone()].fill(Some(upper));
            for row in flown.into_iter().filter(|row| verdict.flag[*row]) {
                let mean = panel.mean[row];
                // A forest also flags a value that lies alone between others.
                let between = if lower <= mean && mean <= upper {
                    "alone between other days'"
                } else {
                    "on other days"
                };
                expected.reason[row] = Some(format!(
                    "mean {mean:.0} min, {between} {lower:.0} to {upper:.0}, {}",
                    counted(panel.flights[row] as usize, "flight"),
                ));
            }
        }
        expected
    }
}

fn no_flight_flew(panel: &Panel, row: usize) -> String {
    let scheduled = panel.scheduled[row];
    match panel.cancelled {
        Some(cancelled) => format!(
            "no flight flew: {} of {scheduled} cancelled",
            cancelled[row]
        ),
        None => format!("no flight flew of {scheduled}"),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn words_for_days_without_flights() {
        let nan = f64::NAN;
        let panel = Panel {
            airports: &[0..4, 4..6, 6..7],
            day: &[0, 1, 2, 3, 0, 1, 0],
            mean: &[4.0, nan, 6.0, 9.0, 7.0, nan, nan],
            flights: &[60, 0, 61, 62, 1, 0, 0],
            scheduled: &[60, 12, 61, 62, 1, 2, 1],
            cancelled: Some(&[0, 12, 0, 0, 0, 1, 1]),
        };
        let score = Some(0.4);
        let verdict = Verdict {
            score: vec![score, None, score, score, None, None, None],
            flag: vec![false; 7],
            explanation: None,
        };
        let expected = Expected::of(&panel, &verdict);
        let usual = [Some(6.0), Some(6.0), Some(6.0), Some(6.0), None, None, None];
        assert_eq!(expected.middle, usual);
        assert_eq!(
            (expected.lower[1], expected.upper[1]),
            (Some(4.0), Some(9.0))
        );
        let reasons: Vec<_> = expected.reason.iter().map(Option::as_deref).collect();
        let wanted = [
            None,
            Some("no flight flew: 12 of 12 cancelled"),
            None,
            None,
            Some("only 1 day with flights: too few to judge"),
            Some("no flight flew: 1 of 2 cancelled"),
            Some("no flight flew: 1 of 1 cancelled"),
        ];
        assert_eq!(reasons, wanted);
    }

    #[test]
    fn words_for_a_flagged_day_and_for_a_small_airport() {
        let panel = Panel {
            airports: &[0..4, 4..5],
            day: &[0, 1, 2, 3, 0],
            mean: &[4.0, 154.2, -2.6, 31.0, 7.0],
            flights: &[60, 67, 61, 62, 1],
            scheduled: &[60, 67, 61, 62, 1],
            cancelled: None,
        };
        let score = vec![Some(0.4), Some(0.9), Some(0.4), Some(0.5), None];
        let verdict = Verdict {
            score,
            flag: vec![false, true, false, false, false],
            explanation: None,
        };
        let expected = Expected::of(&panel, &verdict);
        assert_eq!(
            expected.middle,
            [Some(17.5), Some(17.5), Some(17.5), Some(17.5), None]
        );
        assert_eq!(expected.lower[1], Some(-2.6));
        assert_eq!(expected.upper[1], Some(31.0));
        assert_eq!(
            expected.reason[1].as_deref(),
            Some("mean 154 min, on other days -3 to 31, 67 flights")
        );
        assert_eq!(
            expected.reason[4].as_deref(),
            Some("only 1 day with flights: too few to judge")
        );
        assert_eq!(expected.reason[0], None);
    }
}
