//! Where the warehouse is and who asks: `DATABASE_URL`, or the variables of PostgreSQL's own
//! programs.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use percent_encoding::percent_decode_str;
use task::Usage;
use url::Url;

use crate::pgpass;

/// How much TLS is wanted, as PostgreSQL's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    /// TLS when the server has it; `allow` is treated alike.
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Everything that is needed to connect. Prints without the password.
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<String>,
    pub(crate) tls: TlsMode,
    /// `None` for those that the operating system trusts.
    pub(crate) root_certificate: Option<PathBuf>,
    /// For each address of the host; [`Duration::MAX`] is for ever.
    pub(crate) time_out: Duration,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "database {} at {}:{} as {}",
            self.database, self.host, self.port, self.user
        )
    }
}

/// The parts of `DATABASE_URL`; what it lacks comes from the variables.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    tls: Option<String>,
    root_certificate: Option<String>,
    time_out: Option<String>,
}

/// Variables of PostgreSQL's own programs that we do not know, and that mean another server or another proof of who is
/// who.
const ELSEWHERE: [&str; 6] = [
    "PGSERVICE",
    "PGHOSTADDR",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
];

impl Settings {
    /// Those of this process.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub(crate) fn of_this_process() -> Result<Self> {
        // Taken for one that is not set, it could lead to another server.
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if (name.starts_with("PG") || name == "DATABASE_URL") && value.to_str().is_none() {
                return Err(usage(format!("{name} is not UTF-8: correct it")).into());
            }
            let demands = matches!(
                &*name,
                "PGCHANNELBINDING" | "PGGSSENCMODE" | "PGREQUIREAUTH"
            );
            if !value.is_empty()
                && (ELSEWHERE.contains(&&*name)
                    || demands && value != "prefer" && value != "disable")
            {
                let text = format!(
                    "{name} is not heeded here, and would lead elsewhere or ask for more: unset it"
                );
                return Err(usage(text).into());
            }
        }
        Settings::from_environment(&|name| std::env::var(name).ok())
    }

    /// Reads the variables through `variable`.
    ///
    /// # Errors
    /// [`Usage`] when one makes no sense; the text never holds a password.
    pub(crate) fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let url = match variable("DATABASE_URL") {
            Some(url) => Parts::of(&url)?,
            None => Parts::default(),
        };
        let host = url
            .host
            .or_else(|| variable("PGHOST"))
            .unwrap_or_else(|| "localhost".into());
        let is_an_ip = host
            .split('%')
            .next()
            .is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
        let marks: &[char] = match host.starts_with('/') {
            _ if is_an_ip => &[],
            true => &['@', ':'],
            false => &['@', ':', '=', ';', ' '],
        };
        refuse_address(&host, "host", marks)?;
        let port = match url.port.or_else(|| variable("PGPORT")) {
            Some(port) => port
                .parse()
                .map_err(|_| usage("PGPORT is no port: set it to a number up to 65535"))?,
            None => 5432,
        };
        let user = url
            .user
            .or_else(|| variable("PGUSER"))
            .or_else(|| variable("USER"));
        let user = user.ok_or_else(|| usage("no user: set PGUSER or DATABASE_URL"))?;
        refuse_address(&user, "user", &[':', '=', ';', '/'])?;
        let database = url
            .database
            .or_else(|| variable("PGDATABASE"))
            .unwrap_or_else(|| user.clone());
        refuse_address(&database, "database", &[':', '=', ';', '/'])?;
        let password = match url.password.or_else(|| variable("PGPASSWORD")) {
            Some(password) => Some(password),
            None => {
                let home = || variable("HOME").map(|home| format!("{home}/.pgpass"));
                let file = variable("PGPASSFILE").or_else(home);
                file.and_then(|file| pgpass::look_up(file.as_ref(), &host, port, &database, &user))
            }
        };
        let root_certificate = url.root_certificate.or_else(|| variable("PGSSLROOTCERT"));
        let of_the_system = root_certificate.as_deref() == Some("system");
        let tls = match url.tls.or_else(|| variable("PGSSLMODE")).as_deref() {
            None if of_the_system => TlsMode::VerifyFull,
            Some("disable") => TlsMode::Disable,
            None | Some("allow" | "prefer") => TlsMode::Prefer,
            Some("require") => TlsMode::Require,
            Some("verify-ca") => TlsMode::VerifyCa,
            Some("verify-full") => TlsMode::VerifyFull,
            Some(_) => {
                let modes = "disable, allow, prefer, require, verify-ca or verify-full";
                return Err(usage(format!("PGSSLMODE is unknown: set it to {modes}")).into());
            }
        };
        // Anybody can have a certificate that the operating system trusts, for a name of his own.
        if of_the_system && tls != TlsMode::VerifyFull {
            let text = "PGSSLROOTCERT=system needs PGSSLMODE=verify-full: set it or leave it out";
            return Err(usage(text).into());
        }
        if tls == TlsMode::VerifyCa && root_certificate.is_none() {
            let text = "PGSSLMODE=verify-ca needs PGSSLROOTCERT: set it to the file of the server's authority";
            return Err(usage(text).into());
        }
        let time_out = match url.time_out.or_else(|| variable("PGCONNECT_TIMEOUT")) {
            Some(seconds) => seconds.parse().map_err(|_| {
                usage("PGCONNECT_TIMEOUT is no number of seconds: set it to one, 0 for no limit")
            })?,
            None => 10,
        };
        let time_out = match time_out {
            0 => Duration::MAX,
            seconds => Duration::from_secs(seconds),
        };
        Ok(Settings {
            host,
            port,
            user,
            database,
            password,
            tls,
            root_certificate: root_certificate
                .filter(|_| !of_the_system)
                .map(PathBuf::from),
            time_out,
        })
    }
}

