//! The sample years give what the original Python gave: silver's row counts, and every gold value
//! to the bit.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use e2e::parquet_file;
use e2e::worker::Worker;

/// Year, rows of bronze, rows of silver, airport-days on which no flight flew, which the original
/// leaves out of gold. Recorded with the original pipeline, its own code, under
/// pandas 1.5.2, numpy 1.23.5 and pyarrow 10.0.1; the gold values beside this file too.
const RECORDED: [(i32, i64, i64, usize); 5] = [
    (2000, 47_143, 46_604, 99),
    (2001, 49_174, 48_713, 126),
    (2002, 49_648, 49_535, 18),
    (2003, 58_676, 58_442, 58),
    (2013, 336_776, 328_521, 0),
];

/// Airport-days whose mean is another one than the original's: it took -1111 minutes for a delay, `clean` rejects it.
const DIFFER: [(i32, &str, &str); 1] = [(2003, "PBI", "2003-08-15")];

type Key = (String, String);
type Gold = BTreeMap<Key, u64>;

/// The columns origin, fl_date, mean_dep_delay of a CSV.
fn recorded(path: &Path) -> Gold {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut file = flate2::read::MultiGzDecoder::new(file);
    file.read_to_string(&mut text).unwrap();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(
        csv.headers().unwrap(),
        vec!["origin", "fl_date", "mean_dep_delay"]
    );
    csv.records()
        .map(|record| {
            let record = record.unwrap();
            let mean: f64 = record[2].parse().unwrap();
            ((record[0].into(), record[1].into()), mean.to_bits())
        })
        .collect()
}

/// What the workers made of a year.
struct Ours {
    rows_in: i64,
    rows_out: i64,
    /// The airport and day of each row whose delay is rejected.
    rejected: Vec<Key>,
    /// The days on which a flight flew.
    gold: Gold,
    /// The other days, how many flights of each were cancelled.
    closed: Vec<i64>,
}

/// Runs extract, clean and aggregate on a raw file of the year; `more` are further arguments of clean.
fn ours(raw_file: &Path, year: i32, more: &str) -> Ours {
    let data = tempfile::tempdir().unwrap();
    let lake = tempfile::tempdir().unwrap();
    let bronze = lake.path().join("01_bronze");
    fs::create_dir(&bronze).unwrap();
    fs::copy(raw_file, bronze.join(name(raw_file))).unwrap();
    let run = |name, more: &str| {
        let worker = Worker::new(name).args(&format!("{more} --year {year} --data-dir"));
        worker
            .arg(data.path())
            .arg("--lake")
            .arg(lake.path())
            .run()
            .summary()
    };
    let _ = run("extract", "");
    let clean = run("clean", more);
    let aggregate = run("aggregate", "");
    let rejected = rejected(&data.path().join(format!("{year}_02_rejected.csv")));
    assert_eq!(clean["rejected"], rejected.len());
    assert_eq!(clean["duplicates"], 0);

    let silver = data.path().join(format!("{year}_02_silver.parquet"));
    let rows = parquet_file::row_count(&silver);
    assert_eq!(clean["rows_out"], rows);
    assert_eq!(aggregate["rows_in"], rows);
    let file = data.path().join(format!("{year}_03_gold.parquet"));
    let rows_of_gold = parquet_file::rows(&file);
    let keys: Vec<_> = rows_of_gold.iter().map(|row| (&row[0], &row[1])).collect();
    assert!(keys.is_sorted(), "gold is sorted by origin, then date");
    let count = |row: &[String], column: usize| row[column].parse::<i64>().unwrap();
    let sum = |column| -> i64 { rows_of_gold.iter().map(|row| count(row, column)).sum() };
    assert_eq!(sum(3), rows, "every flight of silver is in a mean");
    let scheduled = sum(4) + rejected.len() as i64;
    assert_eq!(
        clean["rows_in"], scheduled,
        "every row of bronze is scheduled"
    );
    assert_eq!(clean["cancelled"], sum(5));
    let (flown, closed): (Vec<_>, Vec<_>) = rows_of_gold.iter().partition(|row| count(row, 3) > 0);
    let gold: Gold = flown
        .iter()
        .map(|row| {
            let mean: f64 = row[2].parse().unwrap();
            ((row[0].clone(), row[1].clone()), mean.to_bits())
        })
        .collect();
    assert_eq!(gold.len(), flown.len(), "an airport and day is there once");
    assert!(closed.iter().all(|row| row[2] == "-" && row[3] == "0"));
    Ours {
        rows_in: clean["rows_in"].as_i64().unwrap(),
        rows_out: rows,
        rejected,
        gold,
        closed: closed.iter().map(|row| count(row, 5)).collect(),
    }
}

