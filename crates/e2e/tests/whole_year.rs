//! Raw files that can be read and are wrong: part of a year, a part of it unreadable, flights that are there twice,
//! values that cannot be true.

#![allow(clippy::unwrap_used)]

use chrono::NaiveDate;
use e2e::bronze::{Bronze, flight};
use e2e::parquet_file;
use e2e::place::Place;
use e2e::worker::{Finished, Worker};

const BRONZE: &str = "data/2013_01_bronze.csv";
const GOLD: &str = "data/2013_03_gold.parquet";

/// A flight of each of four airports on each day of 2013 that `day` lets pass.
fn year(day: impl Fn(NaiveDate) -> bool) -> Bronze {
    let first = NaiveDate::from_ymd_opt(2013, 1, 1).unwrap();
    let days = first.iter_days().take(365).filter(|date| day(*date));
    let flights = days.flat_map(|date| {
        ["JFK", "LGA", "EWR", "BUR"].map(|origin| flight(&date.to_string(), origin, "5.0"))
    });
    Bronze::of(flights.collect())
}

fn whole() -> Bronze {
    year(|_| true)
}

/// `clean` as a user runs it: without the `--partial` that the other tests give.
fn clean(place: &Place) -> Worker {
    Worker::new("clean")
        .args("--year 2013 --data-dir")
        .arg(place.path("data"))
        .arg("--lake")
        .arg(place.path("lake"))
}

fn refused(bronze: &Bronze) -> String {
    let place = Place::with_bronze(bronze.text());
    place.put_older_outputs("clean");
    place.refusal(clean(&place))
}

fn cleaned(bronze: &Bronze) -> (Place, Finished) {
    let place = Place::with_bronze(bronze.text());
    let finished = clean(&place).run();
    let _ = finished.summary();
    (place, finished)
}

/// Counts of the summary.
fn counts(finished: &Finished, names: &[&str]) -> Vec<Option<u64>> {
    let summary = finished.summary();
    names.iter().map(|name| summary[name].as_u64()).collect()
}

fn date(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2013, month, day).unwrap()
}

#[test]
fn a_whole_year_gets_no_warning() {
    let (_, finished) = cleaned(&whole());
    assert_eq!(finished.warnings(), [""; 0]);
    assert_eq!(
        counts(&finished, &["days", "days_missing", "duplicates"]),
        [Some(365), Some(0), Some(0)]
    );
}

#[test]
fn january_alone_is_not_a_year() {
    let january = year(|day| day < date(2, 1));
    assert_eq!(
        refused(&january),
        "…/data/2013_01_bronze.csv: no flight is scheduled on 2013-02-01 to 2013-12-31 (334 days): part of the year \
         is missing, upload the whole file, or give --partial to process what is there"
    );
    let place = Place::with_bronze(january.text());
    let finished = clean(&place).arg("--partial").run();
    assert_eq!(
        counts(&finished, &["days", "days_missing"]),
        [Some(31), Some(334)]
    );
    assert_eq!(finished.warnings(), [""; 0]);
    assert!(
        finished
            .stderr
            .contains("2013-02-01 to 2013-12-31 (334 days)"),
        "{finished:?}"
    );
}

#[test]
fn a_gap_is_three_days_long() {
    let gap = [date(3, 9), date(3, 10), date(7, 4)];
    let (_, finished) = cleaned(&year(|day| !gap.contains(&day)));
    assert_eq!(
        finished.warnings(),
        ["no flight is scheduled on 2013-03-09 to 2013-03-10, 2013-07-04 (3 days)"]
    );
    let error = refused(&year(|day| !gap.contains(&day) && day != date(3, 8)));
    assert!(
        error.contains("scheduled on 2013-03-08 to 2013-03-10, 2013-07-04 (4 days)"),
        "{error}"
    );
}

