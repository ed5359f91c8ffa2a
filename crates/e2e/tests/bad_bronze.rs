//! Raw files with something wrong in them, one defect a test: what `clean` makes of each.

#![allow(clippy::unwrap_used)]

use e2e::bronze::{Bronze, HEADER};
use e2e::parquet_file;
use e2e::place::Place;
use e2e::worker::Finished;

const SILVER: &str = "data/2013_02_silver.parquet";
const REJECTED: &str = "data/2013_02_rejected.csv";
const SILVER_IN_LAKE: &str = "lake/02_silver/year/2013/2013_02_silver.parquet";
const REJECTED_IN_LAKE: &str = "lake/02_silver/year/2013/2013_02_rejected.csv";

/// The year's file is refused as a whole: every older output stays. Returns the error line.
fn refused(bronze: impl AsRef<[u8]>) -> String {
    refusal(bronze).0
}

fn refusal(bronze: impl AsRef<[u8]>) -> (String, Finished) {
    let place = Place::with_bronze(bronze);
    place.put_older_outputs("clean");
    place.refusal_of(place.worker("clean"))
}

/// The file is as good as `Bronze::ordinary(300)`: the same silver, and no warning.
fn same_silver(bronze: impl AsRef<[u8]>) {
    let usual = Place::after("clean", Bronze::ordinary(300).text());
    let place = Place::with_bronze(bronze);
    let finished = place.worker("clean").run();
    assert_eq!(finished.warnings(), [""; 0]);
    assert_eq!(finished.summary()["rows_in"], 300);
    let [silver, usual] = [&place, &usual].map(|place| parquet_file::content(&place.path(SILVER)));
    assert!(silver == usual, "silver differs");
    assert_eq!(place.names("data/").len(), 2, "{:?}", place.names("data/"));
}

/// Row 10 of a file of 300 becomes `row`: it is rejected for `reason`, and it alone.
fn rejected(row: &[u8], reason: &str) {
    let text = Bronze::ordinary(300).text();
    let mut lines: Vec<_> = text.split_inclusive('\n').map(str::as_bytes).collect();
    let line = [row, b"\n"].concat();
    lines[11] = &line;
    let place = Place::with_bronze(lines.concat());
    let summary = place.worker("clean").run().summary();
    let rows_out = parquet_file::row_count(&place.path(SILVER));
    assert_eq!(
        (&summary["rows_in"], &summary["rejected"]),
        (&300.into(), &1.into())
    );
    assert_eq!(rows_out, 267 - 1, "{summary}");
    let file = place.get(REJECTED);
    let records: Vec<_> = csv::Reader::from_reader(&file[..])
        .into_byte_records()
        .map(Result::unwrap)
        .collect();
    assert_eq!(records.len(), 1);
    let [found_line, found_reason, found_row] = [0, 1, 2].map(|at| &records[0][at]);
    assert_eq!(found_line, b"12");
    assert_eq!(std::str::from_utf8(found_reason).unwrap(), reason);
    assert_eq!(found_row, row);
    assert!(
        place.get(REJECTED_IN_LAKE) == file,
        "the lake has another file"
    );
}

/// As [`rejected`], with `text` as the field of a column.
fn rejected_field(column: &str, text: &str, reason: &str) {
    let bronze = Bronze::ordinary(300).set(10, column, text);
    rejected(bronze.rows[10].join(",").as_bytes(), reason);
}

#[test]
fn no_file() {
    let place = Place::new();
    place.put_older_outputs("clean");
    let error = place.refusal(place.worker("clean"));
    assert_eq!(
        error,
        "no …/data/2013_01_bronze.csv: run extract --year 2013 first"
    );
}

#[test]
fn a_folder_of_that_name() {
    let place = Place::new();
    place.put("data/2013_01_bronze.csv/part-0", "");
    let error = place.refusal(place.worker("clean"));
    assert_eq!(
        error,
        "…/data/2013_01_bronze.csv is not a file: move it away"
    );
}

#[test]
fn an_empty_file() {
    let error = refused("");
    assert_eq!(
        error,
        "…/data/2013_01_bronze.csv is empty: run extract again, or fix the file in the lake"
    );
}

