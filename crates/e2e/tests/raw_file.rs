//! The raw file in the lake, and what `extract` makes of it.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use e2e::bronze::Bronze;
use e2e::place::{Place, assert_same};

const COPY: &str = "data/2013_01_bronze.csv";

fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

/// The lake has this object, and the data dir an older copy that must stay. Returns the error.
fn refused(object: &str, bytes: &[u8]) -> String {
    let place = Place::new();
    place.put(object, bytes);
    place.put_older_outputs("extract");
    place.refusal(place.worker("extract"))
}

#[test]
fn every_form_gives_the_same_copy() {
    let text = Bronze::ordinary(500).text();
    for (object, bytes) in [
        ("lake/01_bronze/2013.csv", text.clone().into_bytes()),
        ("lake/01_bronze/2013.csv.gz", gzip(&text)),
        ("lake/01_bronze/2013.csv.zst", zstd(&text)),
    ] {
        let place = Place::new();
        place.put(object, &bytes);
        let summary = place.worker("extract").run().summary();
        assert!(place.get(COPY) == text.as_bytes(), "{object}");
        assert_eq!(summary["bytes"], text.len());
        assert_eq!(summary["input_bytes"], bytes.len());
        assert_eq!(summary["fetched"], true);
    }
}

#[test]
fn a_truncated_gzip() {
    let bytes = gzip(&Bronze::ordinary(500).text());
    let error = refused("lake/01_bronze/2013.csv.gz", &bytes[..bytes.len() - 9]);
    assert!(error.contains("…/lake/01_bronze/2013.csv.gz"), "{error}");
    assert!(
        error.contains("it is cut short or damaged, upload it again"),
        "{error}"
    );
}

#[test]
fn a_truncated_zstd() {
    let bytes = zstd(&Bronze::ordinary(500).text());
    let error = refused("lake/01_bronze/2013.csv.zst", &bytes[..bytes.len() - 9]);
    assert!(error.contains("…/lake/01_bronze/2013.csv.zst"), "{error}");
    assert!(
        error.contains("it is cut short or damaged, upload it again"),
        "{error}"
    );
}

#[test]
fn damage_in_the_middle() {
    let text = Bronze::ordinary(500).text();
    for (object, mut bytes) in [
        ("lake/01_bronze/2013.csv.gz", gzip(&text)),
        ("lake/01_bronze/2013.csv.zst", zstd(&text)),
    ] {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4].copy_from_slice(&[0xff; 4]);
        let error = refused(object, &bytes);
        assert!(error.contains("damaged, upload it again"), "{error}");
    }
}

#[test]
fn a_name_that_promises_another_form() {
    let text = Bronze::ordinary(500).text();
    let error = refused("lake/01_bronze/2013.csv.gz", text.as_bytes());
    assert!(error.contains("damaged, upload it again"), "{error}");
}

#[test]
fn two_forms_of_one_year() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", "");
    place.put("lake/01_bronze/2013.csv.zst", "");
    place.put("lake/01_bronze/2012.csv", "");
    place.put_older_outputs("extract");
    let error = place.refusal(place.worker("extract"));
    assert_eq!(
        error,
        "…/lake/01_bronze/2013.csv and …/lake/01_bronze/2013.csv.zst are both there: keep one of them"
    );
}

/// Whatever else lies in the folder, a year that is there is found.
#[test]
fn odd_names_beside_it() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", "x");
    place.put("lake/01_bronze/a\nb", "");
    let odd = place
        .path("lake/01_bronze")
        .join(OsStr::from_bytes(b"\xff.csv"));
    std::fs::write(odd, "").unwrap();
    std::os::unix::fs::symlink("/", place.path("lake/01_bronze/root")).unwrap();
    assert_eq!(place.worker("extract").run().code, Some(0));
}

#[test]
fn a_lake_without_the_folder_of_raw_files() {
    let place = Place::new();
    std::fs::remove_dir(place.path("lake/01_bronze")).unwrap();
    let error = place.refusal(place.worker("extract"));
    assert_eq!(
        error,
        "no folder …/lake/01_bronze: create it, or correct --lake (LAKE_URL)"
    );
}

