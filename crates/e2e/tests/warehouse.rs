//! The worker `load` and a real PostgreSQL: what it makes of the table.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::Float64Array;
use e2e::bronze::{Bronze, flight};
use e2e::parquet_file;
use e2e::place::Place;
use e2e::postgres::{Database, Server};
use e2e::wait_until;
use e2e::worker::{Finished, Worker};
use serde_json::Value;

const ANOMALIES: &str = "data/2013_04_anomalies.parquet";
const TABLE: &str = "agg_dep_delay_by_date";

/// An airport and a day of 2013 with one flight each, and its delay.
fn days(days: &[(&str, &str, i32)]) -> Place {
    let row = |&(origin, day, delay): &(&str, &str, i32)| {
        flight(&format!("2013-{day}"), origin, &delay.to_string())
    };
    Place::after("detect", Bronze::of(days.iter().map(row).collect()).text())
}

/// The password is in no output, whatever came of it.
fn run(database: &Database, load: Worker) -> Finished {
    let finished = load.run();
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains(database.password()), "{finished:?}");
    }
    finished
}

fn load(database: &Database, place: &Place) -> Value {
    run(database, database.load(place)).summary()
}

/// Inserted, updated, deleted, unchanged.
fn changes(summary: &Value) -> [i64; 4] {
    ["inserted", "updated", "deleted", "unchanged"].map(|key| summary[key].as_i64().unwrap())
}

/// The ids and means of the table.
fn means(database: &mut Database) -> Vec<String> {
    let rows = database.rows(&format!(
        "SELECT id, mean_dep_delay FROM {TABLE} ORDER BY id"
    ));
    rows.iter().map(|row| row.join(" ")).collect()
}

/// Every value of the table.
fn all(database: &mut Database) -> Vec<Vec<String>> {
    database.rows(&format!("SELECT * FROM {TABLE} ORDER BY id"))
}

#[test]
fn the_first_load_creates_the_table() {
    let mut database = Server::shared().database();
    let place = days(&[("JFK", "01-01", 7), ("LGA", "01-01", 3)]);
    let summary = load(&database, &place);
    assert_eq!(changes(&summary), [2, 0, 0, 0]);
    let columns = database.rows(&format!(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute \
         WHERE attrelid = '{TABLE}'::regclass AND attnum > 0 ORDER BY attnum"
    ));
    let columns: Vec<_> = columns.iter().map(|column| column.join(" ")).collect();
    let first = [
        "id text t",
        "origin text t",
        "fl_date date t",
        "mean_dep_delay numeric(8,2) f",
        "flights integer f",
        "scheduled integer f",
        "cancelled integer f",
        "anomaly_if smallint f",
        "score_if double precision f",
    ];
    let last = [
        "anomaly smallint f",
        "score double precision f",
        "expected_delay double precision f",
        "lower_delay double precision f",
        "upper_delay double precision f",
        "reason text f",
        "flag_basis text f",
        "last_update timestamp with time zone t",
    ];
    assert_eq!(columns[..9], first);
    assert_eq!(columns[columns.len() - 8..], last);
    // Any model between the two has its pair.
    for pair in columns[9..columns.len() - 8].chunks(2) {
        let model = pair[0].strip_prefix("anomaly_").unwrap();
        let model = model.strip_suffix(" smallint f").unwrap();
        assert_eq!(pair[1], format!("score_{model} double precision f"));
    }
    let key = database.rows(&format!(
        "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint \
         WHERE conrelid = '{TABLE}'::regclass AND contype = 'p'"
    ));
    assert_eq!(key, [[&format!("{TABLE}_pkey"), "p", "PRIMARY KEY (id)"]]);
}

