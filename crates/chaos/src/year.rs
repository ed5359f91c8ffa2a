//! A year on its way from an older state to a newer one: data dir, lake and table were filled from an
//! older raw file, and a newer one lies in the lake.

use std::sync::atomic::{AtomicBool, Ordering};

use e2e::bronze::Bronze;
use e2e::place::{Files, Place, assert_same, is_source};
use e2e::postgres::{Database, Server};
use e2e::s3::{BUCKET, S3};
use e2e::worker::Worker;

/// Those that make a year; `cleanup` ends it.
pub const MAKERS: [&str; 5] = ["extract", "clean", "aggregate", "detect", "load"];

/// Those that know the lake.
pub const LAKE_WORKERS: [&str; 3] = ["extract", "clean", "aggregate"];

/// Each worker on each kind of lake that it knows.
pub const RUNS: [(&str, Lake); 9] = [
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

const TABLE: &str = "agg_dep_delay_by_date";
const RAW: &str = "lake/01_bronze/2013.csv";

/// Where the lake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lake {
    /// A folder of the place.
    Folder,
    /// A bucket of an S3 server.
    Bucket,
}

/// What there is of a year at some moment.
#[derive(Clone)]
pub struct State {
    /// The files of data dir and lake, `data/…` and `lake/…`.
    pub files: Files,
    /// The rows of the table, but for when they changed.
    pub rows: Vec<String>,
}

/// The two states between which every disturbed run must be, made by runs that nothing disturbs.
pub struct Versions {
    raw: String,
    older: State,
    newer: State,
    database: Database<'static>,
}

impl Versions {
    /// Runs both raw files in turn, on a database of the test's own.
    #[must_use]
    pub fn of(older: &Bronze, newer: &Bronze) -> Self {
        Versions::on(Server::shared(), older, newer)
    }

    /// The same on this server.
    #[must_use]
    pub fn on(server: &'static Server, older: &Bronze, newer: &Bronze) -> Self {
        let mut database = server.database();
        let place = Place::new();
        let older = made(&place, &mut database, older.text());
        database.execute(&format!("CREATE TABLE older AS SELECT * FROM {TABLE}"));
        let raw = newer.text();
        let newer = made(&place, &mut database, &raw);
        assert_ne!(older.rows, newer.rows);
        Versions {
            raw,
            older,
            newer,
            database,
        }
    }

    /// Two years that differ in every file: other delays, other rows that cannot be read.
    #[must_use]
    pub fn usual() -> Self {
        Versions::usual_on(Server::shared())
    }

    /// The same on this server.
    #[must_use]
    pub fn usual_on(server: &'static Server) -> Self {
        let older = Bronze::ordinary(900).set(7, "DISTANCE", "far");
        let newer =
            Bronze::ordinary(1200)
                .set(9, "DISTANCE", "farther")
                .set(1, "DEP_DELAY", "700.0");
        Versions::on(server, &older, &newer)
    }

    /// A year in the older state, with the newer raw file in its lake.
    #[must_use]
    pub fn begin(&mut self, lake: Lake) -> Year<'_> {
        let restore =
            format!("BEGIN; DELETE FROM {TABLE}; INSERT INTO {TABLE} SELECT * FROM older; COMMIT");
        self.database.execute(&restore);
        let year = Year {
            place: Place::new(),
            bucket: (lake == Lake::Bucket).then(S3::start),
            cleaned: AtomicBool::new(false),
            versions: self,
        };
        for (name, bytes) in &year.versions.older.files {
            year.put(name, bytes);
        }
        year.put(RAW, &year.versions.raw);
        year
    }

    /// The same after the workers before `name` have brought what they make to the newer state.
    #[must_use]
    pub fn just_before(&mut self, name: &str, lake: Lake) -> Year<'_> {
        let year = self.begin(lake);
        year.run_up_to(name);
        year
    }
}

/// A year that is being run.
pub struct Year<'a> {
    /// Its data dir, and its lake where that is a folder.
    pub place: Place,
    /// Its lake where that is a bucket.
    pub bucket: Option<S3>,
    /// Whether `cleanup` has been among its workers: files of the data dir may be gone.
    cleaned: AtomicBool,
    versions: &'a mut Versions,
}

