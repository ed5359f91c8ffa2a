//! The tool that sets the models side by side.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use e2e::bronze::Bronze;
use e2e::parquet_file::replace;
use e2e::place::Place;
use e2e::worker::{Finished, Worker};
use parquet::arrow::ArrowWriter;

const AIRPORTS: i32 = 12;
const DAYS: i32 = 60;

/// Twelve airports, sixty days each, the last day first. One day in 131 is an hour late and
/// labelled so; one in 97 is too weak to be either.
fn write_panel(path: &Path) {
    let rows: Vec<(i32, i32)> = (0..AIRPORTS)
        .flat_map(|airport| (0..DAYS).rev().map(move |day| (airport, day)))
        .collect();
    let kind = |(airport, day): (i32, i32)| match airport * DAYS + day {
        n if n % 131 == 7 => "spike",
        n if n % 97 == 11 => "weak",
        _ => "",
    };
    let mean = |row: (i32, i32)| {
        let noise = f64::from((row.0 * 7919 + row.1 * 104_729) % 1009) / 100.0;
        noise + if kind(row) == "spike" { 60.0 } else { 0.0 }
    };
    let column = |name, column: ArrayRef| (name, column);
    let batch = RecordBatch::try_from_iter([
        column(
            "origin",
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|(a, _)| format!("A{a:02}")),
            )),
        ),
        column(
            "fl_date",
            Arc::new(Date32Array::from_iter_values(
                rows.iter().map(|(_, day)| 15_706 + day),
            )),
        ),
        column(
            "mean_dep_delay",
            Arc::new(Float64Array::from_iter_values(
                rows.iter().map(|r| mean(*r)),
            )),
        ),
        column(
            "flights",
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| 40))),
        ),
        column(
            "label",
            Arc::new(Int32Array::from_iter_values(
                rows.iter().map(|r| i32::from(kind(*r) == "spike")),
            )),
        ),
        column(
            "kind",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| kind(*r)))),
        ),
    ])
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn compare(dir: &Path, args: &str) -> Finished {
    let finished = Worker::new("compare").args(args).inside(dir).run();
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    finished
}

fn table(dir: &Path, args: &str) -> String {
    let finished = compare(dir, args);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    finished.stdout
}

/// The cells of a table, row by row, without its head.
fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn a_labelled_panel() {
    let dir = tempfile::tempdir().unwrap();
    write_panel(&dir.path().join("panel.parquet"));
    let text = table(dir.path(), "labelled panel.parquet");
    assert!(
        text.starts_with("panel.parquet: 12 airports, 712 days, 6 of them anomalous\n"),
        "{text}"
    );
    let head = text.lines().nth(2).unwrap();
    let head: Vec<_> = head.trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(
        head,
        [
            "model",
            "PR-AUC",
            "precision",
            "recall",
            "flagged",
            "recall spike",
            "seconds"
        ]
    );
    let rows = cells(&text);
    let models: Vec<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(models, ["surprisal", "isolation-forest", "mad", "dbscan"]);
    for row in &rows {
        let area: f64 = row[1].parse().unwrap();
        assert!((0.0..=1.0).contains(&area), "{row:?}");
        assert_eq!(row[3], row[5], "one kind only: {row:?}");
        assert!(row[6].parse::<f64>().unwrap() >= 0.0, "{row:?}");
    }
    // An hour more than a day is ever late: whoever looks at the airport's means finds it.
    for row in &rows[..3] {
        assert_eq!(row[1], "1.000", "{text}");
    }
}

#[test]
fn two_panels_two_tables() {
    let dir = tempfile::tempdir().unwrap();
    write_panel(&dir.path().join("a.parquet"));
    write_panel(&dir.path().join("b.parquet"));
    let text = table(dir.path(), "labelled a.parquet b.parquet");
    assert_eq!(text.matches("PR-AUC").count(), 2, "{text}");
    assert!(text.contains("\nb.parquet: 12 airports"), "{text}");
}

#[test]
fn what_is_no_labelled_panel() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("panel.parquet");
    let error = |text: &str| {
        let finished = compare(dir.path(), "labelled panel.parquet");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""));
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        let wanted = format!("compare: error: {text}");
        assert!(finished.stderr.starts_with(&wanted), "{finished:?}");
    };
    error("cannot read panel.parquet: ");
    std::fs::write(&path, "origin,fl_date\n").unwrap();
    error("panel.parquet is no Parquet file: ");
    write_panel(&path);
    replace(&path, "label", None);
    error("panel.parquet: no labelled panel: it has no column label: see compare labelled --help");

    let rows = (AIRPORTS * DAYS) as usize;
    let ones = |rows| Arc::new(Int32Array::from_iter_values(std::iter::repeat_n(1, rows)));
    let texts = |rows| {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            "x", rows,
        )))
    };
    write_panel(&path);
    replace(&path, "flights", Some(texts(rows)));
    error("panel.parquet: no labelled panel: column flights is ");
    write_panel(&path);
    replace(&path, "fl_date", Some(ones(rows)));
    error(
        "panel.parquet: no labelled panel: A00 1970-01-02: there twice, or not sorted by origin and date",
    );
    write_panel(&path);
    let endless = std::iter::repeat_n(f64::INFINITY, rows);
    let endless = Arc::new(Float64Array::from_iter_values(endless));
    replace(&path, "mean_dep_delay", Some(endless));
    error("panel.parquet: no labelled panel: A00 2013-01-01: the mean is not a finite number");
    write_panel(&path);
    let negative = Int32Array::from_iter_values(std::iter::repeat_n(-1, rows));
    replace(&path, "flights", Some(Arc::new(negative)));
    error(
        "panel.parquet: no labelled panel: A00 2013-01-01: mean_dep_delay must be null exactly when flights is 0",
    );
}

#[test]
fn agreement_of_the_models() {
    let place = Place::after("aggregate", Bronze::ordinary(3000).text());
    let text = table(
        &place.path("."),
        "agreement data/2013_03_gold.parquet --days 3",
    );
    let pairs = text.lines().filter(|line| line.contains(", "));
    let pairs = pairs.filter(|line| line.starts_with('|'));
    assert_eq!(pairs.count(), 6, "four models: {text}");
    for part in ["airport-days", "Jaccard", "Spearman", "Disputed days"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let again = table(
        &place.path("."),
        "agreement data/2013_03_gold.parquet --days 3",
    );
    assert_eq!(again, text);
    let disputed = text.split("Disputed days").nth(1).unwrap();
    assert!(cells(disputed).len() <= 3, "{text}");
}

#[test]
fn wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        "",
        "labelled",
        "agreement",
        "labelled x --contamination 0.6",
        "labelled x --seed -1",
        "labelled x --days 3",
    ] {
        assert_eq!(compare(dir.path(), args).code, Some(2), "{args}");
    }
}

#[test]
fn help() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("compare_help", table(dir.path(), "--help"));
    insta::assert_snapshot!(
        "compare_labelled_help",
        table(dir.path(), "labelled --help")
    );
    insta::assert_snapshot!(
        "compare_agreement_help",
        table(dir.path(), "agreement --help")
    );
}