#[test]
fn the_table_has_the_values_of_the_file() {
    let mut database = Server::shared().database();
    let place = Place::after("detect", Bronze::ordinary(2000).text());
    let summary = load(&database, &place);
    let file = parquet_file::rows(&place.path(ANOMALIES));
    assert_eq!(summary["rows_out"], file.len());
    assert!(
        file.iter().any(|row| row.last().unwrap() != "-"),
        "something is flagged"
    );
    let columns = parquet_file::columns(&place.path(ANOMALIES));
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let query = format!(
        "SELECT {} FROM {TABLE} ORDER BY origin, fl_date",
        names.join(", ")
    );
    let table = database.rows(&query);
    assert_eq!(table.len(), file.len());
    // PostgreSQL prints 3 and 3.00 where Rust prints 3.0.
    let same = |a: &str, b: &str| a == b || a.parse::<f64>().is_ok_and(|a| b.parse() == Ok(a));
    for (ours, theirs) in file.iter().zip(&table) {
        assert!(
            ours.iter().zip(theirs).all(|(a, b)| same(a, b)),
            "{ours:?} {theirs:?}"
        );
    }
}

#[test]
fn a_load_changes_what_differs_and_nothing_else() {
    let mut database = Server::shared().database();
    let before = days(&[
        ("ATL", "01-01", 1),
        ("BOS", "01-01", 2),
        ("DEN", "01-01", 3),
    ]);
    assert_eq!(changes(&load(&database, &before)), [3, 0, 0, 0]);
    let times = format!("SELECT id, last_update::text FROM {TABLE} ORDER BY id");
    let first = database.rows(&times);
    let row_versions = format!("SELECT id, xmin::text, ctid::text FROM {TABLE} ORDER BY id");
    let versions = database.rows(&row_versions);

    // Again the same: not a row is touched.
    assert_eq!(changes(&load(&database, &before)), [0, 0, 0, 3]);
    assert_eq!(database.rows(&times), first);
    assert_eq!(database.rows(&row_versions), versions);

    // ATL is gone, BOS differs, DEN stays, EWR is new.
    let after = days(&[
        ("BOS", "01-01", 22),
        ("DEN", "01-01", 3),
        ("EWR", "01-01", 4),
    ]);
    assert_eq!(changes(&load(&database, &after)), [1, 1, 1, 1]);
    assert_eq!(
        means(&mut database),
        ["BOS20130101 22.00", "DEN20130101 3.00", "EWR20130101 4.00"]
    );
    let second = database.rows(&times);
    assert!(second[0][1] > first[1][1], "BOS moved");
    assert_eq!(second[1], first[2], "DEN did not");
    assert!(second[2][1] > first[1][1], "EWR is new");
}

/// Nulls are values like others: to a null, from a null, and a null that stays.
#[test]
fn nulls_are_compared_too() {
    let mut database = Server::shared().database();
    let place = days(&[("ATL", "01-01", 1), ("BOS", "01-01", 2)]);
    let rows = |score: [Option<f64>; 2]| {
        let column = Float64Array::from(score.to_vec());
        parquet_file::replace(&place.path(ANOMALIES), "score", Some(Arc::new(column)));
    };
    rows([None, None]);
    assert_eq!(changes(&load(&database, &place)), [2, 0, 0, 0]);
    assert_eq!(changes(&load(&database, &place)), [0, 0, 0, 2]);
    rows([Some(0.5), None]);
    assert_eq!(changes(&load(&database, &place)), [0, 1, 0, 1]);
    rows([None, Some(0.5)]);
    assert_eq!(changes(&load(&database, &place)), [0, 2, 0, 0]);
    let scores = database.rows(&format!("SELECT score FROM {TABLE} ORDER BY id"));
    assert_eq!(scores, [["-"], ["0.5"]]);
}

#[test]
fn other_years_are_not_touched() {
    let mut database = Server::shared().database();
    load(
        &database,
        &days(&[("JFK", "01-01", 1), ("JFK", "12-31", 2)]),
    );
    database.execute(&format!(
        "INSERT INTO {TABLE} (id, origin, fl_date, mean_dep_delay, last_update) VALUES \
         ('JFK20121231', 'JFK', '2012-12-31', 8, '2013-01-02'), ('JFK20140101', 'JFK', '2014-01-01', 9, '2015-01-02')"
    ));
    let others =
        format!("SELECT * FROM {TABLE} WHERE id IN ('JFK20121231', 'JFK20140101') ORDER BY id");
    let before = database.rows(&others);
    assert_eq!(
        changes(&load(&database, &days(&[("JFK", "12-31", 3)]))),
        [0, 1, 1, 0]
    );
    assert_eq!(database.rows(&others), before);
    assert_eq!(
        means(&mut database),
        ["JFK20121231 8.00", "JFK20131231 3.00", "JFK20140101 9.00"]
    );
}

