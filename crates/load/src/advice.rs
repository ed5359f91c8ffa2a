//! What a person can do about an error of the warehouse, and whether it may pass by itself.

use std::error::Error;
use std::io;

use tokio_postgres::error::SqlState;

use crate::upsert::{LostAtCommit, NoTurn};

/// An error as it is told: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Explained {
    pub(crate) text: String,
    pub(crate) passes: Passes,
}

/// Whether an error is transient; of several servers' errors, the greatest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passes {
    /// It is permanent: a person has to do something first.
    Never,
    /// There is no answer.
    Unreachable,
    /// The server is read-only.
    ReadOnly,
    /// The connection ended in the middle, or the port is closed for the moment.
    Lost,
    /// The server reports an error that is transient.
    Always,
}

/// Says what failed, at `place`, and what to do. The text of PostgreSQL's error is kept; it never
/// holds a password.
pub(crate) fn explain(e: anyhow::Error, place: &str) -> anyhow::Error {
    let Some(error) = e.downcast_ref::<tokio_postgres::Error>() else {
        return e.context(place.to_owned());
    };
    if let Some(answer) = error.as_db_error() {
        let code = answer.code();
        let detail = answer
            .detail()
            .map(|d| format!(" ({d})"))
            .unwrap_or_default();
        let advice = match *code {
            SqlState::LOCK_NOT_AVAILABLE if e.is::<NoTurn>() => {
                "another load is at work: wait until it has ended, and run again"
            }
            _ => of_the_server(code),
        };
        let text = format!("{place}: {}{detail}: {advice}", answer.message());
        let passes = passes(code);
        return Explained { text, passes }.into();
    }
    let (advice, passes) = if e.is::<LostAtCommit>() {
        (
            "the connection was lost at COMMIT, so it is not known whether the year was changed: run again, that is safe",
            Passes::Lost,
        )
    } else {
        of_the_connection(error)
    };
    let text = format!("{place}: {advice}");
    e.context(Explained { text, passes })
}

/// Serialization, deadlock, a server that stops, starts or is full for the moment pass.
fn passes(code: &SqlState) -> Passes {
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS => Passes::Always,
        SqlState::READ_ONLY_SQL_TRANSACTION => Passes::ReadOnly,
        _ => Passes::Never,
    }
}

const READ_ONLY: &str = "this server is read-only, a standby perhaps: set PGHOST to the primary, or to all servers \
    and PGTARGETSESSIONATTRS to read-write";

fn of_the_server(code: &SqlState) -> &'static str {
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check PGUSER, PGPASSWORD or PGPASSFILE (or DATABASE_URL), whether the user may log in, and the server's pg_hba.conf"
        }
        SqlState::INVALID_CATALOG_NAME => "create the database or correct PGDATABASE",
        SqlState::INVALID_SCHEMA_NAME => "create the schema or correct --table",
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "let the user CREATE in the schema, or own the table or have all rights on it and all its rows, and use \
             temporary tables"
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            "another session holds a lock on the table: end it (see pg_stat_activity) and run again"
        }
        SqlState::QUERY_CANCELED => {
            "it took too long: see what else the server is doing, and run again"
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => READ_ONLY,
        SqlState::NOT_NULL_VIOLATION
        | SqlState::CHECK_VIOLATION
        | SqlState::UNIQUE_VIOLATION
        | SqlState::FOREIGN_KEY_VIOLATION
        | SqlState::EXCLUSION_VIOLATION => {
            "a constraint of the table refuses the rows, nothing was changed: drop it or choose another --table"
        }
        SqlState::DISK_FULL => "the server's disk is full: free some space and run again",
        SqlState::TOO_MANY_CONNECTIONS => "the server has no connection left: run again later",
        SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
            "the server is starting or stopping: run again in a moment"
        }
        SqlState::RAISE_EXCEPTION
        | SqlState::GENERATED_ALWAYS
        | SqlState::FEATURE_NOT_SUPPORTED => {
            "a trigger, a rule or a generated column of the table refuses the rows, nothing was changed: drop it or \
             choose another --table"
        }
        _ => "nothing was changed; run again",
    }
}

fn of_the_connection(error: &tokio_postgres::Error) -> (&'static str, Passes) {
    let causes = || causes(error);
    let of_tls = causes().any(|c| c.to_string().contains("certificate"))
        || causes()
            .filter_map(|c| c.downcast_ref::<io::Error>())
            .any(|e| e.get_ref().is_some_and(|e| e.is::<rustls::Error>()));
    if of_tls {
        let advice =
            "the server's certificate is not accepted: check PGHOST, PGSSLROOTCERT and PGSSLMODE";
        return (advice, Passes::Never);
    }
    let text = causes().map(ToString::to_string).collect::<String>();
    if text.contains("does not support TLS") {
        let advice = "the server has no TLS: switch it on there, or set PGSSLMODE=disable on a network you trust";
        return (advice, Passes::Never);
    }
    if text.contains("password missing") {
        let advice = "the server wants a password: set PGPASSWORD or PGPASSFILE, to a file that has a line for it";
        return (advice, Passes::Never);
    }
    if text.contains("database does not allow writes") {
        return (READ_ONLY, Passes::ReadOnly);
    }
    if text.contains("did not use channel binding") {
        let advice = "PGCHANNELBINDING=require needs TLS and a password by SCRAM: set PGSSLMODE=require, or unset \
                      PGCHANNELBINDING";
        return (advice, Passes::Never);
    }
    let kind = causes()
        .find_map(|c| c.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let lost = matches!(
        kind,
        Some(
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        )
    );
    // The end in the middle of a message has no kind of its own.
    if lost || error.is_closed() || text.contains("bytes remaining on stream") {
        let advice = "the connection was lost, nothing was changed: run again, or check PGHOST, PGPORT and the network";
        return (advice, Passes::Lost);
    }
    if let Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) = kind {
        let advice = "no server there: start it or correct PGHOST and PGPORT";
        return (advice, Passes::Lost);
    }
    let advice = match kind {
        Some(io::ErrorKind::TimedOut) => "no answer: check the host, the port and the firewall",
        _ if text.contains("lookup") => "no such host: correct PGHOST",
        _ => "check PGHOST, PGPORT and the network; nothing was changed",
    };
    (advice, Passes::Unreachable)
}

fn causes(error: &tokio_postgres::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |e| (*e).source())
}
