//! `DATABASE_URL`, read as libpq reads a connection URI.
//!
//! tokio-postgres has a parser of its own. It takes what is left out of the URL for the default,
//! where libpq takes the variable, knows other parameters than libpq, and shows the name of a
//! parameter that it does not know, which may be a part of a password.

use anyhow::Result;
use percent_encoding::percent_decode_str;
use task::Usage;

const FORM: &str = "write postgresql://user:password@host:port/database";

/// The parameters of the URL in their order; the last one of a name counts. Whatever is wrong with
/// it, the text may hold a password and is not shown.
///
/// # Errors
/// [`Usage`] when it is not a URL of PostgreSQL.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let text = text.trim();
    let rest = ["postgresql://", "postgres://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| usage(format!("DATABASE_URL is not for PostgreSQL: {FORM}")))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // A password with one of these characters in it ends there, and its rest is elsewhere.
    if rest.contains(['@', '#']) {
        let text = "write / ? # @ as %2F %3F %23 %40 wherever they are part of a text";
        return Err(usage(format!("DATABASE_URL: {text}")).into());
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (hosts, ports) = hosts_and_ports(hosts)?;
    let path = path.strip_prefix('/').unwrap_or(path);
    let parts = [
        ("user", user),
        ("password", password),
        ("host", &*hosts),
        ("port", &*ports),
        ("dbname", path),
    ];
    let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
    let query = query.split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    parts
        .chain(query)
        .map(|(name, value)| Ok((decoded(name)?, decoded(value)?)))
        .collect()
}

/// `a:1,[::1]:2` as the lists `a,::1` and `1,2`, or as the list of the hosts alone.
fn hosts_and_ports(text: &str) -> Result<(String, String)> {
    let (mut hosts, mut ports) = (vec![], vec![]);
    for one in text.split(',') {
        let (host, port) = match one.strip_prefix('[') {
            Some(one) => one
                .split_once(']')
                .filter(|(_, port)| port.is_empty() || port.starts_with(':'))
                .ok_or_else(|| usage("DATABASE_URL: write an IPv6 address as [address]:port"))?,
            None => one.split_at(one.find(':').unwrap_or(one.len())),
        };
        hosts.push(host);
        ports.push(port.strip_prefix(':').unwrap_or(port));
    }
    let ports = match ports.iter().all(|port| port.is_empty()) {
        true => String::new(),
        false => ports.join(","),
    };
    Ok((hosts.join(","), ports))
}

fn decoded(text: &str) -> Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| usage(format!("DATABASE_URL is not UTF-8: {FORM}")))?;
    if text.contains('\0') {
        return Err(usage("DATABASE_URL: %00 stands for no character: remove it").into());
    }
    Ok(text.into_owned())
}

fn usage(text: impl Into<String>) -> Usage {
    Usage(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(url: &str) -> String {
        let pairs = parse(url).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join(" ")
    }

    #[test]
    fn the_forms_of_libpqs_documentation() {
        for (url, wanted) in [
            ("postgresql://", ""),
            ("postgresql://localhost", "host=localhost"),
            ("postgresql://localhost:5433", "host=localhost port=5433"),
            ("postgresql://localhost/mydb", "host=localhost dbname=mydb"),
            ("postgresql://user@localhost", "user=user host=localhost"),
            (
                "postgresql://user:secret@localhost",
                "user=user password=secret host=localhost",
            ),
            (
                "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
                "user=other host=localhost dbname=otherdb connect_timeout=10 application_name=myapp",
            ),
            (
                "postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
                "host=host1,host2 port=123,456 dbname=somedb target_session_attrs=any",
            ),
            (
                "postgresql:///mydb?host=localhost&port=5433",
                "dbname=mydb host=localhost port=5433",
            ),
            (
                "postgresql://[2001:db8::1234]/database",
                "host=2001:db8::1234 dbname=database",
            ),
            (
                "postgresql:///dbname?host=/var/lib/postgresql",
                "dbname=dbname host=/var/lib/postgresql",
            ),
            (
                "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
                "host=/var/lib/postgresql dbname=dbname",
            ),
            (
                "postgresql://user@localhost:5433/mydb?options=-c%20synchronous_commit%3Doff",
                "user=user host=localhost port=5433 dbname=mydb options=-c synchronous_commit=off",
            ),
        ] {
            assert_eq!(parsed(url), wanted, "{url}");
        }
    }

    #[test]
    fn hosts_of_which_some_have_a_port() {
        assert_eq!(parsed("postgres://a,b/d"), "host=a,b dbname=d");
        assert_eq!(parsed("postgres://a,[::1]:5433"), "host=a,::1 port=,5433");
        assert!(parse("postgres://[::1").is_err());
        assert!(parse("postgres://[::1]5433/").is_err());
    }
}
