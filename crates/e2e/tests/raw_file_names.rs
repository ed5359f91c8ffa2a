//! The names under which the lake may have the raw file of a year, in a folder and in a bucket.

#![allow(clippy::unwrap_used)]

use e2e::place::Place;
use e2e::s3::{BUCKET, S3};
use e2e::worker::Finished;

const COPY: &str = "data/2013_01_bronze.csv";

/// Runs `extract` on a lake with these keys below `01_bronze/`, once in a folder and once in a bucket. What it
/// reports is the same, with `lake` for the lake.
fn extract(keys: &[(&str, &[u8])]) -> (Finished, Option<Vec<u8>>) {
    let copy = |place: &Place| std::fs::read(place.path(COPY)).ok();
    let run = |place: &Place, lake: &str, variables: &[_]| {
        let mut finished = place.worker_on("extract", lake).envs(variables).run();
        let text = finished.stderr.replace(lake, "lake");
        finished.stderr = text.replace(place.dir().to_str().unwrap(), "…");
        finished
    };
    let place = Place::new();
    for (key, bytes) in keys {
        place.put(&format!("lake/01_bronze/{key}"), bytes);
    }
    let in_folder = run(&place, place.path("lake").to_str().unwrap(), &[]);
    let copy_of_folder = copy(&place);

    let (s3, place) = (S3::start(), Place::new());
    for (key, bytes) in keys {
        s3.put(&format!("01_bronze/{key}"), bytes);
    }
    let in_bucket = run(&place, &format!("s3://{BUCKET}"), &s3.variables());

    let seen = |finished: &Finished| (finished.code, finished.stderr.clone());
    assert_eq!(seen(&in_folder), seen(&in_bucket));
    assert!(copy_of_folder == copy(&place));
    (in_folder, copy_of_folder)
}

fn error(keys: &[&str]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| (*key, &b"x"[..])).collect();
    let (finished, copy) = extract(&keys);
    assert_eq!(copy, None);
    finished.error().to_owned()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// An archive of `extract`'s own tests.
fn archive(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../extract/tests/archives");
    std::fs::read(format!("{folder}/{name}.zip")).unwrap()
}

#[test]
fn any_letter_case_of_a_form_is_read() {
    let text = b"some rows\n";
    let zst = zstd::encode_all(&text[..], 3).unwrap();
    for (key, bytes) in [
        ("2013.CSV", text.to_vec()),
        ("2013.csv.GZ", gzip(text)),
        ("2013.Csv.Zst", zst),
    ] {
        let (finished, copy) = extract(&[(key, &bytes)]);
        assert_eq!(finished.code, Some(0), "{key}: {finished:?}");
        assert!(copy.unwrap() == text, "{key}");
    }
}

#[test]
fn a_zip_archive_with_one_csv_file_is_read() {
    let text = "FL_DATE,OP_CARRIER\n2013-01-01,UA\n".repeat(4);
    for key in ["2013.zip", "2013.csv.zip", "2013.CSV.ZIP"] {
        for name in ["deflated", "stored", "streamed", "zip64"] {
            let (finished, copy) = extract(&[(key, &archive(name))]);
            let summary = finished.summary();
            assert_eq!(summary["bytes"], text.len(), "{key}, {name}");
            assert!(copy.unwrap() == text.as_bytes(), "{key}, {name}");
        }
    }
}

#[test]
fn a_zip_archive_that_cannot_be_read() {
    let whole = archive("deflated");
    for (bytes, wanted) in [
        (
            archive("two"),
            "there are 2 CSV files in it (2013_01.csv, 2013_02.csv): pack one, the whole year",
        ),
        (
            archive("none"),
            "there is no CSV file in it (2013.txt, readme.html): pack the year's CSV file",
        ),
        (
            archive("encrypted"),
            "2013.csv in it is encrypted: pack it without a password",
        ),
        (
            whole[..whole.len() - 1].to_vec(),
            "it is cut short or damaged, upload it again: ",
        ),
        (
            b"FL_DATE,OP_CARRIER\n".to_vec(),
            "it is cut short or damaged, upload it again: not a whole zip archive",
        ),
    ] {
        let (finished, copy) = extract(&[("2013.zip", &bytes)]);
        let told = "cannot unpack lake/01_bronze/2013.zip into the data dir: ";
        let error = finished.error();
        assert!(error.starts_with(&format!("{told}{wanted}")), "{error}");
        assert_eq!(copy, None);
    }
}

#[test]
fn a_file_of_a_similar_name() {
    for (key, remedy) in [
        ("2013.csv.bz2", "unpack it and upload it as 2013.csv"),
        ("2013.tar.gz", "unpack it and upload it as 2013.csv"),
        ("2013.parquet", "save it as CSV and upload it as 2013.csv"),
        ("2013.XLSX", "save it as CSV and upload it as 2013.csv"),
        ("2013.txt", "if it is a CSV file, rename it to 2013.csv"),
        ("2013.csv.bak", "if it is a CSV file, rename it to 2013.csv"),
        ("2013 (1).csv", "rename it to 2013.csv"),
        ("flights_2013.csv", "rename it to 2013.csv"),
        ("flights-2013.CSV.gz", "rename it to 2013.csv.gz"),
    ] {
        assert_eq!(
            error(&[key, "2012.csv"]),
            format!("found lake/01_bronze/{key}: {remedy}, or move it away to skip 2013")
        );
    }
}

