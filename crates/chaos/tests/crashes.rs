//! Workers that are killed at every point of their lives.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use chaos::report::report;
use chaos::trace::{Point, Side, Then, points, some_times, trace};
use chaos::year::{Lake, RUNS, Versions, Year};
use e2e::bronze::Bronze;
use nix::sys::signal::Signal;

const SIGNALS: [Signal; 2] = [Signal::SIGKILL, Signal::SIGTERM];

/// What became of kills, by signal.
#[derive(Default)]
struct Kills {
    /// The worker came to the point and got the signal.
    sent: [usize; 2],
    /// It was ended by it, and not by its work being done.
    ended: [usize; 2],
    /// Another order of its threads has other points.
    not_reached: usize,
}

impl Kills {
    fn all(&self) -> usize {
        self.ended.iter().sum()
    }

    /// SIGKILL ends whatever it meets; with SIGTERM the work may be done before the thread that hears of signals has
    /// woken.
    fn assert_kills(&self) {
        assert_eq!(self.ended[0], self.sent[0], "by SIGKILL");
        assert!(self.ended[1] * 10 >= self.sent[1] * 8, "by SIGTERM");
        assert!(self.not_reached * 10 <= self.all(), "{}", self.not_reached);
    }

    fn told(&self) -> String {
        format!(
            "{} by SIGKILL; {} by SIGTERM, {} got it too late; {} points were not come to",
            self.ended[0],
            self.ended[1],
            self.sent[1] - self.ended[1],
            self.not_reached
        )
    }
}

/// Runs a worker up to the `time`th time that it comes to a point, and kills it there; then it and those after it
/// run again.
fn kill_at(
    year: &mut Year<'_>,
    name: &'static str,
    at: &Point,
    (time, signal): (usize, usize),
    kills: &mut Kills,
) {
    let (mut times, mut sent) = (0, None);
    let finished = trace(year.worker(name), |point| {
        times += usize::from(point == at);
        if times < time {
            return Then::GoOn;
        }
        sent = Some(Instant::now());
        Then::Signal(SIGNALS[signal])
    });
    // Before it has a handler SIGTERM kills it as it is.
    assert!(
        matches!(finished.code, None | Some(0 | 143)),
        "{finished:?}"
    );
    match sent.map(|sent| sent.elapsed()) {
        None => kills.not_reached += 1,
        Some(took) => {
            kills.sent[signal] += 1;
            if finished.code != Some(0) {
                kills.ended[signal] += 1;
                assert!(took < Duration::from_secs(1), "{name}: {at}: {took:?}");
            }
        }
    }
    year.assert_whole();
    year.assert_recovers_from(name);
}

/// Kills each worker at each of its points that `chosen` takes, and says so.
fn at_points(what: &str, chosen: impl Fn(usize, usize) -> Vec<(usize, usize)>) -> usize {
    let mut versions = Versions::usual();
    let (mut kills, mut places) = (Kills::default(), 0);
    for (name, lake) in RUNS {
        let points = points(versions.just_before(name, lake).worker(name));
        assert!(!points.is_empty(), "{name} does nothing");
        for (number, (point, times)) in points.iter().enumerate() {
            for kill in chosen(number, *times) {
                let mut year = versions.just_before(name, lake);
                kill_at(&mut year, name, point, kill, &mut kills);
            }
        }
        places += points.len();
    }
    let outcome = format!(
        "{}; {places} different points; every file, object and table whole at once, the worker and those after it run \
         again equal to an undisturbed year",
        kills.told()
    );
    report(what, kills.all(), &outcome);
    kills.assert_kills();
    kills.all()
}

/// Every third point, with one of the signals in turn.
#[test]
fn killed_at_some_points() {
    let kills = at_points("killed at some system calls", |number, _| {
        match number % 3 {
            0 => vec![(1, number / 3 % 2)],
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
        times.flat_map(|time| [(time, 0), (time, 1)]).collect()
    });
    assert!(kills >= 600, "{kills}");
}

/// Rejects of the older year have to vanish, in the data dir and in the lake.
#[test]
fn clean_killed_where_rejects_vanish() {
    let older = Bronze::ordinary(300).set(7, "DISTANCE", "far");
    let mut versions = Versions::of(&older, &Bronze::ordinary(400));
    let mut kills = Kills::default();
    for lake in [Lake::Folder, Lake::Bucket] {
        let mut points = points(versions.just_before("clean", lake).worker("clean"));
        points.retain(|point, _| point.on.contains("rejected") || point.on.contains("silver"));
        for (point, times) in points {
            let mut year = versions.just_before("clean", lake);
            kill_at(&mut year, "clean", &point, (times, 0), &mut kills);
        }
    }
    kills.assert_kills();
    assert!(kills.all() > 16);
    report(
        "clean killed where rejects of an earlier run vanish",
        kills.all(),
        &kills.told(),
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
                year.assert_recovers_from(name);
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
    assert!(by_time(16) > 140);
}

/// A power cut takes what was not flushed: a file is flushed before it gets its final name, and its folder then.
#[test]
fn flushed_before_and_after_it_is_named() {
    let mut versions = Versions::usual();
    let mut files = 0;
    for (name, lake) in RUNS {
        let year = versions.just_before(name, lake);
        let mut calls = vec![];
        let finished = trace(year.worker(name), |point| {
            if point.side == Side::After {
                calls.push(format!("{} {}", point.call, point.on));
            }
            Then::GoOn
        });
        let _ = finished.summary();
        let first = |call: &str| calls.iter().position(|made| made == call);
        let last = |call: &str| calls.iter().rposition(|made| made == call);
        for call in &calls {
            let Some((_, target)) = call.split_once(' ').filter(|(call, _)| *call == "rename")
            else {
                continue;
            };
            let (folder, file) = target.rsplit_once('/').unwrap();
            let hidden = format!("{folder}/.{file}.unfinished");
            let written = last(&format!("write {hidden}"));
            let flushed = first(&format!("fsync {hidden}"));
            let named = first(call);
            let folder_flushed = last(&format!("fsync {folder}"));
            assert!(written.is_some(), "{name}: {calls:?}");
            assert!(
                written < flushed && flushed < named && named < folder_flushed,
                "{name}: {calls:?}"
            );
            files += 1;
        }
    }
    assert!(files >= 7, "{files}");
    report(
        "files that get their final name",
        files,
        "flushed before, their folder after it",
    );
}
