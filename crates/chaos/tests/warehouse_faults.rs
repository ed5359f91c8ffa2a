//! A warehouse that stops, breaks off, holds up or refuses: `load` gets through, or fails with a clear line and
//! changes nothing.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chaos::proxy::{Fault, Proxy};
use chaos::report::report;
use chaos::trace::{Point, Then, points, trace};
use chaos::year::{Lake, Versions, Year};
use e2e::postgres::{Database, Server, Session};
use e2e::wait_until;
use e2e::worker::Finished;

const TABLE: &str = "agg_dep_delay_by_date";
/// Sessions of `load` on this database.
const LOADS: &str = "SELECT pid, wait_event_type FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name LIKE 'flight-delays load %'";
const WHOLE: &str = "the table the older or the newer one at any time; the year as undisturbed";

/// A year before `load`.
fn year(versions: &mut Versions) -> Year<'_> {
    versions.just_before("load", Lake::Folder)
}

/// What came of cases: how many got through, with another attempt or without, and how many failed.
#[derive(Default)]
struct Outcomes {
    at_once: usize,
    with_more_attempts: usize,
    failed: Vec<String>,
}

impl Outcomes {
    /// Takes in a load: it got through, or it failed in the way that `failed` accepts.
    fn add(&mut self, mut year: Year<'_>, finished: &Finished, case: &str) {
        match finished.code {
            Some(0) if finished.warnings().is_empty() => self.at_once += 1,
            Some(0) => self.with_more_attempts += 1,
            _ => self.failed.push(format!("{case}: {}", finished.error())),
        }
        let rows = year.rows();
        if finished.code == Some(0) {
            assert!(rows == year.newer_rows(), "{case}: another table");
        }
        year.assert_whole();
        year.assert_recovers();
    }

    fn cases(&self) -> usize {
        self.at_once + self.with_more_attempts + self.failed.len()
    }

    fn told(&self) -> String {
        format!(
            "{} got through with a further attempt, {} undisturbed, {} failed with a clear line; {WHOLE}",
            self.with_more_attempts,
            self.at_once,
            self.failed.len()
        )
    }
}

/// Whether a point is one of the connection: something is sent, not done with files.
fn is_of_the_connection(point: &Point) -> bool {
    !point.on.contains("data/")
}

/// Whether a load stands in the middle of COPY: the server has some of its rows, or will have those that were sent
/// within a second.
fn copies(year: &mut Year<'_>, point: &Point) -> bool {
    let copies =
        "SELECT count(*), count(*) FILTER (WHERE bytes_processed > 0) FROM pg_stat_progress_copy";
    let start = Instant::now();
    while is_of_the_connection(point) && start.elapsed() < Duration::from_secs(1) {
        match &year.database().rows(copies)[0][..] {
            [begun, _] if begun == "0" => return false,
            [_, some] if some == "1" => return true,
            _ => thread::sleep(Duration::from_millis(2)),
        }
    }
    false
}

