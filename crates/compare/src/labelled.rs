//! How well each model finds the labelled days.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use outliers::Settings;

use crate::judged::{Judged, by_every_model};
use crate::panel::{self, Labelled};
use crate::rank::average_precision;
use crate::table;

/// A table for each panel, a row a model: PR-AUC of the scores pooled over all airports; precision,
/// recall and recall by kind of the flags; the share of rows flagged; seconds.
pub(crate) fn tables(panels: &[PathBuf], settings: &Settings) -> Result<String> {
    let mut text = String::new();
    for path in panels {
        let panel = panel::read(path)?;
        let counted = panel.counts.iter().filter(|c| **c).count();
        let labelled = rows(&panel).filter(|row| panel.label[*row]).count();
        if !text.is_empty() {
            text.push('\n');
        }
        writeln!(
            text,
            "{}: {} airports, {counted} days, {labelled} of them anomalous\n",
            path.display(),
            panel.days.airports.len(),
        )?;
        let kinds: BTreeSet<&str> = rows(&panel)
            .filter(|row| panel.label[*row])
            .map(|row| panel.kind[row].as_str())
            .collect();
        let mut head = ["model", "PR-AUC", "precision", "recall", "flagged"]
            .map(String::from)
            .to_vec();
        head.extend(kinds.iter().map(|kind| format!("recall {kind}")));
        head.push("seconds".into());
        let mut table = table(head, 1);
        for judged in by_every_model(&panel.days, settings) {
            table.add_row(line(&panel, &kinds, &judged));
        }
        writeln!(text, "{table}")?;
    }
    Ok(text)
}

/// The rows that count.
fn rows(panel: &Labelled) -> impl Iterator<Item = usize> {
    (0..panel.label.len()).filter(|row| panel.counts[*row])
}

fn line(panel: &Labelled, kinds: &BTreeSet<&str>, judged: &Judged) -> Vec<String> {
    let Judged {
        model,
        verdict,
        seconds,
    } = judged;
    let scores: Vec<_> = rows(panel).map(|row| verdict.score[row]).collect();
    let labels: Vec<_> = rows(panel).map(|row| panel.label[row]).collect();
    let count = |of: &dyn Fn(usize) -> bool| rows(panel).filter(|row| of(*row)).count();
    let recall = |of: &dyn Fn(usize) -> bool| {
        let hits = count(&|row| of(row) && verdict.flag[row]);
        share(hits, count(of))
    };
    let flagged = count(&|row| verdict.flag[row]);
    let hits = count(&|row| verdict.flag[row] && panel.label[row]);
    let mut cells = vec![
        model.name.into(),
        number(average_precision(&scores, &labels)),
        share(hits, flagged),
        recall(&|row| panel.label[row]),
        format!("{:.2} %", 100.0 * flagged as f64 / labels.len() as f64),
    ];
    cells.extend(
        kinds
            .iter()
            .map(|kind| recall(&|row| panel.label[row] && panel.kind[row] == *kind)),
    );
    cells.push(format!("{seconds:.3}"));
    cells
}

fn share(part: usize, whole: usize) -> String {
    number(part as f64 / whole as f64)
}

/// A dash for a part of nothing.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".into();
    }
    format!("{value:.3}")
}