#[test]
fn a_header_and_no_rows() {
    for text in [
        HEADER.to_owned(),
        format!("{HEADER}\n"),
        format!("{HEADER}\n\n\n"),
    ] {
        let error = refused(text);
        assert_eq!(
            error,
            "…/data/2013_01_bronze.csv has a header and no rows: fix the file in the lake"
        );
    }
}

#[test]
fn no_header() {
    let text = Bronze::ordinary(300).text();
    let error = refused(text.split_once('\n').unwrap().1);
    assert!(
        error.starts_with("…/data/2013_01_bronze.csv, line 1: none of the 27 columns"),
        "{error}"
    );
}

#[test]
fn a_missing_column() {
    let mut bronze = Bronze::ordinary(300);
    bronze.header.remove(7);
    for row in &mut bronze.rows {
        row.remove(7);
    }
    assert_eq!(
        refused(bronze.text()),
        "…/data/2013_01_bronze.csv, line 1: no column DEP_DELAY: add it to the file in the lake"
    );
}

#[test]
fn a_column_twice() {
    let text = Bronze::ordinary(300)
        .text()
        .replacen("TAXI_OUT", "DEP_TIME", 1);
    let error = refused(text);
    assert!(
        error.contains("column DEP_TIME is there twice: remove one"),
        "{error}"
    );
}

#[test]
fn columns_in_another_order() {
    let mut bronze = Bronze::ordinary(300);
    for row in bronze.rows.iter_mut().chain([&mut bronze.header]) {
        row.rotate_left(11);
        row.swap(3, 20);
    }
    same_silver(bronze.text());
}

#[test]
fn an_extra_column_is_left_out_with_one_warning() {
    let mut bronze = Bronze::ordinary(300);
    bronze.header.insert(3, "TAIL_NUM".into());
    for row in &mut bronze.rows {
        row.insert(3, "N14228".into());
    }
    let place = Place::with_bronze(bronze.text());
    let finished = place.worker("clean").run();
    let warnings = finished.warnings();
    assert_eq!(warnings.len(), 1, "{finished:?}");
    assert!(
        warnings[0].ends_with("left out unknown columns: TAIL_NUM"),
        "{finished:?}"
    );
    let usual = Place::after("clean", Bronze::ordinary(300).text());
    let [silver, usual] = [&place, &usual].map(|place| parquet_file::content(&place.path(SILVER)));
    assert!(silver == usual, "silver differs");
}

#[test]
fn a_short_row() {
    rejected(b"2013-01-03,UA,1545,EWR", "4 fields, the header has 28");
}

#[test]
fn a_long_row() {
    let row = Bronze::ordinary(300).rows[10].join(",") + ",1,2";
    rejected(row.as_bytes(), "more fields than the 28 of the header");
}

#[test]
fn something_in_the_unnamed_column() {
    let row = Bronze::ordinary(300).rows[10].join(",") + "?";
    rejected(row.as_bytes(), "field 28: not empty: \"?\"");
}

#[test]
fn text_in_a_number() {
    rejected_field("ARR_DELAY", "late", "arr_delay: not a number: \"late\"");
    rejected_field(
        "OP_CARRIER_FL_NUM",
        "15.5",
        "op_carrier_fl_num: not a whole number: \"15.5\"",
    );
}

#[test]
fn infinite_and_nan() {
    for text in ["inf", "-Infinity", "nan", "NaN"] {
        let reason = format!("dep_delay: not a finite number: \"{text}\"");
        rejected_field("DEP_DELAY", text, &reason);
    }
    rejected_field(
        "DEP_DELAY",
        "1e300",
        "dep_delay: too large to be true: \"1e300\"",
    );
}

#[test]
fn bad_dates() {
    for (text, why) in [
        ("01/03/2013", "not YYYY-MM-DD"),
        ("2013-1-3", "not YYYY-MM-DD"),
        ("2013-02-30", "no such day"),
        ("2012-12-31", "not in the year"),
    ] {
        rejected_field("FL_DATE", text, &format!("fl_date: {why}: {text:?}"));
    }
    rejected_field("FL_DATE", "", "fl_date: empty");
}