/// Does something to the server at those points of a load for which `chosen` takes the number. What is sent is not
/// the same each time: a log-in has a random part.
fn at_points(
    versions: &mut Versions,
    chosen: impl Fn(usize) -> bool,
    fault: impl Fn(&mut Year<'_>),
) -> Outcomes {
    let undisturbed = points(year(versions).worker("load"));
    let count: usize = undisturbed
        .iter()
        .filter(|(point, _)| is_of_the_connection(point))
        .map(|(_, times)| times)
        .sum();
    assert!(count > 40, "{undisturbed:?}");
    let mut outcomes = Outcomes::default();
    for number in (0..count).filter(|number| chosen(*number)) {
        let mut year = year(versions);
        let (mut come, mut case) = (0, None);
        let finished = trace(year.worker("load"), |point| {
            if is_of_the_connection(point) {
                if come == number {
                    case = Some(point.to_string());
                    fault(&mut year);
                }
                come += 1;
            }
            Then::GoOn
        });
        outcomes.add(year, &finished, &case.unwrap());
    }
    outcomes
}

/// Ends the sessions of `load`, as an administrator or a failing server does.
fn terminate(year: &mut Year<'_>) {
    let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM ({LOADS}) loads");
    let _ = year.database().rows(&end);
}

fn terminated(what: &str, chosen: impl Fn(usize) -> bool) {
    let outcomes = at_points(&mut Versions::usual(), chosen, terminate);
    assert_eq!(outcomes.failed, [""; 0]);
    assert!(outcomes.with_more_attempts * 2 > outcomes.cases());
    report(what, outcomes.cases(), &outcomes.told());
}

#[test]
fn its_session_is_ended_at_some_points() {
    terminated("PostgreSQL: the session ended at some points", |n| {
        n % 5 == 0
    });
}

#[test]
#[ignore = "make chaos: minutes"]
fn its_session_is_ended_at_every_point() {
    terminated("PostgreSQL: the session ended at every point", |_| true);
}

/// Stops the server at points, and starts it again before the load goes on, or soon after that.
fn restarted(what: &str, signal: &str, chosen: impl Fn(usize) -> bool) {
    let server = Server::own();
    let outcomes = at_points(&mut Versions::usual_on(server), chosen, |_| {
        server.stop(signal);
        server.start_again();
    });
    assert_eq!(outcomes.failed, [""; 0]);
    assert!(outcomes.with_more_attempts * 2 > outcomes.cases());
    report(what, outcomes.cases(), &outcomes.told());
}

#[test]
fn the_server_restarts_at_some_points() {
    restarted("PostgreSQL: restarted at some points", "INT", |n| {
        n % 16 == 8
    });
}

#[test]
#[ignore = "make chaos: minutes"]
fn the_server_restarts_at_every_point() {
    restarted("PostgreSQL: restarted at every point", "INT", |_| true);
}

#[test]
fn the_server_crashes_at_some_points() {
    restarted("PostgreSQL: crashed at some points", "QUIT", |n| {
        n % 16 == 4
    });
}

#[test]
#[ignore = "make chaos: minutes"]
fn the_server_crashes_at_every_point() {
    restarted("PostgreSQL: crashed at every point", "QUIT", |_| true);
}

/// The server is away for a while in the middle of a load.
fn away(seconds: u64) {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    let mut copied = false;
    let finished = trace(year.worker("load"), |point| {
        if !copied && copies(&mut year, point) {
            copied = true;
            server.stop("INT");
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(seconds));
                server.start_again();
            });
        }
        Then::GoOn
    });
    assert!(copied);
    let attempts = finished.warnings().len();
    assert!(attempts > 1, "{finished:?}");
    let _ = finished.summary();
    year.assert_whole();
    year.assert_recovers();
    let fault = format!("PostgreSQL: away for {seconds} s in the middle of COPY");
    report(
        &fault,
        1,
        &format!("got through, {attempts} further attempts"),
    );
}

#[test]
fn the_server_is_away_for_some_seconds() {
    away(4);
}

#[test]
#[ignore = "make chaos: minutes"]
fn the_server_is_away_for_a_minute() {
    away(60);
}

/// Two minutes, then a clear line.
#[test]
#[ignore = "make chaos: minutes"]
fn the_server_never_comes_back() {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    let (mut copied, start) = (false, Instant::now());
    let finished = trace(year.worker("load"), |point| {
        if !copied && copies(&mut year, point) {
            copied = true;
            server.stop("INT");
        }
        Then::GoOn
    });
    let took = start.elapsed().as_secs();
    assert!((120..150).contains(&took), "{took} s");
    let error = finished.error();
    assert!(error.contains("no server there: start it"), "{error}");
    server.start_again();
    assert!(year.rows() == year.older_rows());
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: gone for good in the middle of COPY",
        1,
        "exit 1 after two minutes, nothing changed",
    );
}

/// A line to the server that is reset or closed after so many bytes, the first `times` times.
fn broken_line(what: &str, steps: usize, times: &[usize]) {
    let mut versions = Versions::usual();
    let server = SocketAddr::from(([127, 0, 0, 1], Server::shared().port()));
    let mut outcomes = Outcomes::default();
    let proxy = Proxy::start(server, Fault::Refuse, 0);
    let port = proxy.address.port().to_string();
    let undisturbed = year(&mut versions);
    let _ = undisturbed
        .worker("load")
        .env("PGPORT", port)
        .run()
        .summary();
    drop(undisturbed);
    let most = proxy.most();
    for step in 0..steps {
        let [up, down] = most.map(|bytes| bytes * step / steps);
        for fault in [
            Fault::ResetUpload(up),
            Fault::ResetDownload(down),
            Fault::CloseDownload(down),
        ] {
            for &times in times {
                let year = year(&mut versions);
                let proxy = Proxy::start(server, fault, times);
                let port = proxy.address.port().to_string();
                let finished = year.worker("load").env("PGPORT", port).run();
                assert_eq!(proxy.faults(), times, "{fault:?}");
                outcomes.add(year, &finished, &format!("{fault:?}"));
            }
        }
    }
    assert_eq!(outcomes.failed, [""; 0]);
    assert!(
        outcomes.with_more_attempts * 2 > outcomes.cases(),
        "{}",
        outcomes.told()
    );
    report(what, outcomes.cases(), &outcomes.told());
}