#[test]
fn a_failure_in_the_middle_leaves_the_old_year() {
    let mut database = Server::shared().database();
    load(
        &database,
        &days(&[
            ("ATL", "01-01", 1),
            ("BOS", "01-01", 2),
            ("DEN", "01-01", 3),
        ]),
    );
    database.execute(&format!(
        "ALTER TABLE {TABLE} ADD CONSTRAINT modest CHECK (mean_dep_delay < 100)"
    ));
    let before = all(&mut database);
    // ATL would be deleted, BOS updated, EWR inserted; SFO is refused.
    let place = days(&[
        ("BOS", "01-01", 22),
        ("DEN", "01-01", 3),
        ("EWR", "01-01", 4),
        ("SFO", "01-01", 500),
    ]);
    let finished = run(&database, database.load(&place));
    let error = finished.error();
    assert!(error.contains(TABLE), "{error}");
    assert!(
        error.contains("violates check constraint \"modest\""),
        "{error}"
    );
    assert!(
        error.contains("a constraint of the table refuses"),
        "{error}"
    );
    assert_eq!(all(&mut database), before);
    database.execute(&format!("ALTER TABLE {TABLE} DROP CONSTRAINT modest"));
    assert_eq!(changes(&load(&database, &place)), [2, 1, 1, 1]);
}

/// Has a trigger of this body run for each row of the table.
fn set_trigger(database: &mut Database, when: &str, body: &str) {
    database.execute(&format!(
        "CREATE FUNCTION of_the_row() RETURNS trigger LANGUAGE plpgsql AS '{body}'; \
         CREATE TRIGGER of_the_row {when} ON {TABLE} FOR EACH ROW EXECUTE FUNCTION of_the_row()"
    ));
}

/// A trigger that lets no row change: the table would stay as it is, and nobody would know.
#[test]
fn a_trigger_that_keeps_rows_as_they_are() {
    let mut database = Server::shared().database();
    load(&database, &days(&[("BOS", "01-01", 22)]));
    set_trigger(&mut database, "BEFORE UPDATE", "BEGIN RETURN NULL; END");
    let before = all(&mut database);
    let place = days(&[("BOS", "01-01", 23)]);
    let finished = run(&database, database.load(&place));
    let error = finished.error();
    assert!(
        error
            .contains("1 of the year's 1 rows would not be as they were sent, nothing was changed"),
        "{error}"
    );
    assert_eq!(all(&mut database), before);
}

/// And one that alters them, before or after: what is in the table would not be what was found.
#[test]
fn a_trigger_that_alters_rows() {
    for (when, body) in [
        ("BEFORE INSERT", "BEGIN new.flights := 7; RETURN new; END"),
        (
            "AFTER INSERT",
            "BEGIN UPDATE agg_dep_delay_by_date SET flights = 7; RETURN NULL; END",
        ),
    ] {
        let mut database = Server::shared().database();
        load(&database, &days(&[("BOS", "01-01", 22)]));
        set_trigger(&mut database, when, body);
        let before = all(&mut database);
        let place = days(&[("BOS", "01-01", 22), ("DEN", "01-01", 3)]);
        let finished = run(&database, database.load(&place));
        let error = finished.error();
        assert!(
            error.contains("rows would not be as they were sent, nothing was changed"),
            "{when}: {error}"
        );
        assert_eq!(all(&mut database), before);
    }
}

/// A trigger that only looks on is no reason to refuse.
#[test]
fn a_trigger_that_looks_on() {
    let mut database = Server::shared().database();
    load(&database, &days(&[("BOS", "01-01", 22)]));
    set_trigger(
        &mut database,
        "AFTER INSERT OR UPDATE",
        "BEGIN RETURN NULL; END",
    );
    let place = days(&[("BOS", "01-01", 23), ("DEN", "01-01", 3)]);
    assert_eq!(changes(&load(&database, &place)), [1, 1, 0, 0]);
    assert_eq!(changes(&load(&database, &place)), [0, 0, 0, 2]);
}

