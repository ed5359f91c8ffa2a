//! Data dirs and lakes that are missing, cannot be written, or have no room left.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use e2e::bronze::Bronze;
use e2e::mounts;
use e2e::place::{Files, Place, assert_same};
use e2e::worker::{ALL, Worker};

/// The workers that write into the data dir.
const WRITERS: [&str; 4] = ["extract", "clean", "aggregate", "detect"];

/// A place in which the input of the worker lies, and an older output. Detect's and aggregate's
/// outputs are larger than a page of a disk.
fn before(name: &'static str) -> Place {
    let text = Bronze::ordinary(4000).text();
    let place = match name {
        "extract" => Place::new(),
        "clean" => Place::with_bronze(&text),
        "aggregate" => Place::after("clean", &text),
        _ => Place::after("aggregate", &text),
    };
    if name == "extract" {
        place.put("lake/01_bronze/2013.csv", &text);
    }
    place.put_older_outputs(name);
    place
}

/// The files below a folder of the place, without its name.
fn below(place: &Place, dir: &str) -> Files {
    let files = place.files().into_iter();
    files
        .filter_map(|(path, bytes)| Some((path.strip_prefix(dir)?.to_owned(), bytes)))
        .collect()
}

/// Such as that of the warehouse, with its password.
#[test]
fn an_address_is_no_data_dir() {
    for name in ALL {
        let address = "postgres://u:canary@h/d";
        let by_flag = Worker::new(name).args(&format!("--year 2013 --data-dir {address}"));
        let by_variable = Worker::new(name)
            .args("--year 2013")
            .env("DATA_DIR", address);
        for worker in [by_flag, by_variable] {
            let finished = worker.run();
            assert_eq!(finished.code, Some(2), "{finished:?}");
            assert!(finished.stderr.contains("give a folder"), "{finished:?}");
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

fn on_a_full_disk(name: &'static str, dir: &str) {
    let place = before(name);
    let (data, lake) = (below(&place, "data/"), below(&place, "lake/"));
    let Some(worker) = mounts::with_room(&place, place.worker(name), dir, 0) else {
        return;
    };
    let finished = worker.run();
    let error = finished.error();
    assert!(error.contains("No space left on device"), "{error}");
    assert!(error.contains("free some space and run again"), "{error}");
    assert!(error.contains(place.path(dir).to_str().unwrap()), "{error}");
    match dir {
        "data" => {
            assert_same(&data, &below(&place, "data.after/"));
            assert_same(&lake, &below(&place, "lake/"));
        }
        _ => assert_same(&lake, &below(&place, "lake.after/")),
    }
}

#[test]
fn extract_on_a_full_disk() {
    on_a_full_disk("extract", "data");
}

#[test]
fn clean_on_a_full_disk() {
    on_a_full_disk("clean", "data");
}

#[test]
fn aggregate_on_a_full_disk() {
    on_a_full_disk("aggregate", "data");
}

#[test]
fn detect_on_a_full_disk() {
    on_a_full_disk("detect", "data");
}

#[test]
fn clean_into_a_lake_on_a_full_disk() {
    on_a_full_disk("clean", "lake");
}

#[test]
fn a_data_dir_that_is_mounted_read_only() {
    for name in WRITERS {
        let place = before(name);
        let files = place.files();
        let Some(worker) = mounts::read_only(&place, place.worker(name), "data") else {
            return;
        };
        let finished = worker.run();
        let wanted = format!("cannot write into {}: ", place.path("data").display());
        assert!(finished.error().contains(&wanted), "{finished:?}");
        assert_same(&files, &place.files());
    }
}

#[test]
fn a_data_dir_that_others_own() {
    for name in WRITERS {
        let place = before(name);
        let mode = |mode| {
            fs::set_permissions(place.path("data"), fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(0o555);
        if fs::File::create(place.path("data/probe")).is_ok() {
            e2e::skipped("root may write anywhere");
            return;
        }
        let error = place.refusal(place.worker(name));
        mode(0o755);
        assert!(error.contains("cannot write into …/data: "), "{error}");
        assert!(error.contains("check its owner, its mode"), "{error}");
    }
}

#[test]
fn a_data_dir_that_nobody_can_write() {
    let place = before("extract");
    let worker = Worker::new("extract").args("--year 2013 --data-dir /sys");
    let error = place.refusal(worker.arg("--lake").arg(place.path("lake")));
    assert!(error.starts_with("cannot write into /sys: "), "{error}");
}

#[test]
fn a_file_in_the_place_of_the_data_dir() {
    for name in ALL {
        let place = Place::new();
        place.put("lake/01_bronze/2013.csv", "x");
        fs::remove_dir(place.path("data")).unwrap();
        place.put("data", "not a folder");
        let worker = place.worker(name).env("PGUSER", "nobody");
        let error = place.refusal(worker);
        assert!(error.contains("…/data"), "{name}: {error}");
        assert!(
            error.contains("it is not a folder, choose another"),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_missing_data_dir() {
    for name in ["clean", "aggregate", "detect", "load"] {
        let place = Place::new();
        fs::remove_dir(place.path("data")).unwrap();
        let error = place.refusal(place.worker(name).env("PGUSER", "nobody"));
        assert!(error.starts_with("no …/data/2013_0"), "{name}: {error}");
        assert!(error.ends_with(" --year 2013 first"), "{name}: {error}");
    }
}

#[test]
fn extract_makes_the_data_dir() {
    let place = before("extract");
    let deep = place.path("a folder/größer");
    let worker = Worker::new("extract")
        .args("--year 2013 --data-dir")
        .arg(&deep);
    let _ = worker.arg("--lake").arg(place.path("lake")).run().summary();
    assert!(deep.join("2013_01_bronze.csv").is_file());
}

/// Another container's user, of the same group, can read and replace them.
#[test]
fn published_files_have_mode_664() {
    let place = Place::after(
        "detect",
        Bronze::ordinary(100).set(5, "DISTANCE", "far").text(),
    );
    place.put("lake/01_bronze/2013.csv", "x");
    let _ = place.worker("extract").run().summary();
    let modes: BTreeMap<_, _> = place
        .names("data/")
        .into_iter()
        .map(|name| {
            let mode = fs::metadata(place.path(&name))
                .unwrap()
                .permissions()
                .mode();
            (name, mode & 0o7777)
        })
        .collect();
    assert_eq!(modes.len(), 6);
    assert!(modes.values().all(|mode| *mode == 0o664), "{modes:?}");
}

#[test]
fn a_lake_that_is_missing() {
    for name in ["extract", "clean", "aggregate"] {
        let place = Place::after("clean", Bronze::ordinary(100).text());
        fs::remove_dir_all(place.path("lake")).unwrap();
        let error = place.refusal(place.worker(name));
        assert_eq!(
            error, "no folder …/lake: create it, or correct --lake (LAKE_URL)",
            "{name}"
        );
    }
}

#[test]
fn a_lake_that_is_a_file() {
    for name in ["extract", "clean", "aggregate"] {
        let place = Place::after("clean", Bronze::ordinary(100).text());
        fs::remove_dir_all(place.path("lake")).unwrap();
        place.put("lake", "not a folder");
        let error = place.refusal(place.worker(name));
        assert!(error.contains("…/lake"), "{name}: {error}");
        assert!(error.contains("it is not a folder"), "{name}: {error}");
    }
}

#[test]
fn a_lake_that_is_mounted_read_only() {
    for name in ["clean", "aggregate"] {
        let place = before(name);
        let lake = below(&place, "lake/");
        let Some(worker) = mounts::read_only(&place, place.worker(name), "lake") else {
            return;
        };
        let finished = worker.run();
        let error = finished.error();
        assert!(error.contains("Read-only file system"), "{error}");
        assert!(!error.contains("network"), "{error}");
        assert_same(&lake, &below(&place, "lake/"));
    }
}

/// Below it no folder was ever made.
#[test]
fn a_new_lake_that_is_mounted_read_only() {
    let place = Place::with_bronze(Bronze::ordinary(100).text());
    let Some(worker) = mounts::read_only(&place, place.worker("clean"), "lake") else {
        return;
    };
    let finished = worker.run();
    let told =
        "check the owner, the mode and the disk of the folders above it: Read-only file system";
    assert!(finished.error().contains(told), "{finished:?}");
}

/// Something else where a worker's own file would be: a pipe could be waited for without end, a link leads elsewhere.
#[test]
fn something_else_than_a_file() {
    let outputs = [
        ("extract", "2013_01_bronze.csv"),
        ("clean", "2013_02_silver.parquet"),
        ("aggregate", "2013_03_gold.parquet"),
        ("detect", "2013_04_anomalies.parquet"),
    ];
    for (name, output) in outputs {
        for kind in ["pipe", "link", "folder"] {
            let place = before(name);
            let hidden = format!("data/.{output}.unfinished");
            let path = place.path(&hidden);
            match kind {
                "pipe" => pipe(&path),
                "link" => symlink("nowhere", &path).unwrap(),
                _ => fs::create_dir(&path).unwrap(),
            }
            let told = format!("…/{hidden} is not a file: move it away");
            for name in [name, "cleanup"] {
                let error = place.worker(name).run().error().to_owned();
                let place = place.dir().display().to_string();
                assert!(
                    error.replace(&place, "…").contains(&told),
                    "{name}: {error}"
                );
            }
        }
    }
}

/// What `clean` has made is then the lake's own file, and no copy of it.
#[test]
fn a_data_dir_that_is_a_folder_of_the_lake() {
    let place = Place::with_bronze(Bronze::ordinary(100).text());
    let dir = place.path("lake/02_silver/year/2013");
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    fs::rename(place.path("data"), &dir).unwrap();
    symlink(&dir, place.path("data")).unwrap();
    let error = place.worker("clean").run().error().to_owned();
    let told = "2013_02_silver.parquet is the lake's own: choose a data dir outside the lake";
    assert!(error.ends_with(told), "{error}");
}

/// A folder under a final name: `cleanup` removes no folders.
#[test]
fn a_folder_in_the_place_of_an_output() {
    let place = Place::new();
    let path = place.path("data/2013_02_silver.parquet");
    fs::create_dir_all(&path).unwrap();
    let error = place.worker("cleanup").run().error().to_owned();
    let told = format!("{} is not a file: move it away", path.display());
    assert!(error.contains(&told), "{error}");
}

/// A pipe under a final name keeps nobody waiting either.
#[test]
fn a_pipe_in_the_place_of_an_input() {
    for (name, input) in [
        ("clean", "data/2013_01_bronze.csv"),
        ("aggregate", "data/2013_02_silver.parquet"),
        ("detect", "data/2013_03_gold.parquet"),
        ("extract", "lake/01_bronze/2013.csv"),
    ] {
        let place = Place::new();
        fs::create_dir_all(place.path(input).parent().unwrap()).unwrap();
        pipe(&place.path(input));
        let path = place.path(input);
        let told = format!("{} is not a file: move it away", path.display());
        assert_eq!(place.worker(name).run().error(), told);
    }
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}
