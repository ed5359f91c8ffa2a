//! A worker that is told to stop, or killed, at any moment.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::time::{Duration, Instant};

use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same, is_source};
use e2e::postgres::Server;
use e2e::s3::{BUCKET, S3};
use e2e::stall::Stalling;
use e2e::wait_until;
use e2e::worker::Running;

const SILVER: &str = "data/2013_02_silver.parquet";

/// Sends SIGTERM: the worker ends within a second, with 143 and without a summary.
fn stop(running: Running) {
    let start = Instant::now();
    running.signal("TERM");
    let finished = running.wait();
    let took = start.elapsed();
    assert_eq!(finished.code, Some(143), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

/// A raw file that `clean` reads slowly, since it has a quote.
fn large_raw_file() -> String {
    let ordinary = Bronze::ordinary(200_000).set(0, "DEST", "\"IAH\"").text();
    let (header, rows) = ordinary.split_once('\n').unwrap();
    format!("{header}\n{}", rows.repeat(5))
}

fn size(place: &Place, name: &str) -> u64 {
    fs::metadata(place.path(name)).map_or(0, |metadata| metadata.len())
}

#[test]
fn clean_in_the_middle_of_a_file() {
    let place = Place::with_bronze(large_raw_file());
    place.put_older_outputs("clean");
    let mut before = place.files();
    let running = place.worker("clean").start();
    let hidden = "data/.2013_02_silver.parquet.unfinished";
    wait_until("silver is being written", || size(&place, hidden) > 0);
    stop(running);
    // What is half done has a hidden name, and the next cleanup removes it.
    let mut after = place.files();
    assert!(after.remove(hidden).is_some());
    assert_same(&before, &after);
    let removed = place.worker("cleanup").run().summary()["removed"].clone();
    assert!(
        removed
            .as_array()
            .unwrap()
            .contains(&".2013_02_silver.parquet.unfinished".into())
    );
    before.retain(|name, _| name.starts_with("lake/"));
    assert_same(&before, &place.files());
}

#[test]
fn extract_while_the_lake_stalls() {
    let s3 = S3::start();
    let text = Bronze::ordinary(240_000).text();
    s3.put("01_bronze/2013.csv", &text);
    let place = Place::new();
    place.put_older_outputs("extract");
    let before = place.files();
    let stalling = Stalling::after(12 << 20, s3.address);
    let lake = format!("s3://{BUCKET}");
    let worker = place
        .worker_on("extract", &lake)
        .envs(&s3.variables_at(stalling.address));
    let running = worker.start();
    wait_until("the download stalls", || stalling.has_stalled());
    stop(running);
    let mut after = place.files();
    after.remove("data/.2013_01_bronze.csv.unfinished");
    assert_same(&before, &after);
    // What lies about does not harm the next run.
    let _ = place
        .worker_on("extract", &lake)
        .envs(&s3.variables())
        .run()
        .summary();
    assert_eq!(
        place.names("data/"),
        ["data/.2013_01_bronze.source", "data/2013_01_bronze.csv"]
    );
    assert!(place.get("data/2013_01_bronze.csv") == text.as_bytes());
}

#[test]
fn extract_while_the_lake_says_nothing() {
    let s3 = S3::start();
    let silent = Stalling::silent();
    let place = Place::new();
    let worker = place.worker_on("extract", "s3://flights");
    let running = worker.envs(&s3.variables_at(silent.address)).start();
    wait_until("extract asks", || silent.has_stalled());
    stop(running);
    assert!(place.files().is_empty());
}

#[test]
fn an_upload_that_stalls() {
    let s3 = S3::start();
    let silent = Stalling::silent();
    let place = Place::after("clean", Bronze::ordinary(300).text());
    let before = place.files();
    let worker = place.worker_on("aggregate", "s3://flights");
    let running = worker.envs(&s3.variables_at(silent.address)).start();
    wait_until("aggregate uploads", || silent.has_stalled());
    stop(running);
    // Gold was complete before it went to the lake.
    let mut after = place.files();
    assert!(after.remove("data/2013_03_gold.parquet").is_some());
    assert_same(&before, &after);
    let _ = place.worker("detect").run().summary();
}

#[test]
fn detect_in_the_middle_of_its_work() {
    let mut bronze = Bronze::ordinary(40_000);
    for (i, row) in bronze.rows.iter_mut().enumerate() {
        row[3] = format!("{:03}", i / 50 % 800);
    }
    let place = Place::after("aggregate", bronze.text());
    place.put_older_outputs("detect");
    let before = place.files();
    let running = place.worker("detect").start();
    wait_until("detect listens", || running.handles_sigterm());
    stop(running);
    let mut after = place.files();
    after.retain(|name, _| !name.ends_with(".unfinished"));
    assert_same(&before, &after);
}

#[test]
fn load_while_the_server_says_nothing() {
    let database = Server::shared().database();
    let silent = Stalling::silent();
    let place = Place::after("detect", Bronze::ordinary(300).text());
    let load = database
        .load(&place)
        .env("PGPORT", silent.address.port().to_string());
    let running = load.env("PGCONNECT_TIMEOUT", "100").start();
    wait_until("load connects", || silent.has_stalled());
    stop(running);
}

#[test]
fn load_while_it_waits_for_a_lock() {
    let mut database = Server::shared().database();
    let place = Place::after("detect", Bronze::ordinary(300).text());
    let _ = database.load(&place).run().summary();
    database.execute("UPDATE agg_dep_delay_by_date SET flights = 0");
    let table = "SELECT * FROM agg_dep_delay_by_date ORDER BY id";
    let before = database.rows(table);
    let mut locker = database.session();
    locker.execute("BEGIN; LOCK TABLE agg_dep_delay_by_date IN SHARE MODE");
    let running = database.load(&place).start();
    let sessions = "SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'flight-delays load 2013' \
                    AND datname = current_database()";
    wait_until("load waits", || database.rows(sessions) == [["Lock"]]);
    stop(running);
    locker.execute("ROLLBACK");
    wait_until("its session ends", || database.rows(sessions).is_empty());
    assert_eq!(database.rows(table), before);
}

#[test]
fn sigint_ends_it_too() {
    let silent = Stalling::silent();
    let place = Place::new();
    let worker = place.worker_on("extract", "s3://flights");
    let running = worker
        .envs(&S3::start().variables_at(silent.address))
        .start();
    wait_until("extract asks", || silent.has_stalled());
    running.signal("INT");
    assert_eq!(running.wait().code, Some(130));
}

/// Killed after 0, 5, 10 … ms, so in every phase of its run; then the year is run again. In the end
/// nothing tells the two apart.
#[test]
fn killed_at_any_moment_and_run_again() {
    let text = Bronze::ordinary(20_000).set(7, "DISTANCE", "far").text();
    let undisturbed = Place::new();
    undisturbed.put("lake/01_bronze/2013.csv", &text);
    let workers = ["extract", "clean", "aggregate", "detect"];
    for name in workers {
        let _ = undisturbed.worker(name).run().summary();
    }
    let wanted = undisturbed.files();
    let mut ended_early = 0;
    for (turn, signal) in (0..16).zip(["KILL", "TERM"].into_iter().cycle()) {
        let place = Place::new();
        place.put("lake/01_bronze/2013.csv", &text);
        for name in workers {
            let running: Running = place.worker(name).start();
            std::thread::sleep(Duration::from_millis(5 * turn));
            running.signal(signal);
            let killed = running.wait();
            assert!(matches!(killed.code, None | Some(0 | 143)), "{killed:?}");
            ended_early += usize::from(killed.code != Some(0));
            whole(&place, &wanted);
            let _ = place.worker(name).run().summary();
        }
        assert_same(&wanted, &place.files());
    }
    // The first ones of each signal have no time to do anything; on a busy machine the last ones have none either.
    assert!((8..=64).contains(&ended_early), "{ended_early} of 64");
}

/// A file under its final name is complete at any moment.
fn whole(place: &Place, wanted: &e2e::place::Files) {
    for (name, bytes) in place.files() {
        if is_source(&name) {
            continue;
        }
        if let Some(wanted) = wanted.get(&name) {
            assert!(bytes == *wanted, "{name} is half done");
        } else {
            assert!(name.ends_with(".unfinished"), "what is {name}?");
        }
    }
}

/// Two runs of one worker for one year: the second waits for the first, both come out right.
#[test]
fn two_of_a_kind_at_once() {
    let place = Place::with_bronze(Bronze::ordinary(50_000).text());
    let running: Vec<_> = (0..4).map(|_| place.worker("clean").start()).collect();
    for finished in running.into_iter().map(Running::wait) {
        assert_eq!(finished.summary()["rows_in"], 50_000);
    }
    let silver = place.get(SILVER);
    let _ = place.worker("clean").run().summary();
    assert!(place.get(SILVER) == silver);
    assert_eq!(place.names("data/").len(), 2);
}