/// Loads into other tables of the database need not wait for one that waits.
#[test]
fn a_load_into_another_table_does_not_wait() {
    let mut database = Server::shared().database();
    let place = days(&[("BOS", "01-01", 22)]);
    load(&database, &place);
    let mut holder = database.session();
    holder.execute(&format!("BEGIN; LOCK TABLE {TABLE}"));
    let waiting = database.load(&place).start();
    wait_until("load waits for the table", || {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";
        database.value(waits) != "0"
    });
    let other = run(&database, database.load(&place).args("--table other"));
    let _ = other.summary();
    assert_eq!(database.value("SELECT count(*) FROM other"), "1");
    holder.execute("COMMIT");
    let _ = waiting.wait().summary();
}

/// The server may print names with quotes around them.
#[test]
fn a_server_that_quotes_all_names() {
    let mut database = Server::shared().database();
    let name = database.name.clone();
    database.execute(&format!(
        "ALTER DATABASE \"{name}\" SET quote_all_identifiers = on"
    ));
    let place = days(&[("BOS", "01-01", 22)]);
    for changed in [[1, 0, 0, 0], [0, 0, 0, 1]] {
        assert_eq!(changes(&load(&database, &place)), changed);
    }
}

/// It would be gone with the connection.
#[test]
fn a_temporary_table() {
    let database = Server::shared().database();
    let place = days(&[("BOS", "01-01", 22)]);
    let finished = run(
        &database,
        database.load(&place).args("--table pg_temp.mine"),
    );
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("keeps no table"), "{finished:?}");
}

/// Nothing is reported that is not there.
#[test]
fn a_trigger_that_keeps_rows_away() {
    let mut database = Server::shared().database();
    let place = days(&[("BOS", "01-01", 22), ("DEN", "01-01", 3)]);
    load(&database, &place);
    set_trigger(&mut database, "BEFORE INSERT", "BEGIN RETURN NULL; END");
    let before = all(&mut database);
    let place = days(&[("BOS", "01-01", 22), ("SFO", "01-01", 4)]);
    let finished = run(&database, database.load(&place));
    let error = finished.error();
    assert!(
        error.contains("1 rows of the year would be in it, not 2, nothing was changed"),
        "{error}"
    );
    assert_eq!(all(&mut database), before);
}

#[test]
fn a_number_that_does_not_fit() {
    let mut database = Server::shared().database();
    load(
        &database,
        &days(&[("ATL", "01-01", 1), ("BOS", "01-01", 2)]),
    );
    let before = all(&mut database);
    for mean in [1e6, -1e6, f64::INFINITY, f64::NAN] {
        let place = days(&[("BOS", "01-01", 22), ("DEN", "01-01", 3)]);
        let means = Float64Array::from(vec![22.0, mean]);
        parquet_file::replace(
            &place.path(ANOMALIES),
            "mean_dep_delay",
            Some(Arc::new(means)),
        );
        let finished = run(&database, database.load(&place));
        let told = match mean.is_finite() {
            true => format!("DEN20130101: a mean delay of {mean} min does not fit numeric(8,2)"),
            false => "DEN 2013-01-01: the mean is not a finite number: run detect again".into(),
        };
        assert!(finished.error().contains(&told), "{finished:?}");
        assert_eq!(all(&mut database), before);
    }
}