impl Parts {
    fn of(text: &str) -> Result<Self> {
        const FORM: &str = "write postgresql://user:password@host:port/database";
        // Whatever is wrong with it, the text may hold a password and is not shown.
        let url = Url::parse(&with_a_host(text))
            .map_err(|e| usage(format!("DATABASE_URL: {e}: {FORM}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql")
            || url.cannot_be_a_base()
            || !text.contains("://")
        {
            return Err(usage(format!("DATABASE_URL is not for PostgreSQL: {FORM}")).into());
        }
        // A password with one of these characters in it ends there, and its rest is elsewhere.
        let query = url.query().unwrap_or_default();
        if url.path().contains('@') || query.contains('@') || url.fragment().is_some() {
            let text = "write / ? # @ as %2F %3F %23 %40 wherever they are part of a text";
            return Err(usage(format!("DATABASE_URL: {text}")).into());
        }
        let decoded = |part: &str| {
            let text = percent_decode_str(part).decode_utf8();
            text.map(String::from)
                .map_err(|_| usage(format!("DATABASE_URL is not UTF-8: {FORM}")))
        };
        let some = |part: &str| {
            Some(part)
                .filter(|p| !p.is_empty())
                .map(decoded)
                .transpose()
        };
        let mut parts = Parts {
            host: some(url.host_str().unwrap_or_default().trim_matches(['[', ']']))?
                .filter(|host| host != NO_HOST),
            port: url.port().map(|port| port.to_string()),
            user: some(url.username())?,
            password: some(url.password().unwrap_or_default())?,
            database: some(url.path().trim_start_matches('/'))?,
            ..Parts::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let part = match name {
                "host" => &mut parts.host,
                "port" => &mut parts.port,
                "user" => &mut parts.user,
                "password" => &mut parts.password,
                "dbname" => &mut parts.database,
                "sslmode" => &mut parts.tls,
                "sslrootcert" => &mut parts.root_certificate,
                "connect_timeout" => &mut parts.time_out,
                // We have a name of our own; and with one host there is no other to turn to when it
                // cannot be written to, which it says itself.
                "application_name" | "target_session_attrs" => continue,
                // Not shown: behind a & that is part of a password comes its rest.
                _ => {
                    let known = "host, port, user, password, dbname, sslmode, sslrootcert and connect_timeout";
                    let text = format!(
                        "DATABASE_URL: a parameter of it is none of {known}: remove it, or write & in a text as %26"
                    );
                    return Err(usage(text).into());
                }
            };
            *part = Some(decoded(value)?);
        }
        Ok(parts)
    }
}

/// Stands for a host that is left out.
const NO_HOST: &str = "none.invalid";

/// PostgreSQL lets a host be left out behind a user, where a socket is meant; the URL library does
/// not.
fn with_a_host(text: &str) -> Cow<'_, str> {
    let begin = text.find("://").map_or(0, |at| at + 3);
    let end = text[begin..].find(['/', '?', '#']);
    let (before, after) = text.split_at(end.map_or(text.len(), |at| begin + at));
    match before.ends_with('@') {
        true => format!("{before}{NO_HOST}{after}").into(),
        false => text.into(),
    }
}

/// Refuses an address, or what has a mark of one, in the place of a name. It is not shown, as names are: there may be a
/// password in it.
fn refuse_address(name: &str, of: &str, marks: &[char]) -> Result<()> {
    if name.contains("://") || name.contains(marks) {
        let variable = of.to_uppercase();
        let text = format!(
            "PG{variable}, or the {of} in DATABASE_URL, looks like an address: set it to the name of the {of}"
        );
        return Err(usage(text).into());
    }
    Ok(())
}

fn usage(text: impl Into<String>) -> Usage {
    Usage(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Settings> {
        let value = |name: &str| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        Settings::from_environment(&value)
    }

    #[test]
    fn the_variables_of_libpq() {
        let s = of(&[
            ("PGHOST", "db"),
            ("PGUSER", "airflow"),
            ("PGPASSWORD", "pw"),
            ("PGSSLMODE", "verify-full"),
        ]);
        let s = s.unwrap();
        assert_eq!(s.to_string(), "database airflow at db:5432 as airflow");
        assert_eq!(
            (s.password.as_deref(), s.tls),
            (Some("pw"), TlsMode::VerifyFull)
        );
    }

    #[test]
    fn a_url_wins_and_the_variables_fill_its_gaps() {
        let url = "postgresql://etl:p%40ss%2Fw@db.example:6432/ml_results?sslmode=require&sslrootcert=/ca.pem";
        let s = of(&[
            ("DATABASE_URL", url),
            ("PGHOST", "other"),
            ("PGCONNECT_TIMEOUT", "3"),
        ])
        .unwrap();
        assert_eq!(
            s.to_string(),
            "database ml_results at db.example:6432 as etl"
        );
        assert_eq!(s.password.as_deref(), Some("p@ss/w"));
        assert_eq!(
            (s.tls, s.time_out),
            (TlsMode::Require, Duration::from_secs(3))
        );
        assert_eq!(s.root_certificate, Some("/ca.pem".into()));
        let socket = of(&[
            ("DATABASE_URL", "postgresql://etl@/x?host=/run/pg"),
            ("PGPORT", "5433"),
        ])
        .unwrap();
        assert_eq!((socket.host.as_str(), socket.port), ("/run/pg", 5433));
    }

    #[test]
    fn the_certificates_of_the_system_mean_a_verified_name() {
        let system = ("PGSSLROOTCERT", "system");
        let s = of(&[("PGUSER", "u"), system]).unwrap();
        assert_eq!((s.tls, s.root_certificate), (TlsMode::VerifyFull, None));
        let s = of(&[("DATABASE_URL", "postgres://u@h?sslrootcert=system")]).unwrap();
        assert_eq!(s.tls, TlsMode::VerifyFull);
    }

    #[test]
    fn a_parameter_is_taken_as_it_is() {
        let url = "postgresql://u@h/d?password=a+b%2Bc&target_session_attrs=read-write&";
        let s = of(&[("DATABASE_URL", url)]).unwrap();
        assert_eq!(s.password.as_deref(), Some("a+b+c"));
    }

    #[test]
    fn a_time_out_of_0_is_none() {
        let s = of(&[("PGUSER", "u"), ("PGCONNECT_TIMEOUT", "0")]).unwrap();
        assert_eq!(s.time_out, Duration::MAX);
    }

    #[test]
    fn nonsense_is_refused_and_no_password_shown() {
        for variables in [
            &[("DATABASE_URL", "mysql://u:canary@h/d")][..],
            &[("DATABASE_URL", "postgresql://u:canary@h:port/d")],
            &[("DATABASE_URL", "u:canary@h/d")],
            &[("DATABASE_URL", "postgresql://u:canary@h/d?colour=red")],
            &[("DATABASE_URL", "postgresql://u@h/d?canary%20=red")],
            &[("DATABASE_URL", "postgresql://u@h/d?password=a&canary")],
            &[("DATABASE_URL", "postgresql://etl:/canary@h/d")],
            &[("DATABASE_URL", "postgresql://etl:12/canary@h/d")],
            &[("DATABASE_URL", "postgresql://etl:12?canary@h/d")],
            &[("DATABASE_URL", "postgresql://etl:12?canary=x@h/d")],
            &[(
                "DATABASE_URL",
                "postgresql://etl:12?canary@h/d?sslmode=require",
            )],
            &[("DATABASE_URL", "postgresql://etl:12#canary@h/d")],
            &[("DATABASE_URL", "postgresql://etl:p@x/canary@h/d")],
            &[
                ("PGUSER", "u"),
                ("PGSSLROOTCERT", "system"),
                ("PGSSLMODE", "require"),
            ],
            &[
                ("PGUSER", "u"),
                ("PGSSLROOTCERT", "system"),
                ("PGSSLMODE", "verify-ca"),
            ],
            &[
                ("PGUSER", "u"),
                ("PGSSLROOTCERT", "system"),
                ("PGSSLMODE", "prefer"),
            ],
            &[("PGUSER", "u"), ("PGSSLMODE", "verify-ca")],
            &[("PGUSER", "u"), ("PGPORT", "x")],
            &[("PGUSER", "u"), ("PGSSLMODE", "maybe")],
            &[("PGUSER", "u"), ("PGCONNECT_TIMEOUT", "soon")],
            &[("PGPASSWORD", "canary")],
            &[("PGUSER", "u"), ("PGHOST", "postgresql://u:canary@h/d")],
            &[("PGUSER", "u"), ("PGHOST", "u:canary@h")],
            &[("PGUSER", "u"), ("PGHOST", "h:canary")],
            &[("PGUSER", "u"), ("PGHOST", "h password=canary")],
            &[("PGUSER", "postgres://u:canary@h/d")],
            &[("PGUSER", "u:canary")],
            &[("PGUSER", "u password=canary")],
            &[("DATABASE_URL", "postgres://u%3Acanary@h/d")],
            &[("DATABASE_URL", "postgres://u;canary@h/d")],
            &[("DATABASE_URL", "postgres://h/d?user=u:canary")],
            &[("DATABASE_URL", "postgres://u@h/12/canary")],
            &[("PGUSER", "u"), ("PGDATABASE", "postgres://u:canary@h/d")],
            &[("PGUSER", "u"), ("PGDATABASE", "dbname=d password=canary")],
            &[("PGUSER", "u"), ("PGPORT", "canary")],
            &[("PGUSER", "u"), ("PGSSLMODE", "canary")],
            &[("PGUSER", "u"), ("PGCONNECT_TIMEOUT", "canary")],
            &[("DATABASE_URL", "postgresql:u:canary/d")],
            &[("DATABASE_URL", "postgresql:/u:canary/d")],
        ] {
            let error = of(variables).err().unwrap();
            assert!(error.is::<Usage>(), "{variables:?}");
            assert!(!format!("{error:#}").contains("canary"), "{error:#}");
        }
    }
}
