//! A file that would take away many rows of its year in the table is refused, unless
//! `--allow-shrink` is given.

#![allow(clippy::unwrap_used)]

use e2e::bronze::{Bronze, flight};
use e2e::place::Place;
use e2e::postgres::{Database, Server};
use e2e::wait_until;
use e2e::worker::Finished;

const TABLE: &str = "agg_dep_delay_by_date";

/// The anomalies of these airport-days, numbered through the year, with one flight each.
fn airport_days(numbers: impl Iterator<Item = usize>) -> Place {
    let row = |number: usize| {
        let day = number / 4;
        let date = format!("2013-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        flight(&date, ["ATL", "BOS", "DEN", "EWR"][number % 4], "7")
    };
    Place::after("detect", Bronze::of(numbers.map(row).collect()).text())
}

fn load(database: &Database, place: &Place) -> Finished {
    database.load(place).run()
}

fn count(database: &mut Database, year: i32) -> String {
    database.value(&format!(
        "SELECT count(*) FROM {TABLE} WHERE extract(year FROM fl_date) = {year}"
    ))
}

/// Every row with its values, its version and its place in the file of the table.
fn rows(database: &mut Database) -> Vec<Vec<String>> {
    database.rows(&format!(
        "SELECT xmin::text, ctid::text, t.* FROM {TABLE} t ORDER BY id"
    ))
}

fn columns_and_indexes(database: &mut Database) -> Vec<Vec<String>> {
    database.rows(&format!(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull::text FROM pg_attribute \
         WHERE attrelid = '{TABLE}'::regclass AND attnum > 0 \
         UNION ALL SELECT pg_get_indexdef(indexrelid), '', '' FROM pg_index WHERE indrelid = '{TABLE}'::regclass"
    ))
}

/// The load must be refused and change nothing; returns the error.
fn refused(database: &mut Database, place: &Place) -> String {
    let before = (rows(database), columns_and_indexes(database));
    let finished = load(database, place);
    let after = (rows(database), columns_and_indexes(database));
    assert_eq!(before, after, "{finished:?}");
    assert!(
        finished.stderr.lines().count() <= 3 && !finished.stderr.contains("next attempt"),
        "it is not tried again: {finished:?}"
    );
    finished.error().to_owned()
}

#[test]
fn more_than_5_percent_is_refused() {
    let mut database = Server::shared().database();
    let _ = load(&database, &airport_days(0..200)).summary();
    let place = airport_days(0..189);
    let error = refused(&mut database, &place);
    let wanted = "11 of 200 rows of 2013 would be deleted and 0 inserted, which leaves 189; nothing was changed: \
                  check whether the raw file is complete, or run again with --allow-shrink";
    assert!(
        error.starts_with(&format!("{TABLE} in database ")),
        "{error}"
    );
    assert!(error.ends_with(wanted), "{error}");

    // Exactly 5 %.
    let summary = load(&database, &airport_days(0..190)).summary();
    assert_eq!(summary["deleted"], 10);

    let finished = database.load(&place).arg("--allow-shrink").run();
    assert_eq!(finished.summary()["deleted"], 1);
    let place = airport_days(0..8);
    let finished = database.load(&place).arg("--allow-shrink").run();
    assert_eq!(finished.summary()["deleted"], 181);
    assert_eq!(count(&mut database, 2013), "8");
}

#[test]
fn fewer_than_10_rows_are_not_refused() {
    let mut database = Server::shared().database();
    let _ = load(&database, &airport_days(0..30)).summary();
    let error = refused(&mut database, &airport_days(0..20));
    assert!(error.contains("10 of 30 rows of 2013"), "{error}");
    let summary = load(&database, &airport_days(0..21)).summary();
    assert_eq!(summary["deleted"], 9);
}

/// What counts is by how many rows the year gets smaller, not how many of them are other ones.
#[test]
fn rows_that_replace_others_are_not_missing() {
    let mut database = Server::shared().database();
    let _ = load(&database, &airport_days(0..40)).summary();
    let summary = load(&database, &airport_days(20..60)).summary();
    assert_eq!(
        (&summary["deleted"], &summary["inserted"]),
        (&20.into(), &20.into())
    );
    let error = refused(&mut database, &airport_days(50..80));
    let wanted = "30 of 40 rows of 2013 would be deleted and 20 inserted, which leaves 30";
    assert!(error.contains(wanted), "{error}");
}

/// In a new table, and in one that has only other years, nothing can shrink.
#[test]
fn the_rows_of_other_years_do_not_count() {
    let mut database = Server::shared().database();
    let _ = load(&database, &airport_days(0..4)).summary();
    database.execute(&format!(
        "DELETE FROM {TABLE}; INSERT INTO {TABLE} (id, origin, fl_date, last_update) \
         SELECT 'JFK' || to_char(day, 'YYYYMMDD'), 'JFK', day, now() \
         FROM generate_series('2012-01-01'::date, '2014-12-31', '1 day') day WHERE extract(year FROM day) <> 2013"
    ));
    let summary = load(&database, &airport_days(0..4)).summary();
    assert_eq!(summary["inserted"], 4);
    assert_eq!(
        (count(&mut database, 2012), count(&mut database, 2014)),
        ("366".into(), "365".into())
    );
}

/// Columns and indexes that an older table lacks are not added when the load is refused.
#[test]
fn an_older_table_is_not_upgraded_by_a_load_that_is_refused() {
    let mut database = Server::shared().database();
    database.execute(&format!(
        "CREATE TABLE {TABLE} (id text PRIMARY KEY, origin text, fl_date date); \
         INSERT INTO {TABLE} SELECT 'JFK' || to_char(day, 'YYYYMMDD'), 'JFK', day \
         FROM generate_series('2013-01-01'::date, '2013-12-31', '1 day') day"
    ));
    let place = airport_days(0..8);
    let before = (rows(&mut database), columns_and_indexes(&mut database));
    let finished = load(&database, &place);
    let wanted = "365 of 365 rows of 2013 would be deleted and 8 inserted, which leaves 8";
    assert!(finished.error().contains(wanted), "{finished:?}");
    assert_eq!(
        before,
        (rows(&mut database), columns_and_indexes(&mut database))
    );
}

/// The rows count that are there when the load has the lock, whatever isolation is the default.
#[test]
fn rows_that_another_session_adds_meanwhile_count() {
    let mut database = Server::shared().database();
    let name = database.name.clone();
    database.execute(&format!(
        "ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'"
    ));
    let place = airport_days(0..4);
    let _ = load(&database, &place).summary();
    let mut holder = database.session();
    holder.execute(&format!(
        "BEGIN; LOCK TABLE {TABLE}; INSERT INTO {TABLE} (id, origin, fl_date, last_update) \
         SELECT 'JFK' || to_char(day, 'YYYYMMDD'), 'JFK', day, now() \
         FROM generate_series('2013-01-01'::date, '2013-01-31', '1 day') day"
    ));
    let waiting = database.load(&place).start();
    wait_until("load waits for the table", || {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";
        database.value(waits) != "0"
    });
    holder.execute("COMMIT");
    let finished = waiting.wait();
    let wanted = "31 of 35 rows of 2013 would be deleted and 0 inserted, which leaves 4";
    assert!(finished.error().contains(wanted), "{finished:?}");
    assert_eq!(count(&mut database, 2013), "35");
}
