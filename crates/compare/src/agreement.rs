//! How far the models agree where nobody knows the truth.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use flights::{Days, gold, name};
use outliers::{MODELS, Settings};

use crate::judged::{Judged, by_every_model};
use crate::rank::{correlation, ranks};
use crate::table;

/// One airport's day as every model sees it, in the order of `MODELS`.
struct Seen {
    origin: String,
    day: i32,
    mean: f64,
    flights: u32,
    scheduled: u32,
    /// Where it is known.
    cancelled: Option<u32>,
    /// Whether each model flags it.
    flags: Vec<bool>,
    /// Its place in each model's order of the year, in percent: 100 is the most anomalous.
    places: Vec<f64>,
}

impl Seen {
    /// How far the models are apart: −ln of the share of days at least as anomalous, the largest
    /// less the least. A day is in the top thousandth of one model and in the middle of another:
    /// ln 500; 51 % and 49 %: nearly 0.
    fn disagreement(&self) -> f64 {
        let rarity = |place: &f64| -(1.0 - place / 100.0).ln();
        let rarities = self.places.iter().map(rarity);
        let (least, most) = rarities.fold((f64::INFINITY, 0f64), |(least, most), r| {
            (least.min(r), most.max(r))
        });
        most - least
    }

    fn disputed(&self) -> bool {
        self.flags.contains(&true) && self.flags.contains(&false)
    }
}

/// Three tables over all years: each model's flags; each pair of models; and the days, at most
/// `days`, that some models flag and others find ordinary.
pub(crate) fn tables(years: &[PathBuf], days: usize, settings: &Settings) -> Result<String> {
    let mut seen: Vec<Seen> = vec![];
    for path in years {
        seen.extend(see(path, settings)?);
    }
    let mut text = String::new();
    writeln!(text, "{} airport-days\n", seen.len())?;
    writeln!(text, "{}\n", flagged(&seen))?;
    writeln!(text, "{}\n", pairs(&seen))?;
    writeln!(
        text,
        "Disputed days, the most disputed first: each model's place of the day in its year, in percent \
         (100: the most anomalous), * flagged\n\n{}",
        disputed(seen, days)
    )?;
    Ok(text)
}

fn see(path: &Path, settings: &Settings) -> Result<Vec<Seen>> {
    let (gold, _) = gold::read(path)?;
    let days = Days::of(&gold).with_context(|| format!("cannot use {}", path.display()))?;
    let judged = by_every_model(&days, settings);
    let rows = days.day.len() as f64;
    let places: Vec<Vec<f64>> = judged
        .iter()
        .map(|Judged { verdict, .. }| {
            let ranks = ranks(&verdict.score);
            ranks.iter().map(|r| 100.0 * (r + 0.5) / rows).collect()
        })
        .collect();
    let origin = gold.column(name::ORIGIN)?.str()?;
    let seen = |(row, origin): (usize, Option<&str>)| Seen {
        origin: origin.unwrap_or_default().into(),
        day: days.day[row],
        mean: days.mean[row],
        flights: days.flights[row],
        scheduled: days.scheduled[row],
        cancelled: days.cancelled.as_ref().map(|cancelled| cancelled[row]),
        flags: judged.iter().map(|j| j.verdict.flag[row]).collect(),
        places: places.iter().map(|of_model| of_model[row]).collect(),
    };
    Ok(origin.iter().enumerate().map(seen).collect())
}

fn flagged(seen: &[Seen]) -> comfy_table::Table {
    let mut table = table(["model", "flagged", "share"].map(String::from).to_vec(), 1);
    for (m, model) in MODELS.iter().enumerate() {
        let flagged = seen.iter().filter(|s| s.flags[m]).count();
        table.add_row([
            model.name.to_owned(),
            flagged.to_string(),
            format!("{:.2} %", 100.0 * flagged as f64 / seen.len() as f64),
        ]);
    }
    table
}

fn pairs(seen: &[Seen]) -> comfy_table::Table {
    let head = [
        "models",
        "both flag",
        "only the first",
        "only the second",
        "Jaccard",
        "Spearman",
    ];
    let mut table = table(head.map(String::from).to_vec(), 1);
    for (a, first) in MODELS.iter().enumerate() {
        for (b, second) in MODELS.iter().enumerate().skip(a + 1) {
            let count = |x, y| {
                let same = |s: &&Seen| s.flags[a] == x && s.flags[b] == y;
                seen.iter().filter(same).count()
            };
            let (both, one, other) = (count(true, true), count(true, false), count(false, true));
            let places = |m: usize| -> Vec<f64> { seen.iter().map(|s| s.places[m]).collect() };
            table.add_row([
                format!("{}, {}", first.name, second.name),
                both.to_string(),
                one.to_string(),
                other.to_string(),
                format!("{:.3}", both as f64 / (both + one + other).max(1) as f64),
                format!("{:.3}", correlation(&places(a), &places(b))),
            ]);
        }
    }
    table
}

fn disputed(seen: Vec<Seen>, days: usize) -> comfy_table::Table {
    let mut disputed: Vec<Seen> = seen.into_iter().filter(Seen::disputed).collect();
    disputed.sort_by(|a, b| b.disagreement().total_cmp(&a.disagreement()));
    let mut head = ["origin", "day", "mean min", "flights", "cancelled"]
        .map(String::from)
        .to_vec();
    head.extend(MODELS.iter().map(|model| model.name.to_owned()));
    let mut table = table(head, 2);
    for s in disputed.into_iter().take(days) {
        let date = NaiveDate::from_epoch_days(s.day).map(|date| date.to_string());
        let mean = if s.mean.is_nan() {
            "–".into()
        } else {
            format!("{:.0}", s.mean)
        };
        let mut cells = vec![
            s.origin,
            date.unwrap_or_default(),
            mean,
            s.flights.to_string(),
            match s.cancelled {
                Some(cancelled) => format!("{cancelled} of {}", s.scheduled),
                None => format!("? of {}", s.scheduled),
            },
        ];
        let places = s.places.iter().zip(&s.flags);
        cells.extend(places.map(|(p, flag)| format!("{p:.1}{}", if *flag { " *" } else { "  " })));
        table.add_row(cells);
    }
    table
}