#[test]
fn a_line_that_breaks_in_some_places() {
    broken_line("PostgreSQL: the line breaks in some places, once", 4, &[1]);
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_line_that_breaks_in_many_places() {
    broken_line(
        "PostgreSQL: the line breaks in many places, once and twice",
        24,
        &[1, 2],
    );
}

/// Another load changes the year while this one waits for its turn, on a server whose transactions would go on
/// seeing the table as it was when they began.
#[test]
fn a_turn_after_another_load() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    let name = year.database().name.clone();
    let set = |year: &mut Year<'_>, level: &str| {
        year.database().execute(&format!(
            "ALTER DATABASE \"{name}\" SET default_transaction_isolation = '{level}'"
        ));
    };
    // The number of the turn is told by a load that has it.
    let mut turn = vec![];
    let first = trace(year.worker("load"), |point| {
        if turn.is_empty() && point.on.contains("COPY ") {
            turn = year.database().rows(
                "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            );
        }
        Then::GoOn
    });
    let _ = first.summary();
    let turn = &turn[0][0];
    let levels = ["read committed", "repeatable read", "serializable"];
    for level in levels {
        set(&mut year, level);
        let mut other = year.database().session();
        other.execute("BEGIN");
        let _ = other.rows(&format!("SELECT pg_advisory_xact_lock({turn})::text"));
        let running = year.worker("load").start();
        wait_until("the load waits", || {
            let loads = year.database().rows(LOADS);
            loads.iter().any(|row| row[1] == "Lock")
        });
        other.execute(&format!(
            "UPDATE {TABLE} SET flights = 0; \
             INSERT INTO {TABLE} (id, origin, fl_date, mean_dep_delay, anomaly, last_update) \
             VALUES ('ZZZ20130101', 'ZZZ', '2013-01-01', 1, 0, now()); COMMIT"
        ));
        let finished = running.wait();
        let _ = finished.summary();
        assert_eq!(finished.warnings(), [""; 0]);
        assert!(year.rows() == year.newer_rows(), "{level}");
    }
    set(&mut year, "read committed");
    year.assert_recovers();
    report(
        "PostgreSQL: another load meanwhile, at each level of isolation",
        levels.len(),
        "the table as the later one has it",
    );
}

/// A serialization failure, as a replicated or sharded server has them at any level: the first attempt's.
#[test]
fn a_serialization_failure() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    year.database().execute(&format!(
        "CREATE SEQUENCE attempts; \
         CREATE FUNCTION first_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('attempts') = 1 THEN \
             RAISE 'could not serialize access' USING ERRCODE = 'serialization_failure'; \
           END IF; RETURN NULL; END $$; \
         CREATE TRIGGER first_fails AFTER DELETE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION first_fails()"
    ));
    let finished = year.worker("load").run();
    let [warning] = finished.warnings()[..] else {
        panic!("{finished:?}")
    };
    assert!(warning.contains("could not serialize access"), "{warning}");
    let _ = finished.summary();
    assert!(year.rows() == year.newer_rows());
    year.assert_recovers();
    report(
        "PostgreSQL: a serialization failure",
        1,
        "got through with a further attempt",
    );
}

/// The load waits for a row of another session, which then waits for the load.
#[test]
fn a_deadlock() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    // The load is the one that looks for a circle, once, and by then there is one.
    let name = year.database().name.clone();
    year.database().execute(&format!(
        "ALTER DATABASE \"{name}\" SET deadlock_timeout = '3s'"
    ));
    let mut other = year.database().session();
    other.execute(&format!(
        "SET deadlock_timeout = '1h'; BEGIN; UPDATE {TABLE} SET flights = 0"
    ));
    let running = year.worker("load").start();
    wait_until("the load waits", || {
        year.database()
            .rows(LOADS)
            .iter()
            .any(|row| row[1] == "Lock")
    });
    let turn = "SELECT pg_advisory_xact_lock((classid::bigint << 32) | objid::bigint) FROM pg_locks \
                WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let _ = other.rows(turn);
    other.execute("ROLLBACK");
    let finished = running.wait();
    let [warning] = finished.warnings()[..] else {
        panic!("{finished:?}")
    };
    assert!(warning.contains("deadlock detected"), "{warning}");
    let _ = finished.summary();
    year.assert_recovers();
    report(
        "PostgreSQL: a deadlock",
        1,
        "got through with a further attempt",
    );
}

