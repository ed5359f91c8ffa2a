//! A folder of a test's own, with a data dir and a lake in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::YEAR;
use crate::worker::{Finished, Worker};

/// Files by their path below a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A data dir and a lake that is a folder; removed when dropped.
pub struct Place {
    dir: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}

impl Place {
    /// An empty data dir, and a lake without objects.
    #[must_use]
    pub fn new() -> Self {
        Place::within(&std::env::temp_dir())
    }

    /// The same in a folder of this one, which may be on another file system.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        let dir = tempfile::tempdir_in(folder).unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::create_dir_all(dir.path().join("lake/01_bronze")).unwrap();
        Place { dir }
    }

    /// A place whose data dir has this raw file of the year.
    #[must_use]
    pub fn with_bronze(text: impl AsRef<[u8]>) -> Self {
        let place = Place::new();
        place.put("data/2013_01_bronze.csv", text);
        place
    }

    /// A place where the workers up to `last` have run on this raw file.
    #[must_use]
    pub fn after(last: &str, text: impl AsRef<[u8]>) -> Self {
        let place = Place::with_bronze(text);
        for name in ["clean", "aggregate", "detect"] {
            let _ = place.worker(name).run().summary();
            if name == last {
                return place;
            }
        }
        panic!("{last} is none of them");
    }

    /// The folder that holds the data dir and the lake.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A path below it.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir().join(below)
    }

    /// Writes a file.
    pub fn put(&self, below: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Reads a file.
    #[must_use]
    pub fn get(&self, below: &str) -> Vec<u8> {
        fs::read(self.path(below)).unwrap_or_else(|e| panic!("{below}: {e}"))
    }

    /// Every file below the place, hidden ones too.
    #[must_use]
    pub fn files(&self) -> Files {
        let mut found = Files::new();
        gather(self.dir(), "", &mut found);
        found
    }

    /// The paths of [`Place::files`] that begin with `below`.
    #[must_use]
    pub fn names(&self, below: &str) -> Vec<String> {
        self.files()
            .into_keys()
            .filter(|name| name.starts_with(below))
            .collect()
    }

    /// A worker for the year, on this data dir and, where it takes one, this lake.
    #[must_use]
    pub fn worker(&self, name: &'static str) -> Worker {
        self.worker_on(name, self.path("lake").to_str().unwrap())
    }

    /// The same on another lake.
    #[must_use]
    pub fn worker_on(&self, name: &'static str, lake: &str) -> Worker {
        let worker = Worker::new(name)
            .args(&format!("--year {YEAR} --data-dir"))
            .arg(self.path("data"));
        match name {
            // The tests' raw files have a few days only.
            "clean" => worker.arg("--partial").arg("--lake").arg(lake),
            "extract" | "aggregate" => worker.arg("--lake").arg(lake),
            _ => worker,
        }
    }

    /// Puts an older output of the worker wherever it writes one: no failure may touch them.
    pub fn put_older_outputs(&self, name: &str) {
        let paths: &[&str] = match name {
            "extract" => &["data/2013_01_bronze.csv"],
            "clean" => &[
                "data/2013_02_silver.parquet",
                "data/2013_02_rejected.csv",
                "lake/02_silver/year/2013/2013_02_silver.parquet",
                "lake/02_silver/year/2013/2013_02_rejected.csv",
            ],
            "aggregate" => &[
                "data/2013_03_gold.parquet",
                "lake/03_gold/agg_dep_delay_by_date/year/2013/2013_03_gold.parquet",
            ],
            "detect" => &["data/2013_04_anomalies.parquet"],
            other => panic!("{other} writes no file"),
        };
        for path in paths {
            self.put(path, format!("an older run of {name}"));
            let file = fs::File::options().write(true).open(self.path(path));
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            file.unwrap().set_modified(long_ago).unwrap();
        }
    }

    /// Runs a worker that must fail with exit code 1 and one error line, and must leave every file
    /// as it was, without a further one, hidden or not. Returns the error line.
    #[must_use]
    pub fn refusal(&self, worker: Worker) -> String {
        let (error, _) = self.refusal_of(worker);
        error
    }

    /// As [`Place::refusal`], with what the worker left on its streams.
    #[must_use]
    pub fn refusal_of(&self, worker: Worker) -> (String, Finished) {
        let before = self.files();
        let finished = worker.run();
        let error = finished.error().replace(self.dir().to_str().unwrap(), "…");
        assert_same(&before, &self.files());
        (error, finished)
    }
}

/// Whether the file records where the raw file came from, which names the very folder.
#[must_use]
pub fn is_source(name: &str) -> bool {
    name.ends_with("_01_bronze.source")
}

/// Fails with the names of the files that differ, apart from those of [`is_source`].
pub fn assert_same(before: &Files, after: &Files) {
    let differs = |name: &&String| before.get(*name) != after.get(*name) && !is_source(name);
    let mut names: Vec<_> = before.keys().chain(after.keys()).filter(differs).collect();
    names.dedup();
    assert!(names.is_empty(), "these files changed: {names:?}");
}

fn gather(dir: &Path, below: &str, found: &mut Files) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            gather(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}