#[test]
fn several_files_of_similar_names() {
    assert_eq!(
        error(&[
            "flights_2013_01.csv",
            "2013.csv.bz2",
            "x-2013",
            "flights_2013_02.csv"
        ]),
        "found lake/01_bronze/2013.csv.bz2 (and flights_2013_01.csv, flights_2013_02.csv and 1 more): \
         unpack it and upload it as 2013.csv, or move it away to skip 2013"
    );
}

#[test]
fn a_folder_with_the_years_file() {
    for (key, target) in [
        ("2013/2013.csv", "2013.csv"),
        ("year=2013/flights.csv.gz", "2013.csv.gz"),
        ("2013.csv/2013.csv", "2013.csv"),
        ("flights 2013/all.ZIP", "2013.zip"),
    ] {
        assert_eq!(
            error(&[key]),
            format!(
                "found lake/01_bronze/{key}: move it to lake/01_bronze/{target}, or move it away to skip 2013"
            )
        );
    }
}

#[test]
fn a_folder_with_the_years_parts() {
    for folder in ["2013", "year=2013", "2013.csv", "Year_2013"] {
        let key = |name: &str| format!("{folder}/{name}");
        let [success, one, two, three] =
            ["_SUCCESS", "part-0.csv", "part-1.csv", "part-2.csv"].map(key);
        assert_eq!(
            error(&[&success, &one, &two, &three]),
            format!(
                "found the folder lake/01_bronze/{folder}/ with part-0.csv, part-1.csv and 1 more: \
                 a year in parts is not supported yet, join the parts into one file 2013.csv, \
                 or move it away to skip 2013"
            )
        );
    }
    assert_eq!(
        error(&["year=2013/month=01/x.csv"]),
        "found the folder lake/01_bronze/year=2013/ with month=01: \
         a year in parts is not supported yet, join the parts into one file 2013.csv, or move it away to skip 2013"
    );
}

#[test]
fn a_year_in_two_forms() {
    for (keys, wanted) in [
        (
            &["2013.csv", "2013.CSV"][..],
            "2013.CSV and lake/01_bronze/2013.csv are both",
        ),
        (
            &["2013.csv.zip", "2013.zip"],
            "2013.csv.zip and lake/01_bronze/2013.zip are both",
        ),
        (
            &["2013.csv", "2013/part"],
            "2013/ and lake/01_bronze/2013.csv are both",
        ),
        (
            &["2013.csv.gz", "year=2013/part"],
            "2013.csv.gz and lake/01_bronze/year=2013/ are both",
        ),
        (
            &["2013.csv", "2013.csv.gz", "2013.zip"],
            "2013.csv and lake/01_bronze/2013.csv.gz and lake/01_bronze/2013.zip are all",
        ),
    ] {
        assert_eq!(
            error(keys),
            format!("lake/01_bronze/{wanted} there: keep one of them")
        );
    }
}

/// Where the year is there in a form that can be read, other names do not matter.
#[test]
fn similar_names_beside_the_raw_file() {
    let keys = [
        "2013.csv",
        "2013.csv.bak",
        "flights_2013.csv",
        "2013.csv.gz.md5",
    ];
    let keys = keys.map(|key| (key, &b"x"[..]));
    let (finished, copy) = extract(&keys);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(copy.unwrap(), b"x");
}

#[test]
fn names_that_have_nothing_to_do_with_the_year() {
    let keys = [
        "2012.csv",
        "120130.csv",
        "20130101.csv",
        "12013.csv/part",
        ".2013.csv.crc",
        "_2013.csv",
        "2013/_SUCCESS",
    ];
    let keys = keys.map(|key| (key, &b"x"[..]));
    let (finished, _) = extract(&keys);
    assert_eq!(finished.code, Some(99), "{finished:?}");
}

/// Far more than one page of a listing, the similar name at its end.
#[test]
fn a_similar_name_among_many_keys() {
    let s3 = S3::start();
    for number in 0..2_500 {
        s3.put(&format!("01_bronze/day-{number:05}.csv"), "");
    }
    let place = Place::new();
    let extract = || {
        place
            .worker_on("extract", "s3://flights")
            .envs(&s3.variables())
    };
    let finished = extract().run();
    assert_eq!(finished.code, Some(99), "{finished:?}");
    s3.put("01_bronze/year-2013.csv", "x");
    let _ = s3.requests();
    assert_eq!(
        place.refusal(extract()),
        "found s3://flights/01_bronze/year-2013.csv: rename it to 2013.csv, or move it away to skip 2013"
    );
    // Two for the usual names, three pages of the whole folder.
    assert_eq!(s3.requests(), ["GET /flights"; 5]);
}

/// A key that the library cannot list cannot be told apart from the year's.
#[test]
fn a_key_that_cannot_be_listed() {
    let s3 = S3::start();
    s3.put("01_bronze/\u{7f}", "");
    let place = Place::new();
    let extract = place
        .worker_on("extract", "s3://flights")
        .envs(&s3.variables());
    let error = place.refusal(extract);
    let wanted = "cannot list s3://flights/01_bronze: a key in it has an empty part, a dot for a part \
                  or a control character: rename it: ";
    assert!(error.starts_with(wanted), "{error}");
}
