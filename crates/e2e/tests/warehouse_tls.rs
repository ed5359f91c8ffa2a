//! TLS to the warehouse, from encryption alone to a verified chain and name.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use e2e::authority::Authority;
use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::postgres::Server;
use e2e::tls::TlsFront;
use e2e::worker::Finished;

const REFUSED: &str =
    "the server's certificate is not accepted: check PGHOST, PGSSLROOTCERT and PGSSLMODE";

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("ours"))
}

/// A server with a certificate of [`authority`] for `localhost`.
fn server(last_year: i32) -> TlsFront {
    let port = Server::shared().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TlsFront::start(&authority().localhost(last_year), address)
}

/// A load into an empty database of the server, trusting this root certificate.
fn load(server: &TlsFront, mode: &str, host: &str, root: Option<&str>) -> Finished {
    let place = Place::after("detect", Bronze::ordinary(100).text());
    let file = root.map(|pem| {
        place.put("root.pem", pem);
        place.path("root.pem")
    });
    load_from(&place, server, mode, host, file)
}

fn load_from(
    place: &Place,
    server: &TlsFront,
    mode: &str,
    host: &str,
    root: Option<PathBuf>,
) -> Finished {
    let mut database = Server::shared().database();
    let load = database
        .load(place)
        .env("PGSSLMODE", mode)
        .env("PGHOST", host);
    let load = load.env("PGPORT", server.address.port().to_string());
    let load = match root {
        Some(root) => load.env("PGSSLROOTCERT", root),
        None => load,
    };
    let finished = load.run();
    assert!(
        !finished.stderr.contains(database.password()),
        "{finished:?}"
    );
    let table = database.value("SELECT to_regclass('agg_dep_delay_by_date') IS NULL");
    match finished.code {
        Some(0) => assert_eq!(server.encrypted(), usize::from(mode != "disable"), "{mode}"),
        _ => assert_eq!((server.encrypted(), table.as_str()), (0, "t"), "{mode}"),
    }
    finished
}

fn accepted(mode: &str, host: &str, root: Option<&str>) {
    let finished = load(&server(2099), mode, host, root);
    assert_eq!(finished.code, Some(0), "{mode}, {host}: {finished:?}");
}

fn refused(server: &TlsFront, mode: &str, host: &str, root: &str, why: &str) {
    let finished = load(server, mode, host, Some(root));
    let error = finished.error();
    assert!(error.contains(REFUSED), "{mode}, {host}: {error}");
    assert!(error.contains(why), "{mode}, {host}: {error}");
}

#[test]
fn a_known_authority_and_the_right_name() {
    for mode in ["require", "verify-ca", "verify-full"] {
        accepted(mode, "localhost", Some(&authority().root));
    }
}

#[test]
fn encryption_alone() {
    for mode in ["disable", "allow", "prefer", "require"] {
        accepted(mode, "127.0.0.1", None);
    }
}

#[test]
fn another_name_is_refused_by_verify_full_only() {
    accepted("verify-ca", "127.0.0.1", Some(&authority().root));
    accepted("require", "127.0.0.1", Some(&authority().root));
    let why = "certificate not valid for name";
    refused(
        &server(2099),
        "verify-full",
        "127.0.0.1",
        &authority().root,
        why,
    );
}

/// As in libpq, a root certificate makes `require` verify the chain. An authority of the same name
/// is not the same.
#[test]
fn an_unknown_authority_is_refused() {
    for (name, why) in [("a stranger", "UnknownIssuer"), ("ours", "BadSignature")] {
        let stranger = Authority::new(name);
        for mode in ["require", "verify-ca", "verify-full"] {
            refused(&server(2099), mode, "localhost", &stranger.root, why);
        }
    }
}

/// The authorities of the operating system do not know ours.
#[test]
fn without_a_root_certificate_the_systems_count() {
    let finished = load(&server(2099), "verify-full", "localhost", None);
    let error = finished.error();
    assert!(
        error.contains(REFUSED) || error.contains("no root certificates: set PGSSLROOTCERT"),
        "{error}"
    );
}

#[test]
fn an_expired_certificate_is_refused() {
    let expired = server(2020);
    for mode in ["verify-ca", "verify-full"] {
        refused(&expired, mode, "localhost", &authority().root, "expired");
    }
    let finished = load(&expired, "require", "localhost", None);
    assert_eq!(
        finished.code,
        Some(0),
        "encryption alone asks for no date: {finished:?}"
    );
}

#[test]
fn a_root_certificate_that_is_none() {
    let place = Place::after("detect", Bronze::ordinary(100).text());
    place.put(
        "root.pem",
        "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n",
    );
    place.put("text.pem", "not a certificate");
    for (file, told) in [
        ("root.pem", "root.pem is not a readable PEM file"),
        ("missing.pem", "missing.pem is not a readable PEM file"),
        ("text.pem", "no root certificates: set PGSSLROOTCERT"),
    ] {
        let file = Some(place.path(file));
        let finished = load_from(&place, &server(2099), "verify-full", "localhost", file);
        assert!(finished.error().contains(told), "{finished:?}");
        assert!(finished.error().contains("PGSSLROOTCERT"), "{finished:?}");
    }
}

/// Behind the front above a server knows nothing of TLS. A server of its own binds the password to
/// the certificate, too (SCRAM-SHA-256-PLUS).
#[test]
fn a_server_that_has_tls_itself() {
    let place = Place::after("detect", Bronze::ordinary(100).text());
    let certificate = authority().localhost(2099);
    let Some(server) = Server::with_tls(&place, &certificate) else {
        return;
    };
    place.put("root.pem", &authority().root);
    let load = |mode: &str, host: &str| {
        let load = server.database().load(&place).env("PGSSLMODE", mode);
        let load = load.env("PGHOST", host);
        load.env("PGSSLROOTCERT", place.path("root.pem")).run()
    };
    let finished = load("verify-full", "localhost");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(server.log().contains("SSL enabled"), "{}", server.log());
    let finished = load("verify-full", "127.0.0.1");
    assert!(finished.error().contains(REFUSED), "{finished:?}");
}
