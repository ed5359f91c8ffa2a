//! Ways to the warehouse that fail, each with a line that says what to do; and the ways that work.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use e2e::bronze::Bronze;
use e2e::mounts;
use e2e::place::Place;
use e2e::postgres::{Database, Server};
use e2e::stall::Stalling;
use e2e::wait_until;
use e2e::worker::{Finished, Worker};

const TABLE: &str = "agg_dep_delay_by_date";

/// What must never be printed, as it is and as a URL has it.
const PASSWORD: &str = "canary:p@ss/w\\rd%";
const ENCODED: &str = "canary%3Ap%40ss%2Fw%5Crd%25";

/// A place whose anomalies are ready to be loaded.
fn place() -> Place {
    Place::after("detect", Bronze::ordinary(100).text())
}

/// Runs it with all the log there is: no password is in any output.
fn run(load: Worker) -> Finished {
    let finished = load.arg("-vvvv").run();
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains("canary"), "{finished:?}");
    }
    finished
}

/// The error line of a load that must fail within a few seconds.
fn error(load: Worker) -> String {
    let start = Instant::now();
    let finished = run(load);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    finished.error().to_owned()
}

/// A role of the database's name with that password, which may create tables.
fn role(database: &mut Database) {
    let name = database.name.clone();
    database.execute(&format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} LOGIN; END IF; END $$; \
         ALTER ROLE {name} PASSWORD '{PASSWORD}'; GRANT CREATE ON SCHEMA public TO {name}"
    ));
}

/// The load of that role, without a password.
fn load(database: &Database, place: &Place) -> Worker {
    let load = database.load(place).env("PGUSER", &database.name);
    load.env("PGPASSWORD", "")
}

/// Passes everything on between the client and the server, from now on.
fn pass_on(client: &TcpStream, port: u16) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for (from, to) in [(client, &server), (&server, client)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    }
}

#[test]
fn no_server() {
    let database = Server::shared().database();
    let place = place();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let load = database
        .load(&place)
        .env("PGPORT", closed.port().to_string());
    let error = error(load.env("PGPASSWORD", PASSWORD));
    assert!(
        error.starts_with(&format!(
            "database no_server at 127.0.0.1:{} as postgres: ",
            closed.port()
        )),
        "{error}"
    );
    assert!(
        error.contains("no server there: start it or correct PGHOST and PGPORT"),
        "{error}"
    );
}

#[test]
fn a_server_that_never_answers() {
    let database = Server::shared().database();
    let place = place();
    let silent = Stalling::silent();
    let load = database
        .load(&place)
        .env("PGPORT", silent.address.port().to_string());
    let load = load
        .env("PGCONNECT_TIMEOUT", "1")
        .env("PGPASSWORD", PASSWORD);
    let start = Instant::now();
    let error = error(load);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(error.contains("no answer within 1 s: check the host, the port and the firewall, or raise PGCONNECT_TIMEOUT"), "{error}");
}

/// Each address of a host has the whole of the time-out.
#[test]
fn a_host_whose_first_address_is_silent() {
    let database = Server::shared().database();
    // The system prefers the address that is nearer to the one from which it asks.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let answering = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let server = database.port();
    std::thread::spawn(move || pass_on(&answering.accept().unwrap().0, server));
    let place = place();
    place.put("hosts", "127.0.0.1 both\n127.0.0.2 both\n");
    let Some(load) = mounts::with_hosts(&place, Worker::new("load")) else {
        return;
    };
    let load = load.args("--year 2013 --data-dir data");
    let finished = run(load.envs(&[
        ("PGHOST", "both".into()),
        ("PGPORT", port.to_string()),
        ("PGUSER", "postgres".into()),
        ("PGPASSWORD", database.password().into()),
        ("PGDATABASE", database.name.clone()),
        ("PGCONNECT_TIMEOUT", "1".into()),
    ]));
    assert_eq!(
        finished.summary()["inserted"],
        finished.summary()["rows_in"]
    );
}

#[test]
fn something_that_is_no_postgresql() {
    let database = Server::shared().database();
    let place = place();
    let s3 = e2e::s3::S3::start();
    for (mode, told) in [
        ("disable", "check PGHOST, PGPORT"),
        ("prefer", "check PGHOST, PGPORT"),
        ("require", "the server has no TLS"),
    ] {
        let load = database
            .load(&place)
            .env("PGPORT", s3.address.port().to_string());
        let error = error(load.env("PGSSLMODE", mode).env("PGPASSWORD", PASSWORD));
        assert!(error.contains(told), "{mode}: {error}");
    }
}

