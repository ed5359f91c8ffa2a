//! A verdict in words.

use outliers::{Evidence, Explanation, Panel};

/// Why a flagged row is flagged, the strongest evidence first.
pub(crate) fn flagged(panel: &Panel, explanation: &Explanation, row: usize) -> String {
    let evidence = &explanation.evidence[row];
    let words = evidence
        .iter()
        .map(|evidence| words(*evidence, panel, explanation, row));
    words.collect::<Vec<_>>().join("; ")
}

fn words(evidence: Evidence, panel: &Panel, explanation: &Explanation, row: usize) -> String {
    match evidence {
        Evidence::Cancelled => cancelled(panel, row),
        Evidence::FewFlights { usual } => {
            format!(
                "only {}, usually {usual}",
                counted(panel.flights[row], "flight")
            )
        }
        Evidence::Apart => "later than other airports explain".into(),
        Evidence::Late | Evidence::Early => {
            let mean = panel.mean[row];
            let flights = counted(panel.flights[row], "flight");
            let [lower, expected, upper] = [
                &explanation.lower,
                &explanation.expected,
                &explanation.upper,
            ]
            .map(|of_row| of_row[row].unwrap_or(f64::NAN));
            let [least, usual, most] = [lower, expected, upper].map(minutes);
            let mean = minutes(mean);
            // Not unusual alone, but with what else speaks for the flag; or nearly so.
            if least <= mean && mean <= most {
                format!("mean {mean} min where {usual} was expected, {flights}")
            } else {
                format!("mean {mean} min, expected {least} to {most}, {flights}")
            }
        }
        Evidence::Run { late, day } => {
            let what = if late { "late" } else { "early" };
            format!("{} day of a run of {what} days", ordinal(day))
        }
        Evidence::Peers { late, of } => {
            format!("late at {late} of {} too", counted(of, "other airport"))
        }
    }
}

/// Why a row has no score; `days` is the number of days of its airport with a flight.
pub(crate) fn unscored(panel: &Panel, days: usize, row: usize) -> String {
    if panel.mean[row].is_nan() && panel.cancelled.is_some() {
        return format!("no flight flew: {}", cancelled(panel, row));
    }
    let days = counted(days as u32, "day");
    format!("only {days} with flights: too few to judge")
}

fn cancelled(panel: &Panel, row: usize) -> String {
    let cancelled = panel.cancelled.map_or(0, |cancelled| cancelled[row]);
    let scheduled = counted(panel.scheduled[row], "flight");
    format!("{cancelled} of {scheduled} cancelled")
}

/// A number of things, such as `1 flight` and `2 flights`.
pub(crate) fn counted(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn ordinal(n: u32) -> String {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    let word = (n as usize).checked_sub(1).and_then(|at| WORDS.get(at));
    let end = match (n / 10 % 10, n % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    word.map_or_else(|| format!("{n}{end}"), ToString::to_string)
}

/// Minutes as they are told: whole, and never -0.
fn minutes(value: f64) -> f64 {
    value.round() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        let words = [1, 10, 11, 13, 20, 21, 22, 23, 101, 111].map(ordinal);
        let wanted = [
            "first", "tenth", "11th", "13th", "20th", "21st", "22nd", "23rd", "101st", "111th",
        ];
        assert_eq!(words, wanted);
    }

    #[test]
    fn every_evidence_has_its_words() {
        let panel = Panel {
            airports: &[0..2, 2..3],
            day: &[0, 1, 0],
            mean: &[154.2, f64::NAN, 7.0],
            flights: &[67, 0, 1],
            scheduled: &[80, 47, 1],
            cancelled: Some(&[12, 47, 0]),
        };
        let explanation = Explanation {
            expected: vec![Some(17.0), None, Some(2.0)],
            lower: vec![Some(-3.6), None, Some(-9.0)],
            upper: vec![Some(31.2), None, Some(20.0)],
            basis: vec![None; 3],
            evidence: vec![
                vec![
                    Evidence::Late,
                    Evidence::Run { late: true, day: 6 },
                    Evidence::Peers { late: 12, of: 40 },
                ],
                vec![Evidence::Cancelled],
                vec![
                    Evidence::Late,
                    Evidence::Apart,
                    Evidence::FewFlights { usual: 9 },
                    Evidence::Run {
                        late: false,
                        day: 14,
                    },
                    Evidence::Peers { late: 1, of: 1 },
                ],
            ],
        };
        let words = |row| flagged(&panel, &explanation, row);
        assert_eq!(
            words(0),
            "mean 154 min, expected -4 to 31, 67 flights; sixth day of a run of late days; \
             late at 12 of 40 other airports too"
        );
        assert_eq!(words(1), "47 of 47 flights cancelled");
        assert_eq!(
            words(2),
            "mean 7 min where 2 was expected, 1 flight; later than other airports explain; \
             only 1 flight, usually 9; 14th day of a run of early days; \
             late at 1 of 1 other airport too"
        );
        assert_eq!(
            unscored(&panel, 1, 1),
            "no flight flew: 47 of 47 flights cancelled"
        );
        assert_eq!(
            unscored(&panel, 1, 2),
            "only 1 day with flights: too few to judge"
        );
    }
}