/// A lock that lasts longer than the patience for locks, and one longer than that for statements. The server's own
/// limits hold, where it has any.
#[test]
fn limits_of_time() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    let name = year.database().name.clone();
    let told = [
        (
            "lock_timeout",
            "another session holds a lock on the table: end it (see pg_stat_activity) and run again",
        ),
        (
            "statement_timeout",
            "it took too long: see what else the server is doing, and run again",
        ),
    ];
    for (limit, told) in told {
        year.database()
            .execute(&format!("ALTER DATABASE \"{name}\" SET {limit} = '300ms'"));
        let mut other = year.database().session();
        other.execute(&format!("BEGIN; LOCK TABLE {TABLE}"));
        let finished = year.worker("load").run();
        assert!(finished.error().contains(told), "{finished:?}");
        assert_eq!(finished.warnings(), [""; 0]);
        other.execute("ROLLBACK");
        assert!(year.rows() == year.older_rows());
        year.database()
            .execute(&format!("ALTER DATABASE \"{name}\" RESET {limit}"));
    }
    year.assert_recovers();
    report(
        "PostgreSQL: a lock, until the lock and the statement time-out",
        2,
        "exit 1 with a line that says so, nothing changed",
    );
}

/// The limits of `load` itself, where the server has none.
#[test]
#[ignore = "make chaos: minutes"]
fn a_lock_that_is_held_for_long() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    let mut other = year.database().session();
    other.execute(&format!("BEGIN; LOCK TABLE {TABLE}"));
    let start = Instant::now();
    let finished = year.worker("load").run();
    let took = start.elapsed().as_secs();
    assert!((60..75).contains(&took), "{took} s");
    let told =
        "another session holds a lock on the table: end it (see pg_stat_activity) and run again";
    assert!(finished.error().contains(told), "{finished:?}");
    other.execute("ROLLBACK");
    assert!(year.rows() == year.older_rows());
    year.assert_recovers();
    report(
        "PostgreSQL: a lock that is held for long",
        1,
        "exit 1 after a minute with a line that says what to do, nothing changed",
    );
}

/// Another load that does not end: it is not to be ended, as the holder of a lock is.
#[test]
fn another_load_is_at_work() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    let name = year.database().name.clone();
    year.database().execute(&format!(
        "ALTER DATABASE \"{name}\" SET lock_timeout = '300ms'"
    ));
    let mut finished = None;
    let first = trace(year.worker("load"), |point| {
        if finished.is_none() && copies(&mut year, point) {
            finished = Some(year.worker("load").run());
            assert!(year.rows() == year.older_rows());
        }
        Then::GoOn
    });
    let finished = finished.unwrap();
    let error = finished.error();
    assert!(
        error.contains("another load is at work: wait until it has ended, and run again"),
        "{error}"
    );
    let _ = first.summary();
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: another load at work, until the lock time-out",
        1,
        "exit 1 with a line that says so",
    );
}

/// As many sessions as the server takes.
#[test]
fn no_connection_left() {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    year.database()
        .execute("ALTER SYSTEM SET max_connections = 9");
    server.stop("INT");
    server.start_again();
    let others: Vec<Session> = (0..9).map(|_| year.database().session()).collect();
    let running = year.worker("load").start();
    wait_until("load is refused", || {
        server.log().contains("too many clients")
    });
    drop(others);
    let finished = running.wait();
    assert!(!finished.warnings().is_empty(), "{finished:?}");
    assert!(
        finished.warnings()[0].contains("the server has no connection left"),
        "{finished:?}"
    );
    let _ = finished.summary();
    year.assert_recovers();
    report(
        "PostgreSQL: no connection left for a while",
        1,
        "got through with a further attempt",
    );
}

/// A real standby, not only a server that was told to be read-only.
#[test]
fn a_standby() {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    server.stop("INT");
    server.start_as_standby();
    assert_eq!(year.database().value("SELECT pg_is_in_recovery()"), "t");
    let finished = year.worker("load").run();
    let error = finished.error();
    assert!(
        error.contains("this server is read-only, a standby perhaps: set PGHOST to the primary"),
        "{error}"
    );
    assert!(year.rows() == year.older_rows());
    year.database().execute("SELECT pg_promote()");
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: a hot standby",
        1,
        "exit 1 with a line that says so; once promoted, the year as undisturbed",
    );
}