#[test]
fn no_such_host() {
    let database = Server::shared().database();
    let place = place();
    let error = error(database.load(&place).env("PGHOST", "db.invalid"));
    assert!(error.contains("at db.invalid:"), "{error}");
    assert!(error.contains("no such host: correct PGHOST"), "{error}");
}

#[test]
fn a_wrong_password() {
    let mut database = Server::shared().database();
    let place = place();
    role(&mut database);
    let error = error(load(&database, &place).env("PGPASSWORD", "another canary"));
    assert!(
        error.contains("password authentication failed for user \"a_wrong_password\""),
        "{error}"
    );
    assert!(
        error.contains("check PGUSER, PGPASSWORD or PGPASSFILE"),
        "{error}"
    );
}

#[test]
fn no_password() {
    let mut database = Server::shared().database();
    let place = place();
    role(&mut database);
    let error = error(load(&database, &place));
    assert!(
        error.contains("the server wants a password: set PGPASSWORD or PGPASSFILE"),
        "{error}"
    );
}

#[test]
fn a_missing_database() {
    let database = Server::shared().database();
    let place = place();
    let error = error(database.load(&place).env("PGDATABASE", "nowhere"));
    assert!(
        error.contains("database \"nowhere\" does not exist"),
        "{error}"
    );
    assert!(
        error.contains("create the database or correct PGDATABASE"),
        "{error}"
    );
}

