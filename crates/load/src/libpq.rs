//! libpq's connection parameters and environment variables, and what `load` does with each.
//!
//! A variable that psql obeys and `load` ignores could lead to another server, or to a connection
//! that is less safe than the user demands. So the table is complete, as of libpq 18.

use anyhow::Result;
use task::Usage;

/// What `load` does with a parameter that has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// It is used as libpq uses it.
    Used,
    /// It changes nothing about a load, whatever its value.
    NoEffect,
    /// These values change nothing about a load; any other value is refused.
    OnlyAs(&'static [&'static str]),
    /// It is refused.
    Refused,
}

/// One row of the table.
pub(crate) struct Parameter {
    /// The name in a connection string.
    pub(crate) keyword: Option<&'static str>,
    /// The name of the environment variable.
    pub(crate) variable: Option<&'static str>,
    pub(crate) support: Support,
}

const fn both(keyword: &'static str, variable: &'static str, support: Support) -> Parameter {
    Parameter {
        keyword: Some(keyword),
        variable: Some(variable),
        support,
    }
}

const fn parameter(keyword: &'static str, support: Support) -> Parameter {
    Parameter {
        keyword: Some(keyword),
        variable: None,
        support,
    }
}

const fn variable(variable: &'static str, support: Support) -> Parameter {
    Parameter {
        keyword: None,
        variable: Some(variable),
        support,
    }
}

/// See "Parameter Key Words" and "Environment Variables" in the chapter on libpq of PostgreSQL's
/// documentation.
pub(crate) const TABLE: &[Parameter] = {
    use Support::{NoEffect, OnlyAs, Refused, Used};
    &[
        // The server.
        both("host", "PGHOST", Used),
        both("hostaddr", "PGHOSTADDR", Used),
        both("port", "PGPORT", Used),
        both("connect_timeout", "PGCONNECT_TIMEOUT", Used),
        both("target_session_attrs", "PGTARGETSESSIONATTRS", Used),
        // The hosts are always tried in the given order.
        both(
            "load_balance_hosts",
            "PGLOADBALANCEHOSTS",
            OnlyAs(&["disable"]),
        ),
        both("service", "PGSERVICE", Refused),
        variable("PGSERVICEFILE", Refused),
        // Only a service is looked up in this folder.
        variable("PGSYSCONFDIR", NoEffect),
        parameter("keepalives", Used),
        parameter("keepalives_idle", Used),
        parameter("keepalives_interval", Used),
        parameter("keepalives_count", Used),
        parameter("tcp_user_timeout", Used),
        parameter("replication", Refused),
        // The user and the proof of who it is.
        both("user", "PGUSER", Used),
        both("password", "PGPASSWORD", Used),
        both("passfile", "PGPASSFILE", Used),
        both("channel_binding", "PGCHANNELBINDING", Used),
        both("require_auth", "PGREQUIREAUTH", Refused),
        both("requirepeer", "PGREQUIREPEER", Refused),
        parameter("scram_client_key", Refused),
        parameter("scram_server_key", Refused),
        // `load` never authenticates by GSSAPI or OAuth: a server that demands it is an error.
        both("krbsrvname", "PGKRBSRVNAME", NoEffect),
        both("gsslib", "PGGSSLIB", NoEffect),
        both("gssdelegation", "PGGSSDELEGATION", NoEffect),
        variable("PGOAUTHDEBUG", NoEffect),
        parameter("oauth_issuer", Refused),
        parameter("oauth_client_id", Refused),
        parameter("oauth_client_secret", Refused),
        parameter("oauth_scope", Refused),
        // Encryption.
        both("sslmode", "PGSSLMODE", Used),
        variable("PGREQUIRESSL", Used),
        both("sslrootcert", "PGSSLROOTCERT", Used),
        both("sslnegotiation", "PGSSLNEGOTIATION", OnlyAs(&["postgres"])),
        // TLS 1.3 has no compression, and libpq's own is off in today's builds of OpenSSL.
        both("sslcompression", "PGSSLCOMPRESSION", NoEffect),
        both("sslcert", "PGSSLCERT", Refused),
        both("sslkey", "PGSSLKEY", Refused),
        parameter("sslpassword", Refused),
        // `load` never sends a certificate of its own.
        both(
            "sslcertmode",
            "PGSSLCERTMODE",
            OnlyAs(&["disable", "allow"]),
        ),
        both("sslcrl", "PGSSLCRL", Refused),
        both("sslcrldir", "PGSSLCRLDIR", Refused),
        // The host name is always sent.
        both("sslsni", "PGSSLSNI", OnlyAs(&["1"])),
        // TLS 1.2 and 1.3 are used, nothing older.
        both(
            "ssl_min_protocol_version",
            "PGSSLMINPROTOCOLVERSION",
            OnlyAs(&["TLSv1", "TLSv1.1", "TLSv1.2"]),
        ),
        both(
            "ssl_max_protocol_version",
            "PGSSLMAXPROTOCOLVERSION",
            OnlyAs(&["TLSv1.3"]),
        ),
        parameter("sslkeylogfile", Refused),
        // The connection is never encrypted by GSSAPI.
        both("gssencmode", "PGGSSENCMODE", OnlyAs(&["disable", "prefer"])),
        // PostgreSQL's protocol 3.0 is used.
        both(
            "min_protocol_version",
            "PGMINPROTOCOLVERSION",
            OnlyAs(&["3.0"]),
        ),
        both(
            "max_protocol_version",
            "PGMAXPROTOCOLVERSION",
            OnlyAs(&["3.0", "3.2", "latest"]),
        ),
        // The session.
        both("dbname", "PGDATABASE", Used),
        both("options", "PGOPTIONS", Used),
        // A load has a name of its own.
        both("application_name", "PGAPPNAME", NoEffect),
        parameter("fallback_application_name", NoEffect),
        // Rows are sent in PostgreSQL's binary form, text always in UTF-8.
        both("client_encoding", "PGCLIENTENCODING", NoEffect),
        variable("PGDATESTYLE", NoEffect),
        variable("PGTZ", NoEffect),
        // The planner gives the same rows either way.
        variable("PGGEQO", NoEffect),
        // Messages of libpq itself are translated by these files.
        variable("PGLOCALEDIR", NoEffect),
    ]
};

