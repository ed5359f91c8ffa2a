//! A worker that was left out: what was made from an older file is not passed on as if it were the newer one's.

#![allow(clippy::unwrap_used)]

use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::postgres::Server;

const MAKERS: [&str; 4] = ["extract", "clean", "aggregate", "detect"];

/// A place in whose lake is the raw file, all of whose workers but `load` have run.
fn made(raw: &Bronze) -> Place {
    let place = Place::new();
    put(&place, raw);
    for name in MAKERS {
        let _ = place.worker(name).run().summary();
    }
    place
}

fn put(place: &Place, raw: &Bronze) {
    place.put("lake/01_bronze/2013.csv", raw.text());
}

fn older() -> Bronze {
    Bronze::ordinary(300)
}

/// The same flights but for one delay: the files have the same sizes.
fn newer() -> Bronze {
    older().set(7, "DEP_DELAY", "44.0")
}

/// With a newer raw file the workers up to `last` run, and those behind the next one refuse.
fn after_new(last: &str, place: &Place) {
    put(place, &newer());
    for name in MAKERS {
        let _ = place.worker(name).run().summary();
        if name == last {
            return;
        }
    }
}

#[test]
fn a_worker_that_is_left_out_is_named() {
    let database = Server::shared().database();
    for (last, refuses, file, input, left_out) in [
        (
            "extract",
            "aggregate",
            "02_silver.parquet",
            "01_bronze.csv",
            "clean",
        ),
        (
            "extract",
            "detect",
            "02_silver.parquet",
            "01_bronze.csv",
            "clean",
        ),
        (
            "extract",
            "load",
            "02_silver.parquet",
            "01_bronze.csv",
            "clean",
        ),
        (
            "clean",
            "detect",
            "03_gold.parquet",
            "02_silver.parquet",
            "aggregate",
        ),
        (
            "clean",
            "load",
            "03_gold.parquet",
            "02_silver.parquet",
            "aggregate",
        ),
        (
            "aggregate",
            "load",
            "04_anomalies.parquet",
            "03_gold.parquet",
            "detect",
        ),
    ] {
        let place = made(&older());
        after_new(last, &place);
        let worker = match refuses {
            "load" => database.load(&place),
            name => place.worker(name),
        };
        assert_eq!(
            place.refusal(worker),
            format!(
                "…/data/2013_{file} was made from another 2013_{input} than the one that is there: run {left_out} \
                 --year 2013, and the workers after it"
            )
        );
    }
}

#[test]
fn what_the_named_worker_makes_is_passed_on() {
    let place = made(&older());
    after_new("clean", &place);
    for name in ["aggregate", "detect"] {
        let _ = place.worker(name).run().summary();
    }
    // A second run gives the same bytes, so what was made from the first one stays right.
    for name in ["clean", "detect", "aggregate", "detect"] {
        let _ = place.worker(name).run().summary();
    }
}

/// No record says what it is, so its bytes are compared.
#[test]
fn a_raw_file_that_a_person_has_put_there() {
    let place = Place::after("detect", older().text());
    place.put("data/2013_01_bronze.csv", newer().text());
    let error = place.refusal(place.worker("aggregate"));
    assert!(
        error.ends_with("run clean --year 2013, and the workers after it"),
        "{error}"
    );
    place.put("data/2013_01_bronze.csv", older().text());
    let _ = place.worker("aggregate").run().summary();
}

#[test]
fn flights_of_one_lake_are_not_published_in_another() {
    let place = made(&older());
    place.put("other/01_bronze/2013.csv", newer().text());
    for name in ["clean", "aggregate"] {
        let worker = place.worker_on(name, place.path("other").to_str().unwrap());
        assert_eq!(
            place.refusal(worker),
            "…/data/2013_01_bronze.csv is a copy of …/lake/01_bronze/2013.csv, which is not in the lake …/other: run \
             extract --year 2013 with this lake first"
        );
    }
    // By another name it is the same lake.
    let by_a_link = place.path("link");
    std::os::unix::fs::symlink(place.path("lake"), &by_a_link).unwrap();
    for name in ["clean", "aggregate"] {
        let _ = place
            .worker_on(name, by_a_link.to_str().unwrap())
            .run()
            .summary();
    }
    let _ = place
        .worker_on("extract", place.path("other").to_str().unwrap())
        .run()
        .summary();
    let _ = place
        .worker_on("clean", place.path("other").to_str().unwrap())
        .run()
        .summary();
}