#[test]
fn a_reader_sees_the_old_year_or_the_new_one() {
    let mut database = Server::shared().database();
    // Both years have the same days, each mean of the one 1, of the other 2; one has further ones.
    let year = |delay: &str, rows: usize| {
        let mut bronze = Bronze::ordinary(rows);
        for row in 0..rows {
            bronze = bronze.set(row, "DEP_DELAY", delay);
        }
        Place::after("detect", bronze.text())
    };
    let places = [year("1", 150), year("2", 200)];
    load(&database, &places[0]);
    let wanted = [["1.00", "1.00", "150"], ["2.00", "2.00", "200"]];
    let query = format!("SELECT min(mean_dep_delay), max(mean_dep_delay), count(*) FROM {TABLE}");
    let mut reader = database.session();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = [0; 2];
            while !stop.load(Ordering::Relaxed) {
                let [row] = reader.rows(&query).try_into().unwrap();
                let year = wanted.iter().position(|wanted| row == *wanted);
                seen[year.unwrap_or_else(|| panic!("a mixture: {row:?}"))] += 1;
            }
            seen
        });
        for turn in 1..=10 {
            let load = database.load(&places[turn % 2]).arg("--allow-shrink");
            let _ = run(&database, load).summary();
        }
        stop.store(true, Ordering::Relaxed);
        let seen = reading.join().unwrap();
        assert!(
            seen.iter().all(|times| *times > 0),
            "the reader saw both: {seen:?}"
        );
    });
    assert_eq!(database.rows(&query), [wanted[0]]);
}

#[test]
fn another_schema_and_odd_names() {
    let mut database = Server::shared().database();
    database.execute("CREATE SCHEMA \"Mart of 2013\"");
    let place = days(&[("JFK", "01-01", 7)]);
    for (table, sql) in [
        ("Mart of 2013.delays", "\"Mart of 2013\".delays"),
        ("select", "\"select\""),
        ("Größe; DROP TABLE x --", "\"Größe; DROP TABLE x --\""),
        ("a\"b'c", "\"a\"\"b'c\""),
    ] {
        for wanted in [[1, 0, 0, 0], [0, 0, 0, 1]] {
            let worker = database.load(&place).arg("--table").arg(table);
            let summary = run(&database, worker).summary();
            assert_eq!(changes(&summary), wanted, "{table}");
            assert_eq!(summary["table"], table);
        }
        let rows = database.value(&format!("SELECT count(*) FROM {sql}"));
        assert_eq!(rows, "1", "{table}");
    }
    let worker = database.load(&place).args("--table nowhere.delays");
    let finished = run(&database, worker);
    let error = finished.error();
    assert!(
        error.contains("schema \"nowhere\" does not exist"),
        "{error}"
    );
    assert!(
        error.contains("create the schema or correct --table"),
        "{error}"
    );
}

/// No name is taken by what the load itself makes.
#[test]
fn a_table_with_the_name_incoming() {
    let mut database = Server::shared().database();
    let place = days(&[("JFK", "01-01", 7)]);
    for wanted in [[1, 0, 0, 0], [0, 0, 0, 1]] {
        let load = database.load(&place).args("--table incoming");
        assert_eq!(changes(&run(&database, load).summary()), wanted);
    }
    assert_eq!(database.value("SELECT count(*) FROM public.incoming"), "1");
}

/// Its rows would be added beside those of their own year, which the next load takes away.
#[test]
fn the_file_of_another_year_is_refused() {
    let database = Server::shared().database();
    let place = days(&[("JFK", "01-01", 7)]);
    place.put("data/2014_04_anomalies.parquet", place.get(ANOMALIES));
    let finished = run(&database, database.load_year(&place, 2014));
    let told = "it has days of another year: run detect --year 2014 again";
    assert!(finished.error().ends_with(told), "{finished:?}");
}

#[test]
fn an_older_table_is_upgraded() {
    let mut database = Server::shared().database();
    database.execute(&format!(
        "CREATE TABLE {TABLE} (id text PRIMARY KEY, origin text, fl_date date, mean_dep_delay numeric(8,2), note text); \
         INSERT INTO {TABLE} VALUES ('JFK20120101', 'JFK', '2012-01-01', 5, 'kept')"
    ));
    load(&database, &days(&[("JFK", "01-01", 7)]));
    let rows = database.rows(&format!(
        "SELECT id, mean_dep_delay, note, last_update IS NULL FROM {TABLE} ORDER BY id"
    ));
    assert_eq!(
        rows,
        [
            ["JFK20120101", "5.00", "kept", "f"],
            ["JFK20130101", "7.00", "-", "f"]
        ]
    );
}