/// The server is away when `load` begins, and comes soon.
#[test]
fn the_server_comes_while_load_begins() {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    server.stop("INT");
    let running = year.worker("load").start();
    thread::sleep(Duration::from_millis(1500));
    server.start_again();
    let finished = running.wait();
    assert!(
        finished.warnings()[0].contains("no server there: start it"),
        "{finished:?}"
    );
    let _ = finished.summary();
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: not there yet when load begins",
        1,
        "got through with a further attempt",
    );
}

/// The primary goes in the middle of COPY, and what answers next is a standby that has not been promoted yet.
#[test]
fn a_standby_takes_over() {
    let server = Server::own();
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    let mut promoting = None;
    let finished = trace(year.worker("load"), |point| {
        if promoting.is_none() && copies(&mut year, point) {
            server.stop("INT");
            server.start_as_standby();
            let mut other = year.database().session();
            promoting = Some(thread::spawn(move || {
                thread::sleep(Duration::from_secs(3));
                other.execute("SELECT pg_promote()");
            }));
        }
        Then::GoOn
    });
    promoting.unwrap().join().unwrap();
    let told = |warning: &str| warning.contains("this server is read-only, a standby perhaps");
    assert!(finished.warnings().into_iter().any(told), "{finished:?}");
    let _ = finished.summary();
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: a standby takes over in the middle of COPY",
        1,
        "got through with a further attempt",
    );
}

/// The answer to COMMIT is lost, and then nobody answers any more: the last line says that the year may be in.
#[test]
#[ignore = "make chaos: minutes"]
fn the_answer_to_commit_is_lost_and_then_the_line() {
    let mut versions = Versions::usual();
    let mut year = year(&mut versions);
    let server = SocketAddr::from(([127, 0, 0, 1], Server::shared().port()));
    let fault = Fault::CutAnswer {
        // "… ON COMMIT DROP" goes on.
        to: "COMMIT\0",
        after: 0,
    };
    let proxy = Proxy::start(server, fault, 1);
    let port = proxy.address.port().to_string();
    let running = year.worker("load").env("PGPORT", port).start();
    wait_until("the answer is lost", || proxy.faults() == 1);
    proxy.close();
    let finished = running.wait();
    let error = finished.error();
    assert!(
        error.starts_with(
            "an earlier attempt got no answer to COMMIT and may have changed the year"
        ),
        "{error}"
    );
    assert!(year.rows() == year.newer_rows());
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: the answer to COMMIT lost, and then the line",
        1,
        "exit 1 after two minutes, with a line that says that the year may be in",
    );
}

/// Table and temporary table on a disk that is full, then with a little more room each time.
#[test]
fn a_disk_that_is_full() {
    let Some(server) = Server::with_small_disk(2048) else {
        return;
    };
    let mut versions = Versions::usual_on(server);
    let mut year = year(&mut versions);
    let name = year.database().name.clone();
    year.database()
        .execute("CREATE TABLESPACE small LOCATION '/mnt/small'");
    year.database().execute(&format!(
        "ALTER DATABASE \"{name}\" SET temp_tablespaces = small; ALTER TABLE {TABLE} SET TABLESPACE small; \
         DO $$ BEGIN FOR i IN 1..1000 LOOP \
           BEGIN EXECUTE format('CREATE TABLE ballast_%s (a text STORAGE plain) TABLESPACE small', i); \
                 EXECUTE format('INSERT INTO ballast_%s SELECT repeat(''x'', 7000)', i); \
           EXCEPTION WHEN disk_full THEN EXIT; END; \
         END LOOP; END $$"
    ));
    let ballast = "SELECT relname FROM pg_class WHERE relname LIKE 'ballast%' AND relkind = 'r'";
    let ballast = year.database().rows(ballast);
    let mut full = 0;
    for table in ballast.iter().flatten() {
        let finished = year.worker("load").run();
        if finished.code == Some(0) {
            break;
        }
        let error = finished.error();
        assert!(
            error.contains("the server's disk is full: free some space and run again"),
            "{error}"
        );
        assert!(year.rows() == year.older_rows(), "{error}");
        full += 1;
        year.database().execute(&format!("DROP TABLE {table}"));
        // What a load that failed has taken is given back.
        year.database().execute(&format!("VACUUM {TABLE}"));
    }
    assert!(full > 1, "{full}");
    assert!(year.rows() == year.newer_rows());
    // Running again takes room of its own.
    year.database().execute(&format!(
        "ALTER DATABASE \"{name}\" RESET temp_tablespaces; ALTER TABLE {TABLE} SET TABLESPACE pg_default"
    ));
    year.assert_whole();
    year.assert_recovers();
    report(
        "PostgreSQL: its disk full, with 8 kB more each time",
        full,
        "exit 1 with a line that says so, nothing changed; with room, the year as undisturbed",
    );
}

