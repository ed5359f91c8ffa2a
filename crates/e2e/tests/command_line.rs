//! The contract of the command line: help, usage errors, variables, the summary line.

#![allow(clippy::unwrap_used)]

use e2e::YEAR;
use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::worker::{ALL, Finished, Worker};

/// Exit code 2, nothing on stdout, and one line that begins with the worker's name.
fn usage_error(name: &str, finished: &Finished) -> String {
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert_eq!(finished.stdout, "", "{finished:?}");
    let begin = format!("{name}: error: ");
    assert!(finished.stderr.starts_with(&begin), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    finished.stderr.clone()
}

/// A run that would succeed, but for what a test adds to it.
fn fine(name: &'static str) -> Worker {
    Worker::new(name)
        .args("--lake .")
        .args(&format!("--year {YEAR}"))
}

#[test]
fn help() {
    for name in ALL {
        let finished = Worker::new(name).arg("--help").run();
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
        let example = format!("{name} --year 2013");
        assert!(finished.stdout.contains("Example: "), "{name}");
        assert!(finished.stdout.contains(&example), "{name}");
        insta::assert_snapshot!(format!("{name}_help"), finished.stdout);
        let short = Worker::new(name).arg("-h").run();
        assert_eq!(short.code, Some(0));
    }
}

/// Help shows the names of variables, never what is in them.
#[test]
fn help_shows_no_value_of_a_variable() {
    for name in ALL {
        let worker = Worker::new(name)
            .env("LAKE_URL", "canary")
            .env("DATA_DIR", "canary")
            .env("PGPASSWORD", "canary");
        let finished = worker.arg("--help").run();
        assert_eq!(finished.code, Some(0));
        assert!(!finished.stdout.contains("canary"), "{}", finished.stdout);
    }
}

#[test]
fn a_year_that_is_none() {
    for name in ALL {
        for year in [
            "13", "1986", "2100", "two", "2013.0", "-2013", "02013", "+2013", "",
        ] {
            let finished = Worker::new(name).arg(format!("--year={year}")).run();
            let error = usage_error(name, &finished);
            assert!(error.contains("--year"), "{error}");
        }
        let error = usage_error(name, &Worker::new(name).run());
        assert!(error.contains("--year <YEAR>"), "{error}");
    }
}

#[test]
fn an_unknown_flag() {
    for name in ALL {
        let finished = Worker::new(name)
            .args("--year 2013 --password secret")
            .run();
        let error = usage_error(name, &finished);
        assert!(
            error.contains("unexpected argument '--password'"),
            "{error}"
        );
    }
}

#[test]
fn a_lake_that_makes_no_sense() {
    for name in ["extract", "clean", "aggregate"] {
        for lake in [
            "ftp://host/dir",
            "s3://",
            "s3://A Bucket",
            "file://host/dir",
            "",
        ] {
            let finished = Worker::new(name).args("--year 2013 --lake").arg(lake).run();
            let error = usage_error(name, &finished);
            assert!(
                error.contains("give s3://bucket[/prefix], file:///dir or a folder"),
                "{error}"
            );
        }
        let error = usage_error(name, &Worker::new(name).args("--year 2013").run());
        assert!(error.contains("--lake <LAKE>"), "{error}");
    }
}

#[test]
fn numbers_and_names_out_of_range() {
    for (name, arguments) in [
        ("clean", "--max-rejected 1.5"),
        ("clean", "--max-rejected -1"),
        ("clean", "--max-rejected NaN"),
        ("detect", "--contamination 0"),
        ("detect", "--contamination 0.6"),
        ("detect", "--contamination NaN"),
        ("detect", "--seed -1"),
        ("detect", "--models crystal-ball"),
        ("load", "--table a.b.c"),
    ] {
        let worker = if name == "clean" {
            fine(name)
        } else {
            Worker::new(name).args("--year 2013")
        };
        usage_error(name, &worker.args(arguments).run());
    }
}

#[test]
fn an_address_in_the_place_of_a_lake_is_not_shown() {
    for name in ["extract", "clean", "aggregate"] {
        for lake in [
            "key:canary@flights",
            "key:canary@flights/a",
            "s3:/key:canary@flights",
            "s3://KEY:canary/flights",
            "https://flights.s3.amazonaws.com/?X-Amz-Signature=canary",
        ] {
            let finished = Worker::new(name).args("--year 2013 --lake").arg(lake).run();
            let error = usage_error(name, &finished);
            assert!(!error.contains("canary"), "{error}");
        }
    }
}

#[test]
fn variables_that_make_no_sense() {
    for (variable, value, told) in [
        (
            "DATABASE_URL",
            "mysql://etl:canary@db/ml_results",
            "DATABASE_URL is not for PostgreSQL",
        ),
        (
            "DATABASE_URL",
            "postgresql://etl:canary@db:port/ml_results",
            "DATABASE_URL",
        ),
        ("PGPORT", "x", "PGPORT is not a port"),
        ("PGSSLMODE", "maybe", "PGSSLMODE is unknown"),
        (
            "PGCONNECT_TIMEOUT",
            "soon",
            "PGCONNECT_TIMEOUT is not a number",
        ),
        ("PGSERVICE", "warehouse", "PGSERVICE is not supported"),
        ("PGHOSTADDR", "db", "PGHOSTADDR is not an IP address"),
        ("PGCHANNELBINDING", "on", "PGCHANNELBINDING is unknown"),
        (
            "PGTARGETSESSIONATTRS",
            "standby",
            "PGTARGETSESSIONATTRS asks for a read-only server",
        ),
        ("PGHOST", "db", "no user: set PGUSER or DATABASE_URL"),
    ] {
        let mut load = Worker::new("load")
            .args("--year 2013")
            .env(variable, value)
            .env("PGPASSWORD", "canary");
        if variable != "PGHOST" {
            load = load.env("PGUSER", "etl");
        }
        let error = usage_error("load", &load.run());
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("canary"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn variables_in_the_place_of_arguments() {
    let place = Place::with_bronze(Bronze::ordinary(300).text());
    place.put("lake/01_bronze/2013.csv", Bronze::ordinary(300).text());
    for name in ["extract", "clean", "aggregate", "detect"] {
        let partial = if name == "clean" { "--partial" } else { "" };
        let worker = Worker::new(name).args(&format!("--year 2013 {partial}"));
        let worker = worker
            .env("DATA_DIR", place.path("data"))
            .env("LAKE_URL", place.path("lake"));
        let _ = worker.run().summary();
    }
    assert_eq!(place.names("data/").len(), 5);
    // An argument goes before a variable.
    let cleanup = place
        .worker("cleanup")
        .env("DATA_DIR", "/nonexistent")
        .run()
        .summary();
    assert_eq!(cleanup["removed"].as_array().unwrap().len(), 5);
}

#[test]
fn without_a_data_dir_it_is_data_in_this_folder() {
    let place = Place::with_bronze(Bronze::ordinary(300).text());
    let clean = Worker::new("clean")
        .args("--partial --year 2013 --lake lake")
        .inside(place.dir());
    let _ = clean.run().summary();
    assert_eq!(place.names("data/").len(), 2);
    assert_eq!(place.names("lake/").len(), 1);
}

#[test]
fn quiet_and_verbose() {
    let bronze = Bronze::ordinary(300).set(3, "DISTANCE", "far");
    let place = Place::with_bronze(bronze.text());
    let lines = |flags: &str| {
        let finished = place.worker("clean").args(flags).run();
        let _ = finished.summary();
        finished.stderr.lines().count()
    };
    assert_eq!((lines("-qq"), lines("-q"), lines("")), (0, 1, 3));
    assert!(lines("-vv") >= 2);
    // An error is told however quiet.
    for flag in ["-q", "-qq", "-qqqq"] {
        let error = Place::new().worker("clean").arg(flag).run();
        assert!(error.error().ends_with("run extract --year 2013 first"));
    }
}

/// Every line of a log begins with the worker's name, so that six in one log can be told apart.
#[test]
fn log_lines_begin_with_the_worker() {
    let bronze = Bronze::ordinary(300).set(3, "DISTANCE", "far");
    let place = Place::with_bronze(bronze.text());
    for name in ["clean", "aggregate", "detect", "cleanup"] {
        let finished = place.worker(name).run();
        assert!(!finished.stderr.is_empty(), "{name}");
        let begin = format!("{name}: ");
        assert!(
            finished.stderr.lines().all(|line| line.starts_with(&begin)),
            "{finished:?}"
        );
    }
}

/// The summaries of workers that need no service; `tests/pipeline.rs` has that of load.
#[test]
fn summaries() {
    let place = Place::new();
    place.put(
        "lake/01_bronze/2013.csv",
        Bronze::ordinary(300).set(3, "DISTANCE", "far").text(),
    );
    let mut lines = vec![];
    for name in ["extract", "clean", "aggregate", "detect", "cleanup"] {
        let finished = place.worker(name).run();
        let summary = finished.summary();
        assert!(summary["seconds"].is_f64(), "{summary}");
        // Only the sizes and times vary; the order of the keys is part of what is shown.
        let line = finished.stdout.replace(place.dir().to_str().unwrap(), "…");
        let line = line.replace(
            &format!("\"seconds\":{}", summary["seconds"]),
            "\"seconds\":…",
        );
        let bytes = format!("\"bytes\":{}", summary["bytes"]);
        lines.push(line.replace(&bytes, "\"bytes\":…"));
        // What BashOperator stores is the last line of both streams together.
        assert!(finished.stdout.ends_with("}\n"));
    }
    insta::assert_snapshot!(lines.concat());
}

/// Stdout and stderr into one pipe, as BashOperator reads them: the summary is the last line.
#[test]
fn the_summary_comes_after_every_log_line() {
    let place = Place::with_bronze(Bronze::ordinary(300).text());
    let script = "\"$0\" \"$@\" 2>&1";
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", script])
        .arg(e2e::worker::binary("clean"));
    command
        .args(["--partial", "--year", "2013", "--data-dir"])
        .arg(place.path("data"));
    let output = command
        .arg("--lake")
        .arg(place.path("lake"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 1, "{text}");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["task"], "clean");
}