/// Those of the dashboard, in a new table and in one of an earlier version, and no second time.
#[test]
fn the_indexes_are_made_once() {
    for old in [
        "",
        "CREATE TABLE {TABLE} (id text PRIMARY KEY, origin text, fl_date date)",
    ] {
        let mut database = Server::shared().database();
        database.execute(&old.replace("{TABLE}", TABLE));
        for _ in 0..2 {
            load(&database, &days(&[("JFK", "01-01", 7)]));
            let indexes = database.rows(&format!(
                "SELECT split_part(pg_get_indexdef(indexrelid), ' USING ', 2) FROM pg_index \
                 WHERE indrelid = '{TABLE}'::regclass ORDER BY 1"
            ));
            assert_eq!(
                indexes.concat(),
                [
                    "btree (((date_part('year'::text, fl_date))::integer), origin)",
                    "btree (fl_date) WHERE (anomaly = 1)",
                    "btree (id)",
                    "btree (origin, fl_date)",
                ]
            );
        }
    }
}

/// Loading goes on; only the owner of a table can make an index.
#[test]
fn a_table_of_another_user_gets_no_index() {
    let mut database = Server::shared().database();
    let place = days(&[("JFK", "01-01", 7)]);
    load(&database, &place);
    let index = format!("{TABLE}_origin_fl_date_idx");
    database.execute(&format!(
        "DROP INDEX {index}; CREATE ROLE guest LOGIN PASSWORD 'guest'; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO guest"
    ));
    let guest = database
        .load(&place)
        .env("PGUSER", "guest")
        .env("PGPASSWORD", "guest");
    let finished = run(&database, guest);
    assert_eq!(changes(&finished.summary()), [0, 0, 0, 1]);
    assert!(finished.stderr.contains("CREATE INDEX ON"), "{finished:?}");
    database.execute("DROP OWNED BY guest; DROP ROLE guest");
}

/// The table exactly as the first version of `load` made it, and the same where somebody has told
/// that no mean is ever null.
#[test]
fn a_table_of_the_first_version_is_upgraded() {
    for more in ["", "ALTER TABLE {TABLE} ALTER mean_dep_delay SET NOT NULL;"] {
        let mut database = Server::shared().database();
        database.execute(&format!(
            "CREATE TABLE {TABLE} (\"id\" text NOT NULL, \"origin\" text NOT NULL, \"fl_date\" date NOT NULL, \
             \"mean_dep_delay\" numeric(8,2), \"flights\" integer, \"anomaly_if\" smallint, \
             \"score_if\" double precision, \"anomaly\" smallint, \"score\" double precision, \
             \"expected_delay\" double precision, \"lower_delay\" double precision, \
             \"upper_delay\" double precision, \"reason\" text, \
             last_update timestamp with time zone NOT NULL, PRIMARY KEY (id)); \
             INSERT INTO {TABLE} VALUES \
             ('JFK20121231', 'JFK', '2012-12-31', 8.25, 4, 1, 0.7, 1, 0.7, 2, -1, 6, 'late', '2013-01-02'), \
             ('JFK20130101', 'JFK', '2013-01-01', 7, 1, 0, NULL, 0, NULL, NULL, NULL, NULL, \
              'only 1 day with flights: too few to judge', '2014-01-02'); {}",
            more.replace("{TABLE}", TABLE)
        ));
        let of_2012 = format!("SELECT * FROM {TABLE} WHERE id = 'JFK20121231'");
        let before = database.rows(&of_2012);

        let place = Place::after(
            "detect",
            Bronze::of(vec![
                flight("2013-01-01", "JFK", "7"),
                flight("2013-01-01", "JFK", ""),
                flight("2013-01-02", "JFK", ""),
            ])
            .text(),
        );
        assert_eq!(changes(&load(&database, &place)), [1, 1, 0, 0]);
        // The year is as it is in the file, and those of other years are as they were.
        let rows = database.rows(&format!(
            "SELECT id, mean_dep_delay, flights, scheduled, cancelled, reason, last_update > '2014-01-02' \
             FROM {TABLE} WHERE id <> 'JFK20121231' ORDER BY id"
        ));
        let reasons = [
            "only 1 day with flights: too few to judge",
            "no flight flew: 1 of 1 flight cancelled",
        ];
        assert_eq!(
            rows,
            [
                ["JFK20130101", "7.00", "1", "2", "1", reasons[0], "t"],
                ["JFK20130102", "-", "0", "1", "1", reasons[1], "t"],
            ]
        );
        let after = database.rows(&of_2012);
        let (kept, added) = after[0].split_at(before[0].len());
        assert_eq!(kept, before[0]);
        assert!(added.len() > 2 && added.iter().all(|value| value == "-"));
        assert_eq!(changes(&load(&database, &place)), [0, 0, 0, 2]);
    }
}

