//! Workers that are killed at every point of their lives.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chaos::report::report;
use chaos::trace::{Point, Then, trace};
use chaos::year::{Lake, Versions, Year};
use e2e::bronze::Bronze;
use nix::sys::signal::Signal;

/// Each worker on each kind of lake that it knows.
const RUNS: [(&str, Lake); 9] = [
    ("extract", Lake::Folder),
    ("extract", Lake::Bucket),
    ("clean", Lake::Folder),
    ("clean", Lake::Bucket),
    ("aggregate", Lake::Folder),
    ("aggregate", Lake::Bucket),
    ("detect", Lake::Folder),
    ("load", Lake::Folder),
    ("cleanup", Lake::Folder),
];

const SIGNALS: [Signal; 2] = [Signal::SIGKILL, Signal::SIGTERM];

/// A year whose next worker is `name`.
fn just_before<'a>(versions: &'a mut Versions, name: &str, lake: Lake) -> Year<'a> {
    let year = versions.begin(lake);
    year.run_up_to(name);
    year
}

/// The points that a worker comes to when nothing disturbs it.
fn points(versions: &mut Versions, name: &'static str, lake: Lake) -> Vec<Point> {
    let year = just_before(versions, name, lake);
    let mut points = vec![];
    let finished = trace(year.worker(name), |_, point| {
        points.push(point.clone());
        Then::GoOn
    });
    let _ = finished.summary();
    points
}

/// Kills each worker at every `step`th of its points, with each of the signals in turn.
fn kill_at_points(versions: &mut Versions, step: usize) -> (usize, BTreeSet<String>) {
    let (mut kills, mut places) = (0, BTreeSet::new());
    for (name, lake) in RUNS {
        let all = points(versions, name, lake).len();
        assert!(all > 0, "{name} does nothing");
        for at in (0..all).step_by(step) {
            for signal in SIGNALS {
                let mut year = just_before(versions, name, lake);
                let mut killed_at = None;
                let mut sent = Instant::now();
                let finished = trace(year.worker(name), |count, point| {
                    if count < at {
                        return Then::GoOn;
                    }
                    killed_at = Some(format!("{name}: {point}"));
                    sent = Instant::now();
                    Then::Signal(signal)
                });
                let took = sent.elapsed();
                assert!(took < Duration::from_secs(1), "{killed_at:?}: {took:?}");
                // Another order of the threads may have had fewer points; and the end may come
                // before the signal's thread has woken.
                if finished.code != Some(0) {
                    // Before it has a handler SIGTERM kills it as it is.
                    assert!(matches!(finished.code, None | Some(143)), "{finished:?}");
                    kills += 1;
                    places.extend(killed_at);
                }
                year.assert_whole();
                year.assert_recovers();
            }
        }
    }
    (kills, places)
}

fn at_points(step: usize) -> usize {
    let (kills, places) = kill_at_points(&mut Versions::usual(), step);
    report(
        "a worker killed at a system call, by SIGKILL or SIGTERM",
        kills,
        &format!(
            "{} different points; each file, object and table whole at once, the year run again equal to an undisturbed one",
            places.len()
        ),
    );
    kills
}

#[test]
fn killed_at_some_points() {
    assert!(at_points(17) > 40);
}

#[test]
#[ignore = "make chaos: minutes"]
fn killed_at_every_point() {
    assert!(at_points(1) >= 200);
}

/// Rejects of the older year have to vanish, in the data dir and in the lake.
#[test]
fn clean_killed_where_rejects_vanish() {
    let older = Bronze::ordinary(300).set(7, "DISTANCE", "far");
    let mut versions = Versions::of(&older, &Bronze::ordinary(400));
    let mut kills = 0;
    for lake in [Lake::Folder, Lake::Bucket] {
        let all = points(&mut versions, "clean", lake).len();
        // What happens after silver was published comes last.
        for at in all.saturating_sub(16)..all {
            let mut year = just_before(&mut versions, "clean", lake);
            let finished = trace(year.worker("clean"), |count, _| match count < at {
                true => Then::GoOn,
                false => Then::Signal(Signal::SIGKILL),
            });
            kills += usize::from(finished.code.is_none());
            year.assert_whole();
            year.assert_recovers();
        }
    }
    assert!(kills > 16, "{kills}");
    report("clean killed where rejects of an earlier run vanish", kills, "as above");
}

/// Kills each worker after each of `moments` parts of the time that it takes.
fn by_time(moments: u32) -> usize {
    let mut versions = Versions::usual();
    let (mut kills, mut tried) = (0, 0);
    for (name, lake) in RUNS {
        let year = just_before(&mut versions, name, lake);
        let start = Instant::now();
        let _ = year.worker(name).run().summary();
        let whole = start.elapsed();
        drop(year);
        for moment in 0..moments {
            for signal in ["KILL", "TERM"] {
                let mut year = just_before(&mut versions, name, lake);
                let running = year.worker(name).start();
                std::thread::sleep(whole * moment / moments);
                running.signal(signal);
                let finished = running.wait();
                assert!(matches!(finished.code, None | Some(0 | 143)), "{finished:?}");
                kills += usize::from(finished.code != Some(0));
                tried += 1;
                year.assert_whole();
                year.assert_recovers();
            }
        }
    }
    let outcome = format!("of {tried} tries, the others came too late; as above");
    report("a worker killed after some time, by SIGKILL or SIGTERM", kills, &outcome);
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