/// A day on which every flight was cancelled had scheduled flights.
#[test]
fn a_closed_network_is_not_a_gap() {
    let mut bronze = whole();
    for row in &mut bronze.rows {
        if ["2013-09-11", "2013-09-12", "2013-09-13"].contains(&row[0].as_str()) {
            *row = [
                &flight(&row[0], &row[3], "")[..2],
                &[row[2].clone()],
                &flight(&row[0], &row[3], "")[3..],
            ]
            .concat();
        }
    }
    let (_, finished) = cleaned(&bronze);
    assert_eq!(
        counts(&finished, &["days_missing", "cancelled"]),
        [Some(0), Some(12)]
    );
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    for quote in [false, true] {
        let mut bronze = whole();
        if quote {
            bronze.rows[0][1] = "\"UA\"".into();
        }
        let text = bronze.text();
        // All days are there: only the end of the last row is not.
        let place = Place::with_bronze(&text[..text.len() - 30]);
        place.put_older_outputs("clean");
        let error = place.refusal(clean(&place));
        assert_eq!(
            error,
            "…/data/2013_01_bronze.csv: the file ends in the middle of line 1461: it was cut off, upload the whole \
             file, or give --partial to process what is there"
        );
        let finished = clean(&place).arg("--partial").run();
        assert_eq!(counts(&finished, &["rejected"]), [Some(1)]);
        // Without the last line break the last row is whole.
        let place = Place::with_bronze(text.trim_end());
        assert_eq!(counts(&clean(&place).run(), &["rejected"]), [Some(0)]);
    }
}

#[test]
fn an_airport_or_a_month_that_cannot_be_read_is_refused() {
    // 37 of the 365 rows of an airport, of 1,460 in all: far more than a tenth of its own.
    let mut bronze = whole();
    let of_bur = bronze.rows.iter_mut().filter(|row| row[3] == "BUR");
    for row in of_bur.take(37) {
        row[7] = "late".into();
    }
    let place = Place::with_bronze(bronze.text());
    let worker = || clean(&place).args("--max-rejected 0.05");
    let error = place.refusal(worker());
    assert_eq!(
        error,
        "…/data/2013_01_bronze.csv: 31 of 124 rows of month 1 cannot be read, more than a share of 0.1; first line 5: \
         dep_delay: not a number: \"late\"; fix the file in the lake, or allow more with --max-rejected"
    );
    let mut bronze = whole();
    let of_bur = bronze.rows.iter_mut().filter(|row| row[3] == "BUR");
    for row in of_bur.step_by(9) {
        row[3] = "B-R".into();
    }
    let place = Place::with_bronze(bronze.text());
    let error = place.refusal(clean(&place).args("--max-rejected 0.05"));
    assert!(
        error.contains("41 of 41 rows of airport B-R cannot be read"),
        "{error}"
    );
    // What is allowed for all is allowed for each.
    let allowed = clean(&place).args("--max-rejected 1").run();
    assert_eq!(counts(&allowed, &["rejected"]), [Some(41)]);
}

#[test]
fn an_airport_code_in_lower_case_is_that_airport() {
    let plain = Place::after("aggregate", whole().text());
    let mut bronze = whole();
    for (at, row) in bronze.rows.iter_mut().enumerate() {
        if row[3] == "BUR" {
            row[3] = ["bur", " BUR", "Bur\t", "  bur "][at / 4 % 4].into();
        }
    }
    let (place, finished) = cleaned(&bronze);
    assert_eq!(
        finished.warnings(),
        [
            "365 rows have an airport code in lower case or with blanks around it: read as capital letters"
        ]
    );
    let _ = place.worker("aggregate").run().summary();
    assert_eq!(
        parquet_file::rows(&place.path(GOLD)),
        parquet_file::rows(&plain.path(GOLD))
    );
}

#[test]
fn a_month_that_is_in_the_file_twice_is_refused() {
    let mut bronze = whole();
    let january: Vec<_> = bronze.rows[..124].to_vec();
    bronze.rows.extend(january);
    let error = refused(&bronze);
    assert_eq!(
        error,
        "…/data/2013_01_bronze.csv: 124 of 1584 rows repeat a flight (the same date, airline, number, airports and \
         scheduled departure), on 2013-01-01 to 2013-01-31: remove what is in the file twice and upload it again"
    );
}

#[test]
fn a_few_repeated_flights_are_counted_and_kept() {
    let mut bronze = whole();
    for row in [0, 700, 701, 1400] {
        let again = bronze.rows[row].clone();
        bronze.rows.push(again);
    }
    // A cancelled flight is one, too; one without a number could be any.
    let mut cancelled = flight("2013-05-05", "JFK", "");
    cancelled[2] = "7777".into();
    bronze.rows.extend([cancelled.clone(), cancelled.clone()]);
    cancelled[2] = String::new();
    bronze.rows.extend([cancelled.clone(), cancelled]);
    let (_, finished) = cleaned(&bronze);
    assert_eq!(
        counts(&finished, &["duplicates", "rows_out"]),
        [Some(5), Some(1464)]
    );
    let [warning] = finished.warnings()[..] else {
        panic!("{finished:?}");
    };
    assert!(
        warning.starts_with("5 rows repeat a flight (") && warning.contains("2013-05-05"),
        "{warning}"
    );
}

