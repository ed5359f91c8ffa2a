//! The Parquet files as other readers see them, and files that no worker of ours has written.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Date32Array, Float32Array, Int32Array, StringArray};
use arrow_schema::DataType::{self, Date32, Float64, Int32, Utf8};
use e2e::bronze::Bronze;
use e2e::parquet_file::{batches, columns, replace};
use e2e::place::Place;
use e2e::worker::Worker;

const SILVER: &str = "data/2013_02_silver.parquet";
const GOLD: &str = "data/2013_03_gold.parquet";
const ANOMALIES: &str = "data/2013_04_anomalies.parquet";

fn place() -> Place {
    Place::after("detect", Bronze::ordinary(300).text())
}

/// Names and types; a wider kind of text is as good as the usual one.
fn found(place: &Place, file: &str) -> Vec<(String, DataType)> {
    let plain = |(name, of)| match of {
        DataType::LargeUtf8 | DataType::Utf8View => (name, Utf8),
        of => (name, of),
    };
    columns(&place.path(file)).into_iter().map(plain).collect()
}

fn wanted(columns: &[(&str, DataType)]) -> Vec<(String, DataType)> {
    columns
        .iter()
        .map(|(name, of)| ((*name).to_owned(), of.clone()))
        .collect()
}

#[test]
fn the_columns_of_silver() {
    let wanted = wanted(&[
        ("fl_date", Date32),
        ("op_carrier", Utf8),
        ("op_carrier_fl_num", Int32),
        ("origin", Utf8),
        ("dest", Utf8),
        ("crs_dep_time", Int32),
        ("dep_time", Float64),
        ("dep_delay", Float64),
        ("taxi_out", Float64),
        ("wheels_off", Float64),
        ("wheels_on", Float64),
        ("taxi_in", Float64),
        ("crs_arr_time", Int32),
        ("arr_time", Float64),
        ("arr_delay", Float64),
        ("cancelled", Float64),
        ("cancellation_code", Utf8),
        ("diverted", Float64),
        ("crs_elapsed_time", Float64),
        ("actual_elapsed_time", Float64),
        ("air_time", Float64),
        ("distance", Float64),
        ("carrier_delay", Float64),
        ("weather_delay", Float64),
        ("nas_delay", Float64),
        ("security_delay", Float64),
        ("late_aircraft_delay", Float64),
    ]);
    assert_eq!(found(&place(), SILVER), wanted);
}

#[test]
fn the_columns_of_gold() {
    let wanted = wanted(&[
        ("origin", Utf8),
        ("fl_date", Date32),
        ("mean_dep_delay", Float64),
        ("flights", Int32),
        ("scheduled", Int32),
        ("cancelled", Int32),
    ]);
    assert_eq!(found(&place(), GOLD), wanted);
}

#[test]
fn the_columns_of_anomalies() {
    let found = found(&place(), ANOMALIES);
    let first = wanted(&[
        ("id", Utf8),
        ("origin", Utf8),
        ("fl_date", Date32),
        ("mean_dep_delay", Float64),
        ("flights", Int32),
        ("scheduled", Int32),
        ("cancelled", Int32),
        ("anomaly_if", Int32),
        ("score_if", Float64),
    ]);
    let last = wanted(&[
        ("anomaly", Int32),
        ("score", Float64),
        ("expected_delay", Float64),
        ("lower_delay", Float64),
        ("upper_delay", Float64),
        ("reason", Utf8),
        ("flag_basis", Utf8),
    ]);
    assert_eq!(found[..9], first);
    assert_eq!(found[found.len() - 7..], last);
}

/// The worker that reads a file, and the file, its maker, and the worker's other outputs.
const READERS: [(&str, &str, &str); 3] = [
    ("aggregate", SILVER, "clean"),
    ("detect", GOLD, "aggregate"),
    ("load", ANOMALIES, "detect"),
];

/// `load` comes to the file before it looks for a server.
fn worker(place: &Place, name: &'static str) -> Worker {
    place
        .worker(name)
        .env("PGUSER", "nobody")
        .env("PGPORT", "1")
        .env("PGHOST", "127.0.0.1")
}

#[test]
fn a_file_that_is_missing() {
    for (name, file, maker) in READERS {
        let place = place();
        std::fs::remove_file(place.path(file)).unwrap();
        let error = place.refusal(worker(&place, name));
        assert_eq!(error, format!("no …/{file}: run {maker} --year 2013 first"));
    }
}