#[test]
fn every_way_to_give_the_password() {
    let mut database = Server::shared().database();
    role(&mut database);
    let place = place();
    let (name, port) = (database.name.clone(), database.port());
    let passfile = place.path("pgpass");
    let escaped = PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    fs::write(
        &passfile,
        format!("other:*:*:*:wrong\n127.0.0.1:{port}:{name}:{name}:{escaped}\n"),
    )
    .unwrap();
    let mode = |mode| fs::set_permissions(&passfile, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let url = format!("postgresql://{name}:{ENCODED}@127.0.0.1:{port}/{name}?sslmode=disable");
    let bare = || {
        Worker::new("load")
            .args("--year 2013")
            .env("DATA_DIR", place.path("data"))
    };
    let home = place.path("home");
    fs::create_dir(&home).unwrap();
    fs::copy(&passfile, home.join(".pgpass")).unwrap();
    let ways = [
        load(&database, &place).env("PGPASSWORD", PASSWORD),
        load(&database, &place).env("PGPASSFILE", &passfile),
        load(&database, &place).env("HOME", &home),
        bare().env("DATABASE_URL", &url),
        // The URL goes before the variables.
        bare()
            .env("DATABASE_URL", &url)
            .env("PGPASSWORD", "wrong")
            .env("PGHOST", "db.invalid"),
    ];
    for (way, load) in ways.into_iter().enumerate() {
        let finished = run(load);
        assert_eq!(finished.code, Some(0), "way {way}: {finished:?}");
    }
    mode(0o644);
    let finished = run(load(&database, &place).env("PGPASSFILE", &passfile));
    assert!(
        finished.error().contains("set PGPASSWORD or PGPASSFILE"),
        "{finished:?}"
    );
    assert!(
        finished.warnings()[0].contains("is ignored because others can read it: chmod 600 it"),
        "{finished:?}"
    );
}

#[test]
fn no_right_to_create() {
    let mut database = Server::shared().database();
    let place = place();
    role(&mut database);
    let name = database.name.clone();
    database.execute(&format!("REVOKE CREATE ON SCHEMA public FROM {name}"));
    let error = error(load(&database, &place).env("PGPASSWORD", PASSWORD));
    assert!(error.starts_with(TABLE), "{error}");
    assert!(
        error.contains("permission denied for schema public"),
        "{error}"
    );
    assert!(
        error.contains("let the user CREATE in the schema, or own the table"),
        "{error}"
    );
}

#[test]
fn the_table_of_somebody_else() {
    let mut database = Server::shared().database();
    role(&mut database);
    let place = place();
    assert_eq!(database.load(&place).run().code, Some(0));
    let error = error(load(&database, &place).env("PGPASSWORD", PASSWORD));
    assert!(
        error.contains(&format!("permission denied for table {TABLE}")),
        "{error}"
    );
}

/// The least rights that do: no owner, no right to create in the schema.
#[test]
fn a_user_that_may_only_write_the_rows() {
    let mut database = Server::shared().database();
    role(&mut database);
    let place = place();
    assert_eq!(database.load(&place).run().code, Some(0));
    let name = database.name.clone();
    database.execute(&format!(
        "REVOKE CREATE ON SCHEMA public FROM {name}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {name}; DELETE FROM {TABLE}"
    ));
    let finished = run(load(&database, &place).env("PGPASSWORD", PASSWORD));
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_read_only_server() {
    let mut database = Server::shared().database();
    let place = place();
    let name = database.name.clone();
    database.execute(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    let error = error(database.load(&place));
    assert!(
        error.contains("this server is read-only, a standby perhaps: set PGHOST to the primary"),
        "{error}"
    );
}

/// The table is locked, the load waits, and the administrator ends it: it begins again.
#[test]
fn a_connection_that_is_cut() {
    let mut database = Server::shared().database();
    let place = place();
    assert_eq!(database.load(&place).run().code, Some(0));
    let before = database.rows(&format!("SELECT * FROM {TABLE} ORDER BY id"));
    database.execute(&format!("UPDATE {TABLE} SET flights = 0"));
    let changed = database.rows(&format!("SELECT * FROM {TABLE} ORDER BY id"));
    assert_ne!(before, changed);
    let mut locker = database.session();
    locker.execute(&format!("BEGIN; LOCK TABLE {TABLE}"));
    let running = database.load(&place).start();
    let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the load waits for the lock", || {
        !database.rows(waiting).is_empty()
    });
    database.execute(&format!(
        "SELECT pg_terminate_backend(pid) FROM ({waiting}) w"
    ));
    wait_until("the load waits again", || {
        !database.rows(waiting).is_empty()
    });
    assert_eq!(
        locker.rows(&format!("SELECT * FROM {TABLE} ORDER BY id")),
        changed
    );
    locker.execute("ROLLBACK");
    let finished = running.wait();
    // But for days on which no flight flew.
    assert!(
        finished.summary()["updated"].as_i64() > Some(50),
        "{finished:?}"
    );
    let [warning] = finished.warnings()[..] else {
        panic!("{finished:?}")
    };
    assert!(warning.starts_with(TABLE), "{warning}");
    assert!(
        warning.ends_with("run again in a moment (the next attempt is in 1 s)"),
        "{warning}"
    );
}

/// The server has the COMMIT and answers slowly; the connection is lost meanwhile. The next attempt finds that the
/// year is in the table.
#[test]
fn a_connection_that_is_lost_at_commit() {
    let mut database = Server::shared().database();
    let place = place();
    let _ = run(database.load(&place)).summary();
    database.execute(&format!(
        "UPDATE {TABLE} SET flights = 0; \
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END'; \
         CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON {TABLE} DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN (NEW.origin = 'JFK' AND NEW.fl_date = '2013-01-01') EXECUTE FUNCTION slow()"
    ));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let load = database.load(&place).env("PGPORT", port.to_string());
    let running = load.start();
    let (client, _) = listener.accept().unwrap();
    pass_on(&client, database.port());
    wait_until("the load commits", || {
        let committing = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                          AND state = 'active' AND query = 'COMMIT'";
        !database.rows(committing).is_empty()
    });
    client.shutdown(Shutdown::Both).unwrap();
    let (client, _) = listener.accept().unwrap();
    pass_on(&client, database.port());
    let finished = running.wait();
    let summary = finished.summary();
    assert_eq!(summary["unchanged"], summary["rows_in"], "{finished:?}");
    let told = "it is not known whether the year was changed: run again, that is safe";
    let [warning] = finished.warnings()[..] else {
        panic!("{finished:?}")
    };
    assert!(warning.contains(told), "{warning}");
}

#[test]
fn tls_from_a_server_without_it() {
    let database = Server::shared().database();
    let place = place();
    for mode in ["require", "verify-ca", "verify-full"] {
        place.put("root.pem", e2e::authority::Authority::new("ours").root);
        let load = database.load(&place).env("PGSSLMODE", mode);
        let error = error(load.env("PGSSLROOTCERT", place.path("root.pem")));
        assert!(
            error.contains("the server has no TLS: switch it on there, or set PGSSLMODE=disable"),
            "{mode}: {error}"
        );
    }
    let finished = run(database.load(&place).env("PGSSLMODE", "prefer"));
    assert_eq!(finished.code, Some(0), "{finished:?}");
}