#[test]
fn tables_of_another_shape() {
    let mut database = Server::shared().database();
    database.execute(
        "CREATE TABLE text_date (id text PRIMARY KEY, fl_date text); \
         CREATE TABLE no_id (origin text, fl_date date); \
         CREATE TABLE no_key (id text); \
         CREATE VIEW a_view AS SELECT 1 AS id; \
         CREATE MATERIALIZED VIEW stored AS SELECT 1 AS id; \
         CREATE TABLE parts (id text PRIMARY KEY) PARTITION BY LIST (id); \
         CREATE SEQUENCE numbers",
    );
    let place = days(&[("JFK", "01-01", 7)]);
    for (table, told) in [
        (
            "text_date",
            "the column fl_date is text, not date: change its type, rename the table, or choose another --table",
        ),
        ("no_id", "it has no column id: choose another --table"),
        (
            "no_key",
            "its column id is no key: ALTER TABLE \"no_key\" ADD PRIMARY KEY (id)",
        ),
        (
            "a_view",
            "it is no ordinary table: drop it or choose another --table",
        ),
        ("stored", "it is no ordinary table"),
        ("parts", "it is no ordinary table"),
        ("numbers", "it is no ordinary table"),
    ] {
        let finished = run(&database, database.load(&place).args("--table").arg(table));
        assert!(
            finished
                .error()
                .starts_with(&format!("{table} in database ")),
            "{finished:?}"
        );
        assert!(finished.error().contains(told), "{finished:?}");
    }
    // The transaction took back what it had added.
    let columns = database
        .value("SELECT count(*) FROM information_schema.columns WHERE table_name = 'no_key'");
    assert_eq!(columns, "1");
}

#[test]
fn loads_of_different_years_at_once() {
    let mut database = Server::shared().database();
    let places = [2013, 2014, 2015, 2016].map(|year| {
        let text = Bronze::ordinary(500).text();
        let place = Place::new();
        place.put(
            &format!("data/{year}_01_bronze.csv"),
            text.replace("2013-", &format!("{year}-")),
        );
        for name in ["clean", "aggregate", "detect"] {
            let worker = Worker::new(name).args(&format!("--year {year}"));
            let worker = worker.env("DATA_DIR", place.path("data"));
            let worker = worker.env("LAKE_URL", place.path("lake"));
            let worker = match name {
                "clean" => worker.arg("--partial"),
                _ => worker,
            };
            let _ = worker.run().summary();
        }
        (year, place)
    });
    // All of them find no table.
    let running = places
        .each_ref()
        .map(|(year, place)| database.load_year(place, *year).start());
    for finished in running.map(e2e::worker::Running::wait) {
        assert_eq!(finished.summary()["inserted"], 236);
    }
    let years =
        format!("SELECT extract(year FROM fl_date), count(*) FROM {TABLE} GROUP BY 1 ORDER BY 1");
    let wanted = ["2013", "2014", "2015", "2016"].map(|year| [year, "236"]);
    assert_eq!(database.rows(&years), wanted);
}

#[test]
fn loads_of_the_same_year_at_once() {
    let mut database = Server::shared().database();
    let places =
        [1, 2, 3, 4].map(|delay| days(&[("JFK", "01-01", delay), ("LGA", "01-01", delay)]));
    let running = places.each_ref().map(|place| database.load(place).start());
    for finished in running.map(e2e::worker::Running::wait) {
        assert_eq!(finished.summary()["rows_out"], 2);
    }
    let rows = database.rows(&format!(
        "SELECT count(*), count(DISTINCT mean_dep_delay) FROM {TABLE}"
    ));
    assert_eq!(rows, [["2", "1"]], "one of them, whole");
}