#[test]
fn a_year_without_a_raw_file_is_skipped() {
    let place = Place::new();
    place.put("lake/01_bronze/2012.csv", "");
    let before = place.files();
    let finished = place.worker("extract").run();
    assert_eq!(finished.code, Some(99));
    assert_eq!(finished.stdout, "");
    let lake = place.path("lake").display().to_string();
    assert_eq!(
        finished.stderr,
        format!(
            "extract: warning: skipped: no 01_bronze/2013.csv (nor .csv.gz, .csv.zst, .csv.zip, .zip) \
             in {lake}: upload it to run this year\n"
        )
    );
    assert_same(&before, &place.files());
}

#[test]
fn an_object_that_is_written_anew_is_fetched_anew() {
    let place = Place::new();
    let fetched = || place.worker("extract").run().summary()["fetched"] == true;
    place.put("lake/01_bronze/2013.csv", "a first version");
    assert!(fetched());
    assert!(!fetched());
    place.put("lake/01_bronze/2013.csv", "another version");
    assert!(fetched());
    assert_eq!(place.get(COPY), b"another version");
    // Somebody has written into the copy: its time is no longer that of the object.
    place.put(COPY, "something else!");
    assert!(fetched());
    assert_eq!(place.get(COPY), b"another version");
}

/// Two versions may bear the same time: on S3 it is in whole seconds, and some tools set it.
#[test]
fn versions_of_one_time_are_told_apart() {
    let place = Place::new();
    let fetched = || place.worker("extract").run().summary()["fetched"] == true;
    let time = SystemTime::now();
    for text in ["a first version", "the second"] {
        place.put("lake/01_bronze/2013.csv.zst", zstd(text));
        let object = std::fs::File::options()
            .write(true)
            .open(place.path("lake/01_bronze/2013.csv.zst"));
        object.unwrap().set_modified(time).unwrap();
        assert!(fetched());
        assert_eq!(place.get(COPY), text.as_bytes());
        assert!(!fetched());
    }
}

/// Not every clock agrees: a copy is as good as its object's time, which may lie in the future.
#[test]
fn an_object_from_the_future_is_fetched_once() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", "x");
    let object = std::fs::File::options()
        .write(true)
        .open(place.path("lake/01_bronze/2013.csv"));
    let later = SystemTime::now() + std::time::Duration::from_secs(86_400);
    object.unwrap().set_modified(later).unwrap();
    for fetched in [true, false] {
        assert_eq!(place.worker("extract").run().summary()["fetched"], fetched);
    }
}

/// A link that leads nowhere is no year without a raw file, which would be skipped.
#[test]
fn a_raw_file_that_cannot_be_looked_at() {
    let place = Place::new();
    std::os::unix::fs::symlink("nowhere", place.path("lake/01_bronze/2013.csv")).unwrap();
    let error = place.worker("extract").run().error().to_owned();
    assert!(error.contains("cannot look at "), "{error}");
    assert!(
        error.contains("/lake/01_bronze/2013.csv: check its owner"),
        "{error}"
    );
}

/// The same bytes under another name are unpacked in another way.
#[test]
fn an_object_that_is_renamed_is_fetched_anew() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", gzip("rows"));
    let _ = place.worker("extract").run().summary();
    let [plain, packed] =
        ["csv", "csv.gz"].map(|form| place.path(&format!("lake/01_bronze/2013.{form}")));
    std::fs::rename(plain, packed).unwrap();
    assert_eq!(place.worker("extract").run().summary()["fetched"], true);
    assert_eq!(place.get("data/2013_01_bronze.csv"), b"rows");
}

/// What has another size than the object is no copy of it, whatever its time says.
#[test]
fn a_copy_that_lost_its_end_is_fetched_anew() {
    let place = Place::new();
    place.put("lake/01_bronze/2013.csv", "a whole file");
    let _ = place.worker("extract").run().summary();
    let copy = std::fs::File::options()
        .write(true)
        .open(place.path("data/2013_01_bronze.csv"))
        .unwrap();
    let time = copy.metadata().unwrap().modified().unwrap();
    copy.set_len(7).unwrap();
    copy.set_modified(time).unwrap();
    assert_eq!(place.worker("extract").run().summary()["fetched"], true);
    assert_eq!(place.get("data/2013_01_bronze.csv"), b"a whole file");
}