#[test]
fn bad_origins() {
    for text in ["JF", "JFKX", "J K", "JÉ"] {
        let reason = format!("origin: not a code of three letters or digits: {text:?}");
        rejected_field("ORIGIN", text, &reason);
    }
    rejected_field("ORIGIN", "", "origin: empty");
}

#[test]
fn a_row_that_is_not_utf8() {
    let row = Bronze::ordinary(300).rows[10].join(",");
    let latin1: Vec<u8> = row
        .replace("IAH", "#")
        .bytes()
        .map(|b| if b == b'#' { 0xe9 } else { b })
        .collect();
    rejected(&latin1, "dest: not UTF-8: \"\u{fffd}\"");
}

#[test]
fn another_encoding_altogether() {
    let text = Bronze::ordinary(300).text();
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = refused(utf16);
    assert!(
        error.starts_with("…/data/2013_01_bronze.csv, line 1: the header is not UTF-8: this is not the year's raw file"),
        "{error}"
    );
}

#[test]
fn the_file_of_another_year() {
    let text = Bronze::ordinary(300).text().replace("2013-", "2014-");
    assert_eq!(
        refused(text),
        "…/data/2013_01_bronze.csv: 300 of 300 rows cannot be read, more than --max-rejected 0.01; \
         first line 2: fl_date: not in the year: \"2014-01-01\"; fix the file in the lake, or allow more with --max-rejected"
    );
}

#[test]
fn a_byte_order_mark() {
    same_silver(format!("\u{feff}{}", Bronze::ordinary(300).text()));
}

#[test]
fn lines_that_end_as_on_windows_and_on_old_macs() {
    let text = Bronze::ordinary(300).text();
    same_silver(text.replace('\n', "\r\n"));
    same_silver(text.replace('\n', "\r"));
}

#[test]
fn no_final_line_break_and_empty_lines() {
    let text = Bronze::ordinary(300).text();
    same_silver(text.trim_end());
    same_silver(text.replace("\n2013-01-09", "\n\n2013-01-09"));
}

#[test]
fn rows_without_the_comma_at_their_end() {
    let text = Bronze::ordinary(300).text();
    same_silver(text.replacen(",\n", "\n", 1));
}

#[test]
fn every_field_in_quotes() {
    let mut bronze = Bronze::ordinary(300);
    for row in bronze.rows.iter_mut().chain([&mut bronze.header]) {
        for field in row {
            *field = format!("{field:?}");
        }
    }
    same_silver(bronze.text());
    same_silver(format!("\u{feff}{}", bronze.text().replace('\n', "\r\n")));
}

#[test]
fn commas_quotes_and_line_breaks_inside_quotes() {
    let bronze = Bronze::ordinary(300)
        .set(0, "DEST", "\"I,AH\"")
        .set(1, "DEST", "\"I\"\"AH\"")
        .set(2, "DEST", "\"I\nA\nH\"")
        .set(4, "DEP_DELAY", "\"late, very\"");
    let place = Place::with_bronze(bronze.text());
    let summary = place
        .worker("clean")
        .args("--max-rejected 1")
        .run()
        .summary();
    let silver = parquet_file::rows(&place.path(SILVER));
    let dest: Vec<_> = silver[..3].iter().map(|row| row[4].as_str()).collect();
    assert_eq!(dest, ["I,AH", "I\"AH", "IAH"]);
    // No known column may have a line break: each line of that row is rejected.
    let counts = (&summary["rows_in"], &summary["rejected"]);
    assert_eq!(counts, (&302.into(), &4.into()));
    let row = |at: usize| bronze.rows[at].join(",").replace('"', "\"\"");
    let lines = row(2);
    let [first, _, last] = lines.lines().collect::<Vec<_>>()[..] else {
        panic!("{lines}");
    };
    let wanted = format!(
        "line,reason,row\n4,dest: a quote is not closed,\"{first}\"\n\
         5,\"fl_date: not YYYY-MM-DD: \"\"A\"\"\",A\n\
         6,\"fl_date: not YYYY-MM-DD: \"\"H\\\"\"\"\"\",\"{last}\"\n\
         8,\"dep_delay: not a number: \"\"late, very\"\"\",\"{}\"\n",
        row(4)
    );
    assert_eq!(String::from_utf8(place.get(REJECTED)).unwrap(), wanted);
}