#[test]
fn a_damaged_file() {
    for (name, file, maker) in READERS {
        let whole = place().get(file);
        let mut scratched = whole.clone();
        // The pages of the first columns; the footer at the end stays right.
        scratched[4..whole.len() / 4].fill(0x5a);
        let damaged: [(&str, Vec<u8>); 4] = [
            ("empty", vec![]),
            ("text", b"origin,fl_date,mean_dep_delay\n".to_vec()),
            ("cut short", whole[..whole.len() - 100].to_vec()),
            ("scratched", scratched),
        ];
        for (how, bytes) in damaged {
            let place = place();
            place.put(file, bytes);
            let error = place.refusal(worker(&place, name));
            assert!(
                error.contains(&format!("…/{file} is damaged")),
                "{name}, {how}: {error}"
            );
            assert!(
                error.contains(&format!("run {maker} again")),
                "{name}, {how}: {error}"
            );
        }
    }
}

#[test]
fn a_file_without_a_column() {
    for (name, file, maker) in READERS {
        let place = place();
        replace(&place.path(file), "fl_date", None);
        let error = place.refusal(worker(&place, name));
        assert!(
            error.contains(&format!("…/{file}: no column fl_date: run {maker} again")),
            "{error}"
        );
    }
}

#[test]
fn gold_of_another_year() {
    let place = place();
    let days = &batches(&place.path(GOLD))[0];
    let days = days.column_by_name("fl_date").unwrap();
    let days = days.as_primitive::<Date32Type>();
    let later: Date32Array = days.unary(|day| day + 365);
    replace(&place.path(GOLD), "fl_date", Some(Arc::new(later)));
    let error = place.refusal(worker(&place, "detect"));
    let wanted = format!("…/{GOLD} has days of another year: run aggregate --year 2013 again");
    assert_eq!(error, wanted);
}

#[test]
fn gold_that_no_aggregate_writes() {
    let place = place();
    let rows = e2e::parquet_file::row_count(&place.path(GOLD)) as usize;
    let none = Int32Array::from(vec![0; rows]);
    replace(&place.path(GOLD), "scheduled", Some(Arc::new(none)));
    let error = place.refusal(worker(&place, "detect"));
    let told =
        ": more flights flown or cancelled than scheduled, or fewer than none: run aggregate again";
    assert!(error.ends_with(told), "{error}");
}

#[test]
fn a_column_of_another_type() {
    for (name, file, maker) in READERS {
        let place = place();
        let rows = e2e::parquet_file::row_count(&place.path(file)) as usize;
        let text = StringArray::from(vec!["2013-01-01"; rows]);
        replace(&place.path(file), "fl_date", Some(Arc::new(text)));
        let error = place.refusal(worker(&place, name));
        assert!(
            error.contains(&format!(
                "…/{file}: column fl_date is str, wanted date: run {maker} again"
            )),
            "{error}"
        );

        let column = if name == "aggregate" {
            "dep_delay"
        } else {
            "mean_dep_delay"
        };
        let place = self::place();
        let narrow = Float32Array::from(vec![1.0; rows]);
        replace(&place.path(file), column, Some(Arc::new(narrow)));
        let error = place.refusal(worker(&place, name));
        assert!(
            error.contains(&format!("column {column} is f32, wanted f64")),
            "{error}"
        );
    }
}

/// Files of the first version, which did not count cancelled flights: the worker that reads one says
/// which to run again.
#[test]
fn files_of_the_first_version() {
    let place = place();
    // Its silver has the same columns, and nothing about cancelled flights in the footer.
    let batches = batches(&place.path(SILVER));
    let delays = batches[0].column_by_name("dep_delay").cloned();
    replace(&place.path(SILVER), "dep_delay", delays);
    let error = place.refusal(worker(&place, "aggregate"));
    assert_eq!(
        error,
        format!("…/{SILVER}: it does not say which flights were cancelled: run clean again")
    );
    for (name, file, maker) in READERS.into_iter().skip(1) {
        for column in ["cancelled", "scheduled"] {
            replace(&place.path(file), column, None);
            let error = place.refusal(worker(&place, name));
            assert_eq!(
                error,
                format!("…/{file}: no column {column}: run {maker} again")
            );
        }
    }
}