/// A server whose log of changes (WAL) lies on a disk of its own.
struct OwnLog {
    server: &'static Server,
    ballast: PathBuf,
}

impl OwnLog {
    /// A file of the log, all of which are taken at once.
    const SEGMENT: usize = 16 << 20;

    fn start() -> Option<Self> {
        let server = Server::with_small_disk((3 * Self::SEGMENT) >> 10)?;
        let mut database = server.database();
        let data = PathBuf::from(database.value("SHOW data_directory"));
        // A file that is needed no more makes room, and does not become the next one.
        database.execute("ALTER SYSTEM SET wal_recycle = off");
        server.stop("INT");
        let moved = Command::new("mv")
            .args([&data.join("pg_wal"), &server.small_disk()])
            .status();
        assert!(moved.unwrap().success());
        symlink("/mnt/small/pg_wal", data.join("pg_wal")).unwrap();
        server.start_again();
        let ballast = server.small_disk().join("ballast");
        Some(OwnLog { server, ballast })
    }

    /// Leaves so many bytes until the log needs another file, and half the room that it takes.
    fn fill(&self, database: &mut Database<'_>, bytes: usize) {
        database.execute("SELECT pg_switch_wal()");
        database.execute("CHECKPOINT");
        database.execute("CHECKPOINT");
        database.execute(&format!(
            "DO $$ BEGIN \
               WHILE {} - (pg_walfile_name_offset(pg_current_wal_insert_lsn())).file_offset > {bytes} LOOP \
                 PERFORM pg_logical_emit_message(false, 'ballast', repeat('x', 1000)); \
               END LOOP; \
             END $$",
            Self::SEGMENT
        ));
        // The server may hold the file before this one for some moments more.
        let ballast = vec![0; Self::SEGMENT * 3 / 2];
        wait_until("the log takes no more than one file", || {
            std::fs::write(&self.ballast, &ballast).is_ok()
        });
    }

    fn make_room(&self) {
        std::fs::remove_file(&self.ballast).unwrap();
        self.server.stop("QUIT");
        self.server.start_again();
    }

    /// Loads where the log has room for so many bytes. On the full disk the server ends, as it has to; after three
    /// seconds somebody makes room and starts it again.
    fn load(&self, year: &mut Year<'_>, bytes: usize) -> Finished {
        self.fill(year.database(), bytes);
        let ended = self.server.log().matches("PANIC").count();
        let running = year.worker("load").start();
        thread::sleep(Duration::from_secs(3));
        self.make_room();
        let log = self.server.log();
        assert!(log.matches("PANIC").count() > ended, "{bytes}: {log}");
        running.wait()
    }
}

/// The log of changes on a disk that is full, with so many bytes before it is.
fn a_log_that_is_full(what: &str, bytes: impl Iterator<Item = usize>) {
    let Some(own) = OwnLog::start() else {
        return;
    };
    let mut versions = Versions::usual_on(own.server);
    let mut outcomes = Outcomes::default();
    for bytes in bytes {
        let mut year = year(&mut versions);
        let finished = own.load(&mut year, bytes);
        outcomes.add(year, &finished, &format!("{bytes} bytes"));
    }
    assert_eq!(outcomes.failed.len(), outcomes.cases());
    for error in &outcomes.failed {
        assert!(
            error.contains("the server's disk is full: free some space and run again"),
            "{error}"
        );
    }
    report(what, outcomes.cases(), &outcomes.told());
}

#[test]
fn a_log_that_is_full_at_some_points() {
    a_log_that_is_full(
        "PostgreSQL: the disk of its log of changes full at some points",
        [2_000, 60_000].into_iter(),
    );
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_log_that_is_full_at_many_points() {
    a_log_that_is_full(
        "PostgreSQL: the disk of its log of changes full at many points",
        (1..25).map(|n| n * 4_000),
    );
}