/// The airport and day of each row of a file of rejects, which has nothing but delays that are none.
fn rejected(file: &Path) -> Vec<Key> {
    let Ok(mut csv) = csv::Reader::from_path(file) else {
        return vec![];
    };
    let key = |record: csv::StringRecord| {
        assert!(record[1].ends_with("is not a delay"), "{record:?}");
        let row: Vec<_> = record[2].split(',').collect();
        (row[3].to_owned(), row[0].to_owned())
    };
    csv.records().map(|record| key(record.unwrap())).collect()
}

/// Fails with a few of the values that differ, apart from those of rejected rows.
fn assert_equal(year: i32, ours: &Ours, wanted: &Gold) {
    let known = |key: &&Key| ours.rejected.contains(key);
    let ours = &ours.gold;
    let value = |gold: &Gold, key| gold.get(key).copied().map(f64::from_bits);
    let differ: Vec<_> = ours
        .keys()
        .chain(wanted.keys())
        .filter(|key| ours.get(*key) != wanted.get(*key) && !known(key))
        .map(|key| (key, value(ours, key), value(wanted, key)))
        .collect();
    assert!(
        differ.is_empty(),
        "{year}: {} values differ, among them (ours, recorded): {:?}",
        differ.len(),
        &differ[..differ.len().min(5)]
    );
}

fn sample_year(year: i32) {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (_, bronze, silver, closed) = RECORDED.into_iter().find(|(y, ..)| *y == year).unwrap();
    let raw_file = format!("../../examples/lake/01_bronze/{year}.csv.zst");
    let ours = ours(&crate_dir.join(raw_file), year, "");
    let differ = DIFFER.into_iter().filter(|(y, ..)| *y == year);
    let differ: Vec<Key> = differ
        .map(|(_, origin, date)| (origin.into(), date.into()))
        .collect();
    assert_eq!(ours.rejected, differ);
    let rows_out = ours.rows_out + differ.len() as i64;
    assert_eq!((ours.rows_in, rows_out), (bronze, silver));
    assert_eq!(ours.closed.len(), closed);
    assert!(ours.closed.iter().all(|cancelled| *cancelled > 0));
    let file = crate_dir.join(format!("tests/recorded/{year}_gold.csv.gz"));
    assert_equal(year, &ours, &recorded(&file));
}

#[test]
fn the_year_2000() {
    sample_year(2000);
}

#[test]
fn the_year_2001() {
    sample_year(2001);
}

#[test]
fn the_year_2002() {
    sample_year(2002);
}

#[test]
fn the_year_2003() {
    sample_year(2003);
}

#[test]
fn the_year_2013() {
    sample_year(2013);
}

/// `ORACLE_DIR` names a folder with `{any}/{year}.csv.gz`, raw files, and for each
/// `oracle/{any}/{year}_gold.csv.gz` and `{year}_info.json`, what the original made of it.
#[test]
fn every_year_of_a_larger_collection() {
    let Some(dir) = std::env::var_os("ORACLE_DIR").map(PathBuf::from) else {
        e2e::skipped("ORACLE_DIR names no collection of recorded results");
        return;
    };
    let raw_files = files_of(&dir);
    let recordings = files_of(&dir.join("oracle"));
    let mut compared = 0;
    for info in recordings
        .iter()
        .filter(|path| name(path).ends_with("_info.json"))
    {
        let about: serde_json::Value = serde_json::from_slice(&fs::read(info).unwrap()).unwrap();
        let raw_file = raw_files.iter().find(|path| about["source"] == name(path));
        let raw_file = raw_file.unwrap_or_else(|| panic!("no raw file for {}", info.display()));
        let year: i32 = about["year"].as_str().unwrap().parse().unwrap();
        // Some are a few days only.
        let ours = ours(raw_file, year, "--partial");
        assert_eq!(about["bronze_rows"], ours.rows_in, "{year}");
        let rows_out = ours.rows_out + ours.rejected.len() as i64;
        assert_eq!(about["silver"]["rows"], rows_out, "{year}");
        let wanted = recorded(&info.with_file_name(format!("{year}_gold.csv.gz")));
        assert_equal(year, &ours, &wanted);
        compared += 1;
    }
    assert!(compared > 0, "no recording in {}", dir.display());
}

/// The files in the folders of `dir`.
fn files_of(dir: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| {
        let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        entries
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    let folders = entries(dir).into_iter().filter(|path| path.is_dir());
    folders.flat_map(|folder| entries(&folder)).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}
