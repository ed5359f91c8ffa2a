//! Workers that are killed at every point of their lives.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use chaos::report::report;
use chaos::trace::{Point, Then, points, some_times, trace};
use chaos::year::{Lake, RUNS, Versions, Year};
use e2e::bronze::Bronze;
use nix::sys::signal::Signal;

const SIGNALS: [Signal; 2] = [Signal::SIGKILL, Signal::SIGTERM];

/// Runs a worker up to the `time`th time that it comes to a point, and kills it there. Whether it was
/// killed: another order of its threads may have other points, and the end may come before the thread
/// that hears of signals has woken.
fn kill_at(
    year: &mut Year<'_>,
    name: &'static str,
    at: &Point,
    time: usize,
    signal: Signal,
) -> bool {
    let (mut times, mut sent) = (0, Instant::now());
    let finished = trace(year.worker(name), |point| {
        times += usize::from(point == at);
        if times < time {
            return Then::GoOn;
        }
        sent = Instant::now();
        Then::Signal(signal)
    });
    let took = sent.elapsed();
    let killed = finished.code != Some(0);
    assert!(
        !killed || took < Duration::from_secs(1),
        "{name}: {at}: {took:?}"
    );
    // Before it has a handler SIGTERM kills it as it is.
    assert!(
        matches!(finished.code, None | Some(0 | 143)),
        "{finished:?}"
    );
    year.assert_whole();
    year.assert_recovers();
    killed
}

/// Kills each worker at each of its points that `chosen` takes, and says so.
fn at_points(what: &str, chosen: impl Fn(usize, usize) -> Vec<(usize, Signal)>) -> usize {
    let mut versions = Versions::usual();
    let (mut kills, mut tries, mut places) = (0, 0, 0);
    for (name, lake) in RUNS {
        let points = points(versions.just_before(name, lake).worker(name));
        assert!(!points.is_empty(), "{name} does nothing");
        for (number, (point, times)) in points.iter().enumerate() {
            for (time, signal) in chosen(number, *times) {
                let mut year = versions.just_before(name, lake);
                kills += usize::from(kill_at(&mut year, name, point, time, signal));
                tries += 1;
            }
        }
        places += points.len();
    }
    let outcome = format!(
        "of {tries} tries, the others came too late; {places} different points; every file, object and \
         table whole at once, the year run again equal to an undisturbed one"
    );
    report(what, kills, &outcome);
    kills
}

/// Every third point, with one of the signals in turn.
#[test]
fn killed_at_some_points() {
    let kills = at_points("killed at some system calls", |number, _| {
        let signal = SIGNALS[number / 3 % 2];
        match number % 3 {
            0 => vec![(1, signal)],
            _ => vec![],
        }
    });
    assert!(kills >= 40, "{kills}");
}

/// Every point, the first, a middle and the last time, with each of the signals.
#[test]
#[ignore = "make chaos: minutes"]
fn killed_at_every_point() {
    let kills = at_points("killed at every system call", |_, times| {
        let times = some_times(times).into_iter();
        times
            .flat_map(|time| SIGNALS.map(|signal| (time, signal)))
            .collect()
    });
    assert!(kills >= 200, "{kills}");
}

/// Rejects of the older year have to vanish, in the data dir and in the lake.
#[test]
fn clean_killed_where_rejects_vanish() {
    let older = Bronze::ordinary(300).set(7, "DISTANCE", "far");
    let mut versions = Versions::of(&older, &Bronze::ordinary(400));
    let (mut kills, mut tries) = (0, 0);
    for lake in [Lake::Folder, Lake::Bucket] {
        let mut points = points(versions.just_before("clean", lake).worker("clean"));
        points.retain(|point, _| point.on.contains("rejected") || point.on.contains("silver"));
        for (point, times) in points {
            let mut year = versions.just_before("clean", lake);
            kills += usize::from(kill_at(&mut year, "clean", &point, times, Signal::SIGKILL));
            tries += 1;
        }
    }
    assert!(kills > 16 && kills == tries, "{kills} of {tries}");
    report(
        "clean killed where rejects of an earlier run vanish",
        kills,
        "as above",
    );
}

/// Kills each worker after each of `moments` parts of the time that it takes.
fn by_time(moments: u32) -> usize {
    let mut versions = Versions::usual();
    let (mut kills, mut tried) = (0, 0);
    for (name, lake) in RUNS {
        let year = versions.just_before(name, lake);
        let start = Instant::now();
        let _ = year.worker(name).run().summary();
        let whole = start.elapsed();
        drop(year);
        for moment in 0..moments {
            for signal in ["KILL", "TERM"] {
                let mut year = versions.just_before(name, lake);
                let running = year.worker(name).start();
                std::thread::sleep(whole * moment / moments);
                running.signal(signal);
                let finished = running.wait();
                assert!(
                    matches!(finished.code, None | Some(0 | 143)),
                    "{finished:?}"
                );
                kills += usize::from(finished.code != Some(0));
                tried += 1;
                year.assert_whole();
                year.assert_recovers();
            }
        }
    }
    let outcome = format!("of {tried} tries, the others came too late; as above");
    report(
        "a worker killed after some time, by SIGKILL or SIGTERM",
        kills,
        &outcome,
    );
    kills
}

#[test]
fn killed_at_some_moments() {
    assert!(by_time(2) > 6);
}

#[test]
#[ignore = "make chaos: minutes"]
fn killed_at_many_moments() {
    assert!(by_time(16) > 60);
}