/// Neither those behind it, nor those up to the next; its own row alone is rejected.
#[test]
fn a_stray_quote_swallows_no_rows() {
    let open = Bronze::ordinary(300).set(150, "DEST", "\"IAH");
    let closed = open.clone().set(199, "DEST", "IAH\"");
    for bronze in [open, closed] {
        let place = Place::with_bronze(bronze.text());
        let summary = place.worker("clean").run().summary();
        let counts = (&summary["rows_in"], &summary["rejected"]);
        assert_eq!(counts, (&300.into(), &1.into()));
        let rejects = String::from_utf8(place.get(REJECTED)).unwrap();
        let wanted = "line,reason,row\n152,dest: a quote is not closed,";
        assert!(rejects.starts_with(wanted), "{rejects}");
    }
}

#[test]
fn more_rejects_than_allowed() {
    let mut bronze = Bronze::ordinary(300);
    for row in 20..32 {
        bronze = bronze.set(row, "DISTANCE", "far");
    }
    let (error, finished) = refusal(bronze.text());
    assert_eq!(
        error,
        "…/data/2013_01_bronze.csv: 12 of 300 rows cannot be read, more than --max-rejected 0.01; first line 22: \
         distance: not a number: \"far\"; fix the file in the lake, or allow more with --max-rejected"
    );
    let first_ten: Vec<_> = (22..32)
        .map(|line| format!("line {line}: distance: not a number: \"far\""))
        .collect();
    assert_eq!(finished.warnings(), first_ten);
}

#[test]
fn as_many_rejects_as_allowed() {
    let mut bronze = Bronze::ordinary(300);
    for row in 20..23 {
        bronze = bronze.set(row, "DISTANCE", "far");
    }
    let place = Place::with_bronze(bronze.text());
    let finished = place.worker("clean").run();
    assert_eq!(finished.summary()["rejected"], 3);
    assert_eq!(finished.warnings().len(), 1);
    assert!(finished.warnings()[0].starts_with("3 of 300 rows cannot be read: see "));
    place.put_older_outputs("clean");
    let error = place.refusal(place.worker("clean").args("--max-rejected 0"));
    assert!(error.contains("3 of 300 rows cannot be read"), "{error}");
}

#[test]
fn the_rejects_file_to_the_byte() {
    let bronze = Bronze::ordinary(5)
        .set(1, "DEP_DELAY", "late")
        .set(3, "ORIGIN", "");
    let place = Place::with_bronze(bronze.text());
    let finished = place.worker("clean").args("--max-rejected 1").run();
    assert_eq!(finished.summary()["rows_out"], 3);
    let row = |at: usize| bronze.rows[at].join(",");
    let wanted = format!(
        "line,reason,row\n3,\"dep_delay: not a number: \"\"late\"\"\",\"{}\"\n5,origin: empty,\"{}\"\n",
        row(1),
        row(3)
    );
    assert_eq!(String::from_utf8(place.get(REJECTED)).unwrap(), wanted);
}

#[test]
fn a_mended_file_leaves_no_rejects_behind() {
    let bad = Bronze::ordinary(300).set(7, "DISTANCE", "far");
    let place = Place::after("clean", bad.text());
    assert_eq!(place.names("").len(), 5);
    place.put("data/2013_01_bronze.csv", Bronze::ordinary(300).text());
    let _ = place.worker("clean").run().summary();
    assert_eq!(
        place.names(""),
        ["data/2013_01_bronze.csv", SILVER, SILVER_IN_LAKE]
    );
}

#[test]
fn a_year_without_any_flown_flight() {
    let mut bronze = Bronze::ordinary(9);
    for row in 0..9 {
        bronze = bronze.set(row, "DEP_DELAY", "");
    }
    assert_eq!(
        refused(bronze.text()),
        "…/data/2013_01_bronze.csv: no row is left: 9 of 9 have no DEP_DELAY, 0 cannot be read: \
         fix the file in the lake"
    );
}
