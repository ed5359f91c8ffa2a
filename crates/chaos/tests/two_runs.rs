//! Two runs at once, of the same year and of different ones, in one data dir, one lake and one table.

#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use chaos::report::report;
use chaos::trace::{Then, points, trace};
use chaos::year::{Lake, MAKERS, RUNS, Versions, Year, rows};
use e2e::bronze::Bronze;
use e2e::place::{Files, Place, assert_same};
use e2e::postgres::{Database, Server};
use e2e::worker::{ALL, Finished, Worker};

/// So long the first worker stands still while the second one runs. If it has not ended then, it waits for the
/// first one's lock.
const PATIENCE: Duration = Duration::from_millis(150);

/// What the second run does while the first one's worker stands still.
#[derive(Clone, Copy, Debug)]
enum Second {
    /// The same.
    Same,
    /// The steps before, of a newer raw file: the input changes while the first one works.
    StepsBefore,
    /// Its last step, which takes the input away.
    Cleanup,
}

impl Second {
    /// The second run's workers beside the first one's.
    fn workers(self, first: &'static str) -> Vec<&'static str> {
        match self {
            Second::Same => vec![first],
            Second::StepsBefore => ALL.into_iter().take_while(|name| *name != first).collect(),
            Second::Cleanup if first == "cleanup" => vec![],
            Second::Cleanup => vec!["cleanup"],
        }
    }
}

/// A worker that did its job, or that says that its input is gone, or that a newer run has replaced what it was made
/// from.
fn passed(finished: &Finished) -> bool {
    if finished.code == Some(0) {
        let _ = finished.summary();
        return true;
    }
    let error = finished.error();
    let gone = error.contains("no /") && error.ends_with(" first");
    let gone = gone || error.contains("cannot read ") && error.contains("No such file");
    let overtaken = error.contains(" was made from another 2013_")
        && error.ends_with(" --year 2013, and the workers after it");
    assert!(gone || overtaken, "{error}");
    false
}

/// Stops each worker at the points that `chosen` takes, and lets another run's worker go on meanwhile.
fn interleaved(what: &str, second: Second, chosen: impl Fn(usize) -> bool) {
    let mut versions = Versions::usual();
    let (mut cases, mut all, mut waited, mut input_gone) = (0, 0, 0, 0);
    for (first, lake) in RUNS {
        let others = second.workers(first);
        if others.is_empty() {
            continue;
        }
        // The first one begins on the older files where the second one brings newer ones.
        let next = match second {
            Second::StepsBefore => MAKERS[0],
            Second::Same | Second::Cleanup => first,
        };
        let points = points(versions.just_before(next, lake).worker(first));
        for (_, point) in points.keys().enumerate().filter(|(n, _)| chosen(*n)) {
            all += 1;
            let mut year = versions.just_before(next, lake);
            let mut running = None;
            let finished = trace(year.worker(first), |now| {
                if running.is_none() && now == point {
                    let workers = others.iter().map(|name| year.worker(name)).collect();
                    let start = Instant::now();
                    let second = thread::spawn(move || run(workers));
                    let patience = PATIENCE * others.len() as u32;
                    while !second.is_finished() && start.elapsed() < patience {
                        thread::sleep(Duration::from_millis(1));
                    }
                    waited += usize::from(!second.is_finished());
                    running = Some(second);
                }
                Then::GoOn
            });
            // Another order of its threads may have other points.
            let Some(running) = running else { continue };
            let both = [passed(&finished), running.join().unwrap()];
            let gone = both.iter().filter(|one| !**one).count();
            let may_fail = matches!(second, Second::StepsBefore) || others.contains(&"cleanup");
            assert!(gone == 0 || may_fail || first == "cleanup", "{finished:?}");
            input_gone += gone;
            cases += 1;
            year.assert_whole();
            year.assert_recovers();
        }
    }
    let outcome = format!(
        "in {waited} the second waited for the first; {input_gone} said that their input was gone or was made from an \
         older file; every file, object and table whole, the year run again as undisturbed"
    );
    report(what, cases, &outcome);
    assert!(cases > 20 && cases * 10 >= all * 9, "{cases} of {all}");
}

/// Stops each worker of an older run at the points that `chosen` takes, and lets a whole run of a newer raw file go on
/// meanwhile; then the older run goes on to its end, or to a worker that finds its input replaced. In the end all is as
/// the newer file has it.
fn overtaken(what: &str, chosen: impl Fn(usize) -> bool) {
    let mut versions = Versions::usual();
    let (mut cases, mut waited, mut stopped) = (0, 0, 0);
    for (first, lake) in RUNS.into_iter().filter(|(name, _)| MAKERS.contains(name)) {
        let points = points(versions.begin(lake).worker(first));
        for (_, point) in points.keys().enumerate().filter(|(n, _)| chosen(*n)) {
            // Data dir and table are the older file's.
            let mut year = versions.begin(lake);
            let mut running = None;
            let finished = trace(year.worker(first), |now| {
                if running.is_none() && now == point {
                    let newer = MAKERS.map(|name| year.worker(name));
                    let start = Instant::now();
                    let newer = thread::spawn(move || run(newer.into()));
                    while !newer.is_finished() && start.elapsed() < 8 * PATIENCE {
                        thread::sleep(Duration::from_millis(1));
                    }
                    waited += usize::from(!newer.is_finished());
                    running = Some(newer);
                }
                Then::GoOn
            });
            let Some(running) = running else { continue };
            let after = MAKERS.into_iter().skip_while(|name| *name != first).skip(1);
            let older = passed(&finished) && run(after.map(|name| year.worker(name)).collect());
            stopped += usize::from(!older);
            assert!(running.join().unwrap(), "{first}: {point}");
            cases += 1;
            assert!(year.rows() == year.newer_rows(), "{first}: {point}");
            year.assert_lake_is_newer();
            year.assert_whole();
            year.assert_recovers();
        }
    }
    let outcome = format!(
        "in {waited} the newer run waited for the older one; {stopped} older ones said that their input was made from \
         an older file; lake and table are the newer file's"
    );
    report(what, cases, &outcome);
    assert!(cases > 20);
}

#[test]
fn overtaken_by_a_newer_run_at_some_points() {
    overtaken(
        "a step, overtaken by a whole run of a newer raw file at some system calls",
        some,
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn overtaken_by_a_newer_run_at_every_point() {
    overtaken(
        "a step, overtaken by a whole run of a newer raw file at every system call",
        |_| true,
    );
}

fn some(number: usize) -> bool {
    number % 8 == 3
}

#[test]
fn the_same_step_twice_at_some_points() {
    interleaved(
        "the same step of two runs, at some system calls",
        Second::Same,
        some,
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn the_same_step_twice_at_every_point() {
    interleaved(
        "the same step of two runs, at every system call",
        Second::Same,
        |_| true,
    );
}

#[test]
fn the_steps_before_at_some_points() {
    interleaved(
        "a step and those before it of a newer raw file, at some system calls",
        Second::StepsBefore,
        some,
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn the_steps_before_at_every_point() {
    interleaved(
        "a step and those before it of a newer raw file, at every system call",
        Second::StepsBefore,
        |_| true,
    );
}

#[test]
fn cleanup_at_some_points() {
    interleaved(
        "a step and the other run's cleanup, at some system calls",
        Second::Cleanup,
        some,
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn cleanup_at_every_point() {
    interleaved(
        "a step and the other run's cleanup, at every system call",
        Second::Cleanup,
        |_| true,
    );
}

/// Two data dirs and one lake that is a folder: while `clean` of the one stands still at each system call in the lake,
/// the other's goes on.
#[test]
fn two_data_dirs_on_one_lake() {
    let text = Bronze::ordinary(900).set(7, "DISTANCE", "far").text();
    let (place, other) = (Place::with_bronze(&text), Place::with_bronze(&text));
    let lake = place.path("lake").display().to_string();
    let clean = |place: &Place| place.worker_on("clean", &lake);
    // The first one makes the folders.
    let _ = clean(&place).run().summary();
    let points = points(clean(&place));
    let whole = place.files();
    let in_the_lake: Vec<_> = points
        .keys()
        .filter(|point| point.on.starts_with("lake/"))
        .collect();
    assert!(in_the_lake.len() > 8, "{in_the_lake:?}");
    for &point in &in_the_lake {
        let mut running = None;
        let finished = trace(clean(&place), |now| {
            if running.is_none() && now == point {
                let worker = clean(&other);
                let second = thread::spawn(move || worker.run());
                let start = Instant::now();
                while !second.is_finished() && start.elapsed() < PATIENCE {
                    thread::sleep(Duration::from_millis(1));
                }
                for (name, bytes) in place.files() {
                    let hidden = name.ends_with(".unfinished");
                    assert!(hidden || whole[&name] == bytes, "{point}: {name}");
                }
                running = Some(second);
            }
            Then::GoOn
        });
        let _ = finished.summary();
        let _ = running.unwrap().join().unwrap().summary();
        assert_same(&whole, &place.files());
    }
    report(
        "two data dirs on one lake that is a folder, at each system call in it",
        in_the_lake.len(),
        "both through; every object whole at any time",
    );
}

/// All steps in turn, up to the first that fails: whether none did.
fn run(steps: Vec<Worker>) -> bool {
    steps.into_iter().all(|step| passed(&step.run()))
}

/// All of two runs of one year, the second a little later each time.
fn whole_runs(times: u32) {
    let mut versions = Versions::usual();
    let (mut both, mut one) = (0, 0);
    for time in 0..times {
        let lake = [Lake::Folder, Lake::Bucket][time as usize % 2];
        let mut year: Year<'_> = versions.begin(lake);
        let steps = || ALL.map(|name| year.worker(name)).into();
        let (first, second): (Vec<Worker>, Vec<Worker>) = (steps(), steps());
        let through = thread::scope(|scope| {
            let second = scope.spawn(|| {
                thread::sleep(Duration::from_millis(200) * time / times);
                run(second)
            });
            [run(first), second.join().unwrap()]
        });
        match through {
            [true, true] => both += 1,
            [false, false] => panic!("each lost its input to the other"),
            _ => one += 1,
        }
        assert!(year.rows() == year.newer_rows());
        year.assert_lake_is_newer();
        year.assert_whole();
        year.assert_recovers();
    }
    let outcome = format!(
        "{both} times both got through, {one} times one lost its input to the other's cleanup and said so; \
         table and lake as undisturbed"
    );
    report("two whole runs of the same year", times as usize, &outcome);
}

#[test]
fn two_runs_of_the_same_year() {
    whole_runs(8);
}

#[test]
#[ignore = "make chaos: minutes"]
fn many_times_two_runs_of_the_same_year() {
    whole_runs(60);
}

const YEARS: [i32; 4] = [2013, 2014, 2015, 2016];

/// The steps of a year.
fn steps(place: &Place, database: &Database<'_>, year: i32) -> Vec<Worker> {
    let step = |name| match name {
        "load" => database.load_year(place, year),
        _ => {
            let partial = if name == "clean" { "--partial" } else { "" };
            let worker = Worker::new(name).args(&format!("--year {year} {partial}"));
            let worker = worker.env("DATA_DIR", place.path("data"));
            worker.env("LAKE_URL", place.path("lake"))
        }
    };
    MAKERS.map(step).into()
}

/// A place and a database where the years have been made: in turn, or all at once.
fn years(at_once: bool) -> (Files, Vec<String>) {
    let place = Place::new();
    let mut database = Server::shared().database();
    for year in YEARS {
        let flights = Bronze::ordinary(300 + 100 * (year - YEARS[0]) as usize);
        let text = flights.text().replace("2013-", &format!("{year}-"));
        place.put(&format!("lake/01_bronze/{year}.csv"), text);
    }
    let years = YEARS.map(|year| steps(&place, &database, year));
    if at_once {
        thread::scope(|scope| {
            for running in years.map(|steps| scope.spawn(|| run(steps))) {
                assert!(running.join().unwrap());
            }
        });
    } else {
        assert!(years.into_iter().all(run));
    }
    (place.files(), rows(&mut database))
}

/// Into a table that the first of them makes.
fn different_years(times: usize) {
    let (files, rows) = years(false);
    for _ in 0..times {
        let (files_at_once, rows_at_once) = years(true);
        assert_same(&files, &files_at_once);
        assert!(rows == rows_at_once);
    }
    report(
        "four years at once",
        times,
        "files, lake and table as those of years that are run in turn",
    );
}

#[test]
fn years_at_once() {
    different_years(3);
}

#[test]
#[ignore = "make chaos: minutes"]
fn years_at_once_many_times() {
    different_years(30);
}
