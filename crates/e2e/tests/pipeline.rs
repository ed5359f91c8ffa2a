//! The six in a row, as a DAG run has them.

#![allow(clippy::unwrap_used)]

use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same};
use e2e::postgres::Server;
use e2e::s3::{BUCKET, S3, SECRET};
use e2e::worker::{ALL, Worker};

const TABLE: &str = "SELECT * FROM agg_dep_delay_by_date ORDER BY id";

fn raw_file() -> Vec<u8> {
    let text = Bronze::ordinary(3000).set(5, "DISTANCE", "far").text();
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// Two runs of the six; nothing may differ after the second. Returns the table.
fn twice(place: &Place, worker: impl Fn(&'static str) -> Worker, keys: impl Fn() -> Vec<String>) {
    let mut database = Server::shared().database();
    let mut before: Option<(Vec<Vec<String>>, e2e::place::Files, Vec<String>)> = None;
    for _ in 0..2 {
        for name in ALL {
            let worker = if name == "load" {
                database.load(place)
            } else {
                worker(name)
            };
            let finished = worker.run();
            let summary = finished.summary();
            assert_eq!(summary["task"], name);
            for secret in [database.password(), SECRET] {
                assert!(!format!("{finished:?}").contains(secret), "{finished:?}");
            }
            if name == "load" {
                let rows = database.rows(TABLE).len();
                assert_eq!(summary["rows_out"], rows);
                assert_eq!(summary["inserted"], if before.is_some() { 0 } else { rows });
                let keys: Vec<_> = summary
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(String::as_str)
                    .collect();
                let mut wanted = [
                    "task",
                    "year",
                    "rows_in",
                    "rows_out",
                    "inserted",
                    "updated",
                    "deleted",
                    "unchanged",
                    "table",
                    "seconds",
                ];
                wanted.sort_unstable();
                assert_eq!(keys, wanted);
            }
        }
        let after = (database.rows(TABLE), place.files(), keys());
        assert_eq!(place.names("data/"), [""; 0], "cleanup leaves nothing");
        if let Some(before) = &before {
            assert!(before.0 == after.0, "the table changed");
            assert_same(&before.1, &after.1);
            assert_eq!(before.2, after.2);
        }
        before = Some(after);
    }
}

const KEYS: [&str; 4] = [
    "01_bronze/2013.csv.zst",
    "02_silver/year/2013/2013_02_rejected.csv",
    "02_silver/year/2013/2013_02_silver.parquet",
    "03_gold/agg_dep_delay_by_date/year/2013/2013_03_gold.parquet",
];

#[test]
fn on_a_lake_that_is_a_folder() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv.zst", raw_file());
    twice(&place, |name| place.worker(name), Vec::new);
    assert_eq!(place.names("lake/"), KEYS.map(|key| format!("lake/{key}")));
}

#[test]
fn on_a_lake_in_s3() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv.zst", raw_file());
    let place = Place::new();
    let lake = format!("s3://{BUCKET}");
    twice(
        &place,
        |name| place.worker_on(name, &lake).envs(&s3.variables()),
        || s3.keys(),
    );
    assert_eq!(s3.keys(), KEYS);
}