#[test]
fn a_cancelled_flight_with_a_delay_of_0_did_not_fly() {
    let bronze = |delay: &str, time: &str| {
        whole()
            .set(8, "CANCELLED", "1.0")
            .set(8, "DEP_TIME", time)
            .set(8, "DEP_DELAY", delay)
    };
    let (place, finished) = cleaned(&bronze("0.0", ""));
    assert_eq!(
        finished.warnings(),
        [
            "1 cancelled flights have no DEP_TIME but a DEP_DELAY: they did not fly, so their delay is left out"
        ]
    );
    let (usual, nothing) = cleaned(&bronze("", ""));
    assert_eq!(nothing.warnings(), [""; 0]);
    for place in [&place, &usual] {
        let _ = place.worker("aggregate").run().summary();
    }
    let gold = parquet_file::rows(&place.path(GOLD));
    assert_eq!(gold, parquet_file::rows(&usual.path(GOLD)));
    assert!(
        gold.contains(
            &["JFK", "2013-01-03", "-", "0", "1", "1"]
                .map(String::from)
                .to_vec()
        )
    );
    // One that was cancelled after it had left has a time of departure.
    let (_, left) = cleaned(&bronze("0.0", "517.0"));
    assert_eq!(
        counts(&left, &["rows_out", "cancelled"]),
        [Some(1460), Some(1)]
    );
}

#[test]
fn a_delay_that_cannot_be_true_is_rejected() {
    for (delay, reason) in [
        (
            "9999.0",
            "dep_delay: 9999 minutes: more than 4 days late is not a delay",
        ),
        (
            "5761",
            "dep_delay: 5761 minutes: more than 4 days late is not a delay",
        ),
        (
            "-1111",
            "dep_delay: -1111 minutes: more than 3 hours early is not a delay",
        ),
        (
            "-181.0",
            "dep_delay: -181 minutes: more than 3 hours early is not a delay",
        ),
    ] {
        let (place, finished) = cleaned(&whole().set(3, "DEP_DELAY", delay));
        assert_eq!(counts(&finished, &["rejected"]), [Some(1)], "{delay}");
        let rejects = String::from_utf8(place.get("data/2013_02_rejected.csv")).unwrap();
        assert!(rejects.contains(&format!("5,{reason},")), "{rejects}");
    }
    for delay in ["5760.0", "-180"] {
        let (_, finished) = cleaned(&whole().set(3, "DEP_DELAY", delay));
        assert_eq!(counts(&finished, &["rejected"]), [Some(0)], "{delay}");
    }
}

#[test]
fn without_cancelled_the_cancellations_are_unknown() {
    let mut bronze = whole();
    for row in &mut bronze.rows {
        row[15].clear();
    }
    let mut unknown = flight("2013-05-05", "JFK", "");
    unknown[2] = "7777".into();
    unknown[15].clear();
    bronze.rows.push(unknown);
    let (place, finished) = cleaned(&bronze);
    assert_eq!(
        finished.warnings(),
        [
            "CANCELLED is empty in every row: which flights were cancelled is unknown, and null in gold"
        ]
    );
    assert_eq!(
        counts(&finished, &["cancelled", "dropped_null_delay"]),
        [None, Some(1)]
    );
    for name in ["aggregate", "detect"] {
        let _ = place.worker(name).run().summary();
    }
    for row in parquet_file::rows(&place.path(GOLD)) {
        let scheduled = if row[..2] == ["JFK", "2013-05-05"] {
            "2"
        } else {
            "1"
        };
        assert_eq!(row[4..], [scheduled, "-"]);
    }
    // It stays null as far as the warehouse, whose column may be null.
    let anomalies = place.path("data/2013_04_anomalies.parquet");
    assert!(
        parquet_file::rows(&anomalies)
            .iter()
            .all(|row| row[6] == "-")
    );
    assert!(place.path(BRONZE).exists());
}