impl Parameter {
    /// Refuses a value that would change what a user of psql gets. It is not shown.
    pub(crate) fn check(&self, value: &str, source: &str, remedy: &str) -> Result<()> {
        let text = match self.support {
            Support::Used | Support::NoEffect => return Ok(()),
            Support::OnlyAs(values) if values.iter().any(|v| v.eq_ignore_ascii_case(value)) => {
                return Ok(());
            }
            Support::OnlyAs(values) => format!(
                "{source} is not supported with another value than {}: {remedy}",
                values.join(" or ")
            ),
            Support::Refused => format!("{source} is not supported by load: {remedy}"),
        };
        Err(Usage(text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Environment Variables" of PostgreSQL 18, and those that only the library itself names.
    const DOCUMENTED: &str = "PGHOST PGSSLNEGOTIATION PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE \
        PGREQUIREAUTH PGCHANNELBINDING PGSERVICE PGSERVICEFILE PGOPTIONS PGAPPNAME PGSSLMODE PGREQUIRESSL \
        PGSSLCOMPRESSION PGSSLCERT PGSSLKEY PGSSLCERTMODE PGSSLROOTCERT PGSSLCRL PGSSLCRLDIR PGSSLSNI \
        PGREQUIREPEER PGSSLMINPROTOCOLVERSION PGSSLMAXPROTOCOLVERSION PGGSSENCMODE PGKRBSRVNAME PGGSSLIB \
        PGGSSDELEGATION PGCONNECT_TIMEOUT PGCLIENTENCODING PGTARGETSESSIONATTRS PGLOADBALANCEHOSTS \
        PGMINPROTOCOLVERSION PGMAXPROTOCOLVERSION PGDATESTYLE PGTZ PGGEQO PGSYSCONFDIR PGLOCALEDIR PGOAUTHDEBUG";

    #[test]
    fn the_table_has_every_variable_of_libpq_once() {
        let mut documented: Vec<&str> = DOCUMENTED.split_whitespace().collect();
        let mut table: Vec<&str> = TABLE.iter().filter_map(|row| row.variable).collect();
        documented.sort_unstable();
        table.sort_unstable();
        assert_eq!(table, documented);
    }
}
