//! A second run changes nothing, and cleanup removes nothing that is not the year's.

#![allow(clippy::unwrap_used)]

use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same};
use e2e::worker::Worker;

#[test]
fn the_files_are_byte_equal() {
    let place = Place::new();
    let text = Bronze::ordinary(3000).set(5, "DISTANCE", "far").text();
    place.put(
        "lake/01_bronze/2013.csv.zst",
        zstd::encode_all(text.as_bytes(), 1).unwrap(),
    );
    let mut before = None;
    for _ in 0..2 {
        for name in ["extract", "clean", "aggregate", "detect"] {
            let _ = place.worker(name).run().summary();
        }
        let files = place.files();
        assert_eq!(files.len(), 6 + 1 + 3, "{:?}", place.names(""));
        if let Some(before) = before.replace(files) {
            assert_same(&before, &place.files());
        }
    }
}

/// Files that are nobody's in this run: other years', strangers', the lake's.
const OTHERS: [&str; 9] = [
    "data/2012_01_bronze.csv",
    "data/.2012_02_silver.parquet.unfinished",
    "data/12013_01_bronze.csv",
    "data/2013_01_bronze.csv.bak",
    "data/2013_05_notes.txt",
    "data/2013/2013_01_bronze.csv",
    "data/notes.txt",
    "lake/01_bronze/2013.csv",
    "lake/02_silver/year/2013/2013_02_silver.parquet",
];

const OURS: [&str; 7] = [
    "data/2013_01_bronze.csv",
    "data/.2013_01_bronze.source",
    "data/2013_02_silver.parquet",
    "data/.2013_02_silver.parquet.unfinished",
    "data/2013_02_rejected.csv",
    "data/2013_03_gold.parquet",
    "data/2013_04_anomalies.parquet",
];

#[test]
fn cleanup_removes_the_years_files_and_no_other() {
    let place = Place::new();
    for name in OTHERS {
        place.put(name, "somebody else's");
    }
    let others = place.files();
    for name in OURS {
        place.put(name, "ours");
    }
    let summary = place.worker("cleanup").run().summary();
    let mut removed: Vec<_> = summary["removed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| format!("data/{}", name.as_str().unwrap()))
        .collect();
    removed.sort();
    let mut ours = OURS.map(String::from);
    ours.sort();
    assert_eq!(removed, ours);
    assert_eq!(summary["bytes"], 4 * 7);
    assert_same(&others, &place.files());
}

#[test]
fn cleanup_of_nothing_is_fine() {
    let place = Place::new();
    std::fs::remove_dir(place.path("lake/01_bronze")).unwrap();
    for dir in ["data", "never made"] {
        let cleanup = Worker::new("cleanup")
            .args("--year 2013 --data-dir")
            .arg(place.path(dir));
        let summary = cleanup.run().summary();
        assert_eq!(summary["removed"], serde_json::json!([]));
    }
    assert!(!place.path("never made").exists());
}

#[test]
fn years_do_not_touch_each_other() {
    let place = Place::after("detect", Bronze::ordinary(300).text());
    let of_2013 = place.files();
    place.put(
        "data/2014_01_bronze.csv",
        Bronze::ordinary(200).text().replace("2013-", "2014-"),
    );
    for name in ["clean", "aggregate", "detect", "cleanup"] {
        let worker = Worker::new(name)
            .args("--year 2014 --data-dir")
            .arg(place.path("data"));
        let worker = if name == "clean" {
            worker.arg("--partial")
        } else {
            worker
        };
        let _ = worker.env("LAKE_URL", place.path("lake")).run().summary();
    }
    let mut files = place.files();
    files.retain(|name, _| !name.contains("/2014"));
    assert_same(&of_2013, &files);
    assert_eq!(
        place
            .names("lake/")
            .iter()
            .filter(|name| name.contains("/2014/"))
            .count(),
        2
    );
}
