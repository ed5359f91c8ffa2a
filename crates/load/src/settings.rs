//! The settings of the connection to the warehouse, from `DATABASE_URL` and libpq's variables.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use task::Usage;
use tokio_postgres::Config;

use crate::environment::Parameters;
use crate::pgpass::PasswordFile;
use crate::servers::{Server, refuse_address, servers};
use crate::session;
use crate::tls::{self, TlsMode};

/// Everything that is needed to connect. Prints without the password.
pub(crate) struct Settings {
    /// In the order in which they are tried.
    pub(crate) servers: Vec<Server>,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) tls: TlsMode,
    /// `None` for those that the operating system trusts.
    pub(crate) root_certificate: Option<PathBuf>,
    /// For each address of each server; [`Duration::MAX`] is for ever.
    pub(crate) time_out: Duration,
    /// What is the same for all servers, except for TLS.
    pub(crate) config: Config,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(ToString::to_string).collect();
        write!(
            f,
            "database {} at {} as {}",
            self.database,
            servers.join(" or "),
            self.user
        )
    }
}

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
        }
        Settings::from_environment(&|name| std::env::var(name).ok())
    }

    /// Reads the variables through `variable`.
    ///
    /// # Errors
    /// [`Usage`] when one makes no sense or is not supported; the text never holds a password.
    pub(crate) fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let parameters = Parameters::read(&variable)?;
        let text = |keyword| parameters.text(keyword).map(String::from);
        let mut servers = servers(&parameters)?;

        let user = text("user").or_else(|| variable("USER"));
        let user = user.ok_or_else(|| usage("no user: set PGUSER or DATABASE_URL"))?;
        refuse_address(&user, "user", &[':', '=', ';', '/'])?;
        let database = text("dbname").unwrap_or_else(|| user.clone());
        refuse_address(&database, "database", &[':', '=', ';', '/'])?;

        let root_certificate = text("sslrootcert");
        let of_the_system = root_certificate.as_deref() == Some("system");
        let tls = tls::mode(&parameters, root_certificate.as_deref())?;
        if tls == TlsMode::VerifyFull
            && parameters.get("host").is_none()
            && let Some(address) = parameters.get("hostaddr")
        {
            let text = format!(
                "PGSSLMODE=verify-full needs a host name beside {}: set PGHOST to the name in the certificate",
                address.source
            );
            return Err(usage(text).into());
        }

        match text("password") {
            Some(password) => servers
                .iter_mut()
                .for_each(|server| server.password = Some(password.clone())),
            None => {
                let home = || variable("HOME").map(|home| format!("{home}/.pgpass"));
                let file = text("passfile").or_else(home);
                if let Some(file) = file.and_then(|file| PasswordFile::read(file.as_ref())) {
                    for server in &mut servers {
                        server.password =
                            file.password(&server.host, server.port, &database, &user);
                    }
                }
            }
        }

        let time_out = match parameters.get("connect_timeout") {
            Some(value) => value.number("seconds, 0 for no limit")?,
            None => 10,
        };
        let time_out = match u64::try_from(time_out) {
            Ok(0) | Err(_) => Duration::MAX,
            Ok(seconds) => Duration::from_secs(seconds),
        };
        let mut config = session::config(&parameters)?;
        config.user(&user).dbname(&database);
        Ok(Settings {
            servers,
            user,
            database,
            tls,
            root_certificate: root_certificate
                .filter(|_| !of_the_system)
                .map(PathBuf::from),
            time_out,
            config,
        })
    }

    /// The database on one of the servers, as messages name it.
    pub(crate) fn at(&self, server: &Server) -> String {
        format!("database {} at {server} as {}", self.database, self.user)
    }
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
            (s.servers[0].password.as_deref(), s.tls),
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
        assert_eq!(s.servers[0].password.as_deref(), Some("p@ss/w"));
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
        assert_eq!(socket.to_string(), "database x at /run/pg:5433 as etl");
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
        assert_eq!(s.servers[0].password.as_deref(), Some("a+b+c"));
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
            &[
                ("PGUSER", "u"),
                ("PGHOSTADDR", "10.0.0.1"),
                ("PGSSLMODE", "verify-full"),
            ],
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