impl Year<'_> {
    /// A worker for it.
    #[must_use]
    pub fn worker(&self, name: &'static str) -> Worker {
        self.cleaned.fetch_or(name == "cleanup", Ordering::SeqCst);
        match (&self.bucket, name) {
            (_, "load") => self.versions.database.load(&self.place),
            (Some(s3), "extract" | "clean" | "aggregate") => self
                .place
                .worker_on(name, &format!("s3://{BUCKET}"))
                .envs(&s3.variables()),
            _ => self.place.worker(name),
        }
    }

    /// Runs the workers before `name`.
    pub fn run_up_to(&self, name: &str) {
        for before in MAKERS.into_iter().take_while(|maker| *maker != name) {
            let _ = self.worker(before).run().summary();
        }
    }

    /// The database that holds the table.
    pub fn database(&mut self) -> &mut Database<'static> {
        &mut self.versions.database
    }

    /// The rows of the table, but for when they changed.
    #[must_use]
    pub fn rows(&mut self) -> Vec<String> {
        rows(&mut self.versions.database)
    }

    /// The rows of the older state.
    #[must_use]
    pub fn older_rows(&self) -> &[String] {
        &self.versions.older.rows
    }

    /// The rows of the newer state.
    #[must_use]
    pub fn newer_rows(&self) -> &[String] {
        &self.versions.newer.rows
    }

    /// A file of data dir or lake.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        match (&self.bucket, name.strip_prefix("lake/")) {
            (Some(s3), Some(key)) => s3.put(key, bytes),
            _ => self.place.put(name, bytes),
        }
    }

    /// The files of data dir and lake.
    #[must_use]
    pub fn files(&self) -> Files {
        let mut files = self.place.files();
        files.retain(|name, _| !is_source(name));
        if let Some(s3) = &self.bucket {
            let object = |key: String| (format!("lake/{key}"), s3.get(&key));
            files.extend(s3.keys().into_iter().map(object));
        }
        files
    }

    /// At any moment each file under its final name, each object and the table are the older or the
    /// newer one, whole; none is missing that both have; and where silver is, its rejects are.
    pub fn assert_whole(&mut self) {
        let rows = self.rows();
        let (older, newer) = (&self.versions.older, &self.versions.newer);
        assert!(
            rows == older.rows || rows == newer.rows,
            "the table is neither the older nor the newer one"
        );
        let files = self.files();
        for (name, bytes) in &files {
            let is = |state: &State| state.files.get(name).is_some_and(|whole| whole == bytes);
            let hidden = name.ends_with(".unfinished");
            assert!(is(older) || is(newer) || hidden, "{name} is half done");
        }
        let cleaned = self.cleaned.load(Ordering::SeqCst);
        for name in older
            .files
            .keys()
            .filter(|name| newer.files.contains_key(*name))
        {
            let may_be_gone = cleaned && name.starts_with("data/") || is_source(name);
            assert!(may_be_gone || files.contains_key(name), "{name} is gone");
        }
        for (silver, rejected) in REJECTS {
            assert!(newer.files.contains_key(silver), "silver has another name");
            let is = |of: &State, name| files.get(name) == of.files.get(name);
            if files.contains_key(silver) && !(cleaned && silver.starts_with("data/")) {
                let belongs = match is(newer, silver) {
                    true => !newer.files.contains_key(rejected) || is(newer, rejected),
                    false => !older.files.contains_key(rejected) || files.contains_key(rejected),
                };
                assert!(belongs, "{silver} without its rejects");
            }
        }
    }

    /// The lake has the newer objects and no others.
    pub fn assert_lake_is_newer(&self) {
        let newer = in_the_lake(self.versions.newer.files.clone());
        assert_same(&newer, &in_the_lake(self.files()));
    }

    /// Runs the year again: in the end nothing tells it from one that was not disturbed.
    pub fn assert_recovers(&mut self) {
        self.assert_recovers_from(MAKERS[0]);
    }

    /// Runs a worker again, as Airflow does with a task that has failed, and those after it: in the end nothing tells
    /// the year from one that was not disturbed.
    pub fn assert_recovers_from(&mut self, name: &str) {
        for maker in MAKERS.into_iter().skip_while(|maker| *maker != name) {
            let _ = self.worker(maker).run().summary();
        }
        if name == "cleanup" {
            self.assert_lake_is_newer();
        } else {
            assert_same(&self.versions.newer.files, &self.files());
        }
        let rows = self.rows();
        assert!(rows == self.versions.newer.rows, "another table");
        let _ = self.worker("cleanup").run().summary();
        assert_eq!(self.place.names("data/"), Vec::<String>::new());
    }
}

/// Silver and its rejects, in the data dir and in the lake.
const REJECTS: [(&str, &str); 2] = [
    ("data/2013_02_silver.parquet", "data/2013_02_rejected.csv"),
    (
        "lake/02_silver/year/2013/2013_02_silver.parquet",
        "lake/02_silver/year/2013/2013_02_rejected.csv",
    ),
];

/// Those of the files that are objects of the lake.
#[must_use]
pub fn in_the_lake(mut files: Files) -> Files {
    files.retain(|name, _| name.starts_with("lake/"));
    files
}

/// What the workers make of a raw file when nothing disturbs them.
fn made(place: &Place, database: &mut Database, raw: impl AsRef<[u8]>) -> State {
    place.put(RAW, raw);
    for name in MAKERS {
        let worker = match name {
            "load" => database.load(place),
            _ => place.worker(name),
        };
        let _ = worker.run().summary();
    }
    State {
        files: place.files(),
        rows: rows(database),
    }
}

/// The rows of the table, but for when they changed.
#[must_use]
pub fn rows(database: &mut Database) -> Vec<String> {
    let rows = format!("SELECT to_jsonb(t) - 'last_update' FROM {TABLE} t ORDER BY id");
    database.rows(&rows).concat()
}

/// A place where the year has run up to `detect`, so that every worker finds its input.
#[must_use]
pub fn all_but_loaded() -> Place {
    let raw = Bronze::ordinary(300).set(7, "DISTANCE", "far").text();
    let place = Place::after("detect", &raw);
    place.put(RAW, &raw);
    place
}
