//! The variables and connection parameters of libpq: `load` does with them what psql does, or
//! refuses them by name.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

use e2e::authority::Authority;
use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::postgres::{Database, Server};
use e2e::psql;
use e2e::tls::TlsFront;
use e2e::wait_until;
use e2e::worker::{Finished, Worker};

const TABLE: &str = "agg_dep_delay_by_date";

type Variables = Vec<(&'static str, String)>;

/// A place whose anomalies are ready to be loaded.
fn place() -> Place {
    Place::after("detect", Bronze::ordinary(100).text())
}

/// What leads to the database, and these variables, some of them instead.
fn variables(database: &Database, more: &[(&'static str, &str)]) -> Variables {
    let mut variables = vec![
        ("PGHOST", "127.0.0.1".to_owned()),
        ("PGPORT", database.port().to_string()),
        ("PGUSER", "postgres".into()),
        ("PGPASSWORD", database.password().into()),
        ("PGDATABASE", database.name.clone()),
    ];
    for (name, value) in more {
        variables.retain(|(n, _)| n != name);
        variables.push((name, (*value).to_owned()));
    }
    variables
}

fn load(place: &Place, variables: &[(&'static str, String)]) -> Finished {
    let load = Worker::new("load").args("--year 2013 --data-dir");
    load.arg(place.path("data")).envs(variables).run()
}

/// Whether psql connects and the load succeeds; they must agree.
fn both(place: &Place, variables: &Variables) -> Finished {
    let finished = load(place, variables);
    let answer = psql::ask(psql::program(), variables, "SELECT 1");
    assert_eq!(
        finished.code == Some(0),
        answer.is_ok(),
        "psql: {answer:?}, load: {finished:?}"
    );
    finished
}

fn is_there(database: &mut Database) -> bool {
    database.value(&format!("SELECT to_regclass('{TABLE}') IS NOT NULL")) == "t"
}

/// A port on which there is nothing.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

fn password_file(place: &Place, text: &str) -> String {
    place.put("pgpass", text);
    let path = place.path("pgpass");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// Each variable that is in libpq on this machine, with a value that means nothing.
#[test]
fn no_variable_of_libpq_is_ignored_in_silence() {
    let database = Server::shared().database();
    let place = place();
    let names = psql::variables();
    assert!(names.len() > 35, "{names:?}");
    for name in names {
        let mut variables = variables(&database, &[]);
        variables.retain(|(n, _)| *n != name);
        let load = Worker::new("load").args("--year 2013 --data-dir");
        let load = load.arg(place.path("data")).envs(&variables);
        let finished = load.env(&name, "canary").run();
        let wanted = match &*name {
            // A name or a text of the user's: the server is not found, or refuses it.
            "PGHOST" | "PGUSER" | "PGPASSWORD" | "PGDATABASE" | "PGOPTIONS" => 1,
            // Used only where there is no password, where TLS is verified, or as 1.
            "PGPASSFILE" | "PGSSLROOTCERT" | "PGREQUIRESSL" => 0,
            // Without an effect on a load.
            "PGAPPNAME" | "PGCLIENTENCODING" | "PGDATESTYLE" | "PGTZ" | "PGGEQO" => 0,
            "PGLOCALEDIR" | "PGSYSCONFDIR" | "PGSSLCOMPRESSION" => 0,
            "PGKRBSRVNAME" | "PGGSSLIB" | "PGGSSDELEGATION" | "PGOAUTHDEBUG" => 0,
            _ => 2,
        };
        assert_eq!(finished.code, Some(wanted), "{name}: {finished:?}");
        if wanted == 2 {
            let begin = format!("load: error: {name} is ");
            assert!(finished.stderr.starts_with(&begin), "{finished:?}");
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

/// In a URL, each parameter of libpq is known.
#[test]
fn no_parameter_of_libpq_is_unknown() {
    let place = place();
    let names = psql::parameters();
    assert!(names.len() > 45, "{names:?}");
    for name in names {
        let url = format!("postgresql://u@db.invalid/d?{name}=canary");
        let finished = load(&place, &[("DATABASE_URL", url)]);
        let unknown = "libpq does not know";
        assert!(!finished.stderr.contains(unknown), "{name}: {finished:?}");
        if finished.code == Some(2) {
            assert!(
                finished
                    .stderr
                    .contains(&format!("{name} in DATABASE_URL is ")),
                "{finished:?}"
            );
            assert!(!finished.stderr.contains("canary"), "{finished:?}");
        }
    }
}

#[test]
fn the_table_goes_where_pgoptions_leads_psql() {
    let mut database = Server::shared().database();
    database.execute("CREATE SCHEMA mart");
    let place = place();
    let options = "-c search_path=mart";
    let url = format!(
        "postgresql://postgres:{}@127.0.0.1:{}/{}?options=-c%20search_path%3Dmart",
        database.password(),
        database.port(),
        database.name
    );
    for variables in [
        variables(&database, &[("PGOPTIONS", options)]),
        vec![("DATABASE_URL", url)],
    ] {
        let finished = load(&place, &variables);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let tables =
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'mart')";
        assert_eq!(database.rows(tables), [["mart", TABLE]]);
        database.execute(&format!("DROP TABLE mart.{TABLE}"));
    }
    let with_options = variables(&database, &[("PGOPTIONS", options)]);
    psql::ask(psql::program(), &with_options, "CREATE TABLE of_psql ()").unwrap();
    assert_eq!(
        database.value("SELECT to_regclass('mart.of_psql') IS NULL"),
        "f"
    );

    // A temporary table would be gone with the connection.
    let temporary = variables(&database, &[("PGOPTIONS", "-c search_path=pg_temp")]);
    let finished = load(&place, &temporary);
    assert!(
        finished.error().contains("it would be a temporary table"),
        "{finished:?}"
    );
}

#[test]
fn pgrequiressl_demands_tls() {
    let mut database = Server::shared().database();
    let place = place();
    let finished = both(&place, &variables(&database, &[("PGREQUIRESSL", "1")]));
    assert!(
        finished.error().contains("the server has no TLS"),
        "{finished:?}"
    );
    assert!(!is_there(&mut database));
    let finished = both(&place, &variables(&database, &[("PGREQUIRESSL", "0")]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_standby_is_refused_and_the_primary_behind_it_found() {
    let own = Server::own();
    let standby = own.database();
    let mut primary = Server::shared().database();
    let place = place();
    own.stop("INT");
    own.start_as_standby();
    let alone = variables(&standby, &[("PGTARGETSESSIONATTRS", "read-write")]);
    let finished = both(&place, &alone);
    let error = finished.error();
    assert!(
        error.contains("this server is read-only, a standby perhaps"),
        "{error}"
    );
    assert!(
        error.contains("PGTARGETSESSIONATTRS to read-write"),
        "{error}"
    );

    let (first, second) = (standby.port(), primary.port());
    let file = password_file(
        &place,
        &format!(
            "127.0.0.1:{first}:*:postgres:{}\n127.0.0.1:{second}:*:postgres:{}\n",
            standby.password(),
            primary.password()
        ),
    );
    for target in ["read-write", "primary"] {
        let finished = both(
            &place,
            &variables(
                &primary,
                &[
                    ("PGHOST", "127.0.0.1,127.0.0.1"),
                    ("PGPORT", &format!("{first},{second}")),
                    ("PGPASSWORD", ""),
                    ("PGPASSFILE", &file),
                    ("PGTARGETSESSIONATTRS", target),
                ],
            ),
        );
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.warnings().is_empty(), "{finished:?}");
        assert!(is_there(&mut primary));
        primary.execute(&format!("DROP TABLE {TABLE}"));
    }
}

#[test]
fn the_second_host_when_the_first_is_not_there() {
    let mut database = Server::shared().database();
    let place = place();
    let (closed, port) = (closed_port(), database.port().to_string());
    for (hosts, ports) in [
        ("127.0.0.1,127.0.0.1", format!("{closed},{port}")),
        ("db.invalid,127.0.0.1", port.clone()),
        ("/nonexistent,127.0.0.1", port.clone()),
    ] {
        let finished = both(
            &place,
            &variables(&database, &[("PGHOST", hosts), ("PGPORT", &ports)]),
        );
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.warnings().is_empty(), "{finished:?}");
        let at = format!("at 127.0.0.1:{port} as postgres: ");
        assert!(finished.stderr.contains(&at), "{finished:?}");
        assert!(is_there(&mut database));
    }
    let url = format!(
        "postgresql://postgres:{}@127.0.0.1:{closed},127.0.0.1:{port}/{}",
        database.password(),
        database.name
    );
    let finished = load(&place, &[("DATABASE_URL", url)]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let finished = both(
        &place,
        &variables(
            &database,
            &[("PGHOST", "db.invalid"), ("PGHOSTADDR", "127.0.0.1")],
        ),
    );
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn no_host_is_there() {
    let database = Server::shared().database();
    let place = place();
    let ports = format!("{},{}", closed_port(), closed_port());
    let (first, second) = ports.split_once(',').unwrap();
    let finished = both(
        &place,
        &variables(
            &database,
            &[("PGHOST", "127.0.0.1,127.0.0.1"), ("PGPORT", &ports)],
        ),
    );
    let error = finished.error();
    for port in [first, second] {
        let told = format!("at 127.0.0.1:{port} as postgres: no server there");
        assert!(error.contains(&told), "{error}");
    }
    assert_eq!(
        finished.warnings().len(),
        3,
        "it is tried four times: {finished:?}"
    );
}

/// As with psql: a password that is wrong on the first server is not tried on the second.
#[test]
fn a_server_that_refuses_the_user_is_the_last_one() {
    let mut database = Server::shared().database();
    let place = place();
    let port = database.port();
    let file = password_file(
        &place,
        &format!(
            "localhost:{port}:*:*:wrong\n127.0.0.1:{port}:*:*:{}\n",
            database.password()
        ),
    );
    let finished = both(
        &place,
        &variables(
            &database,
            &[
                ("PGHOST", "localhost,127.0.0.1"),
                ("PGPASSWORD", ""),
                ("PGPASSFILE", &file),
            ],
        ),
    );
    assert!(
        finished.error().contains("password authentication failed"),
        "{finished:?}"
    );
    assert!(finished.warnings().is_empty(), "{finished:?}");
    assert!(!is_there(&mut database));
}

/// The connection is lost in the middle: the next attempt begins with the first host again.
#[test]
fn a_lost_connection_with_two_hosts() {
    let mut database = Server::shared().database();
    let place = place();
    assert_eq!(load(&place, &variables(&database, &[])).code, Some(0));
    let mut locker = database.session();
    locker.execute(&format!("BEGIN; LOCK TABLE {TABLE}"));
    let ports = format!("{},{}", closed_port(), database.port());
    let hosts = [("PGHOST", "127.0.0.1,127.0.0.1"), ("PGPORT", &*ports)];
    let worker = Worker::new("load").args("--year 2013 --data-dir");
    let worker = worker.arg(place.path("data"));
    let running = worker.envs(&variables(&database, &hosts)).start();
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
    locker.execute("ROLLBACK");
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.warnings().len(), 1, "{finished:?}");
}

/// A front that speaks TLS for the server could be anybody: the password is not bound to its
/// certificate.
#[test]
fn channel_binding_demands_a_server_that_has_tls_itself() {
    let mut database = Server::shared().database();
    let place = place();
    let require = [("PGCHANNELBINDING", "require")];
    let finished = load(&place, &variables(&database, &require));
    let told = "PGCHANNELBINDING=require needs TLS and a password by SCRAM";
    assert!(finished.error().contains(told), "{finished:?}");

    let certificate = Authority::new("ours").localhost(2099);
    let front = TlsFront::start(
        &certificate,
        SocketAddr::from(([127, 0, 0, 1], database.port())),
    );
    let mut through_the_front = variables(&database, &require);
    through_the_front.retain(|(name, _)| *name != "PGPORT");
    through_the_front.push(("PGPORT", front.address.port().to_string()));
    through_the_front.push(("PGSSLMODE", "require".into()));
    let finished = load(&place, &through_the_front);
    assert!(finished.error().contains(told), "{finished:?}");
    assert_eq!(front.encrypted(), 1);
    assert!(!is_there(&mut database));
    let (Some(server), Some(psql)) = (Server::with_tls(&place, &certificate), psql::with_tls())
    else {
        return;
    };
    let answer = psql::ask(&psql, &through_the_front, "SELECT 1");
    assert!(answer.unwrap_err().contains("channel binding"), "psql");

    let mut database = server.database();
    for (binding, mode, wanted) in [
        ("require", "require", true),
        ("require", "disable", false),
        ("disable", "require", true),
    ] {
        let variables = variables(
            &database,
            &[("PGCHANNELBINDING", binding), ("PGSSLMODE", mode)],
        );
        let finished = load(&place, &variables);
        assert_eq!(
            finished.code == Some(0),
            wanted,
            "{binding}, {mode}: {finished:?}"
        );
        let answer = psql::ask(&psql, &variables, "SELECT 1");
        assert_eq!(answer.is_ok(), wanted, "{binding}, {mode}: {answer:?}");
        assert!(is_there(&mut database));
    }
}
