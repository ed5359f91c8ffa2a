//! Flights that did not fly, from the raw file to the anomalies: counted, and each in one place.

#![allow(clippy::unwrap_used)]

use e2e::bronze::{Bronze, flight};
use e2e::parquet_file;
use e2e::place::Place;
use e2e::worker::Finished;

const SILVER: &str = "data/2013_02_silver.parquet";
const GOLD: &str = "data/2013_03_gold.parquet";
const ANOMALIES: &str = "data/2013_04_anomalies.parquet";

/// JFK has four days with flights, on one of them some are cancelled, one after its departure; and
/// one without. MVY never flies. The row that cannot be read is of the day without flights.
fn winter() -> Bronze {
    let flights = [
        ("02-06", "JFK", "1"),
        ("02-07", "JFK", "3"),
        ("02-07", "JFK", ""),
        ("02-07", "JFK", "12"),
        ("02-08", "JFK", ""),
        ("02-08", "JFK", ""),
        ("02-08", "JFK", "late"),
        ("02-09", "JFK", "4"),
        ("02-10", "JFK", "-2"),
        ("02-08", "MVY", ""),
        ("02-09", "MVY", ""),
    ];
    let row =
        |(day, origin, delay): (&str, &str, &str)| flight(&format!("2013-{day}"), origin, delay);
    Bronze::of(flights.map(row).to_vec())
        .set(3, "CANCELLED", "1.0")
        .set(10, "CANCELLED", "0.0") // not flown and not cancelled either: nobody knows why
}

/// The place after clean, aggregate and detect, and how clean ended.
fn after_detect(bronze: &str) -> (Place, Finished) {
    let place = Place::with_bronze(bronze);
    let clean = place.worker("clean").args("--max-rejected 1").run();
    for name in ["aggregate", "detect"] {
        let _ = place.worker(name).run().summary();
    }
    (place, clean)
}

#[test]
fn from_the_raw_file_to_gold() {
    let (place, clean) = after_detect(&winter().text());
    let summary = clean.summary();
    let counts = [
        "rows_in",
        "rows_out",
        "dropped_null_delay",
        "cancelled",
        "rejected",
    ];
    assert_eq!(counts.map(|key| &summary[key]), [11, 5, 5, 5, 1]);
    let counts = "JFK,2013-02-07,1,2\nJFK,2013-02-08,2,2\nMVY,2013-02-08,1,1\nMVY,2013-02-09,1,0\n";
    let footer = parquet_file::metadata(&place.path(SILVER), "flight_delays.cancellations");
    assert_eq!(footer.as_deref(), Some(counts));
    // origin, fl_date, mean_dep_delay, flights, scheduled, cancelled
    let wanted = [
        ["JFK", "2013-02-06", "1.0", "1", "1", "0"],
        ["JFK", "2013-02-07", "7.5", "2", "3", "2"],
        ["JFK", "2013-02-08", "-", "0", "2", "2"],
        ["JFK", "2013-02-09", "4.0", "1", "1", "0"],
        ["JFK", "2013-02-10", "-2.0", "1", "1", "0"],
        ["MVY", "2013-02-08", "-", "0", "1", "1"],
        ["MVY", "2013-02-09", "-", "0", "1", "0"],
    ];
    assert_eq!(parquet_file::rows(&place.path(GOLD)), wanted);
}

#[test]
fn a_day_without_flights_has_its_row_in_anomalies() {
    let (place, _) = after_detect(&winter().text());
    let rows = parquet_file::rows(&place.path(ANOMALIES));
    let gold = parquet_file::rows(&place.path(GOLD));
    for (row, gold) in rows.iter().zip(&gold) {
        assert_eq!(row[0], format!("{}{}", gold[0], gold[1].replace('-', "")));
        assert_eq!(row[1..7], gold[..]);
    }
    assert_eq!(rows.len(), gold.len());
    let names = parquet_file::columns(&place.path(ANOMALIES));
    let column = |name: &str| -> Vec<&str> {
        let at = names.iter().position(|(n, _)| n == name).unwrap();
        rows.iter().map(|row| row[at].as_str()).collect()
    };
    let few = "only 4 days with flights: too few to judge";
    assert_eq!(
        column("reason"),
        [
            few,
            few,
            "no flight flew: 2 of 2 flights cancelled",
            few,
            few,
            "no flight flew: 1 of 1 flight cancelled",
            "no flight flew: 0 of 1 flight cancelled"
        ]
    );
    assert_eq!(column("score"), ["-"; 7]);
    // The forest needs three days; one without a mean is none of them.
    let score_if = column("score_if");
    let scored: Vec<_> = score_if.iter().map(|score| *score != "-").collect();
    assert_eq!(scored, [true, true, false, true, true, false, false]);
}

#[test]
fn a_day_on_which_an_airport_closes_is_flagged() {
    let mut flights = vec![];
    for day in 1..=20 {
        for _ in 0..6 {
            let delay = if day == 13 { "" } else { "5" };
            flights.push(flight(&format!("2013-02-{day:02}"), "JFK", delay));
        }
    }
    let (place, _) = after_detect(&Bronze::of(flights).text());
    let names = parquet_file::columns(&place.path(ANOMALIES));
    let at = |name: &str| names.iter().position(|(n, _)| n == name).unwrap();
    for (row, day) in parquet_file::rows(&place.path(ANOMALIES)).iter().zip(1..) {
        let seen = [
            &row[at("mean_dep_delay")],
            &row[at("anomaly")],
            &row[at("reason")],
            &row[at("flag_basis")],
        ];
        match day {
            13 => assert_eq!(
                seen,
                ["-", "1", "6 of 6 flights cancelled", "cancellations"]
            ),
            _ => assert_eq!(seen, ["5.0", "0", "-", "-"], "{day}"),
        }
        assert_eq!(row[at("anomaly_if")], "0", "{day}");
    }
}

/// A file with quotes is read by the other reader: the same silver.
#[test]
fn quotes_change_no_count() {
    let plain = winter();
    let mut quoted = plain.clone();
    for row in quoted.rows.iter_mut().chain([&mut quoted.header]) {
        for field in row {
            *field = format!("{field:?}");
        }
    }
    let [plain, quoted] = [plain, quoted].map(|bronze| after_detect(&bronze.text()).0);
    for file in [SILVER, GOLD, ANOMALIES] {
        let [plain, quoted] =
            [&plain, &quoted].map(|place| parquet_file::content(&place.path(file)));
        assert!(plain == quoted, "{file} differs");
    }
}
