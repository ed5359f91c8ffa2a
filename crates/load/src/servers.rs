//! The servers to try, one after the other: the lists of hosts, addresses and ports.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use anyhow::Result;
use task::Usage;

use crate::environment::{Parameters, Value};

/// One of the servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// A name, an address or the folder of a socket: what the certificate has to be for, and what
    /// the password file is searched for.
    pub(crate) host: String,
    /// Where it is, without looking up the host.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) password: Option<String>,
}

impl Server {
    /// Whether it is reached by a socket of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.address.is_none() && self.host.starts_with('/')
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        match self.address {
            Some(address) if self.host != address.to_string() => {
                write!(f, " ({address}):{}", self.port)
            }
            _ => write!(f, ":{}", self.port),
        }
    }
}

/// The servers of `host`, `hostaddr` and `port`, still without their passwords. Each is a list with
/// commas; an address goes before its host.
///
/// # Errors
/// [`Usage`] when one makes no sense, or the lists differ in their length.
pub(crate) fn servers(parameters: &Parameters) -> Result<Vec<Server>> {
    let list = |keyword| {
        let value: Option<&Value> = parameters.get(keyword);
        value.map(|value| value.text.split(',').map(str::trim).collect::<Vec<_>>())
    };
    let (hosts, addresses) = (list("host"), list("hostaddr"));
    let ports = list("port").unwrap_or_else(|| vec![""]);
    let number = hosts.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    let of_addresses = addresses.as_ref().map_or(number, Vec::len);
    if of_addresses != number {
        let text = format!(
            "{number} hosts in {} and {of_addresses} addresses in {}: give one address for each host",
            source(parameters, "host"),
            source(parameters, "hostaddr")
        );
        return Err(usage(text).into());
    }
    if ports.len() != 1 && ports.len() != number {
        let text = format!(
            "{} ports in {} for {number} hosts: give one for each host, or one for all",
            ports.len(),
            source(parameters, "port")
        );
        return Err(usage(text).into());
    }
    let server = |at: usize| {
        let address = match addresses.as_ref().map_or("", |list| list[at]) {
            "" => None,
            text => Some(text.parse::<IpAddr>().map_err(|_| {
                let source = source(parameters, "hostaddr");
                usage(format!("{source} is not an IP address: correct it"))
            })?),
        };
        let host = match (hosts.as_ref().map_or("", |list| list[at]), address) {
            ("", Some(address)) => address.to_string(),
            ("", None) => "localhost".into(),
            (host, _) => host.to_owned(),
        };
        refuse_address_as_host(&host)?;
        let port = match *ports.get(at).unwrap_or(&ports[0]) {
            "" => 5432,
            text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                let source = source(parameters, "port");
                usage(format!(
                    "{source} is not a port: set it to a number from 1 to 65535"
                ))
            })?,
        };
        Ok(Server {
            host,
            address,
            port,
            password: None,
        })
    };
    (0..number).map(server).collect()
}

fn source<'a>(parameters: &'a Parameters, keyword: &'a str) -> &'a str {
    let value = parameters.get(keyword);
    value.map_or(keyword, |value| &value.source)
}

fn refuse_address_as_host(host: &str) -> Result<()> {
    let is_an_ip = host
        .split('%')
        .next()
        .is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    let marks: &[char] = match host.starts_with('/') {
        _ if is_an_ip => &[],
        true => &['@', ':'],
        false => &['@', ':', '=', ';', ' '],
    };
    refuse_address(host, "host", marks)
}

/// Refuses an address, or what has a mark of one, in the place of a name. It is not shown, as names are: there may be a
/// password in it.
pub(crate) fn refuse_address(name: &str, of: &str, marks: &[char]) -> Result<()> {
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

    fn of(variables: &[(&str, &str)]) -> Result<String> {
        let value = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let servers = servers(&Parameters::read(&value)?)?;
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        Ok(servers.join(" "))
    }

    #[test]
    fn lists_of_hosts_addresses_and_ports() {
        for (variables, wanted) in [
            (&[][..], "localhost:5432"),
            (&[("PGHOST", "a,b")], "a:5432 b:5432"),
            (&[("PGHOST", "a,b"), ("PGPORT", "1")], "a:1 b:1"),
            (
                &[("PGHOST", "a,b,"), ("PGPORT", "1,,3")],
                "a:1 b:5432 localhost:3",
            ),
            (&[("PGHOSTADDR", "10.0.0.1,::1")], "10.0.0.1:5432 ::1:5432"),
            (
                &[("PGHOST", "a,b"), ("PGHOSTADDR", "10.0.0.1,")],
                "a (10.0.0.1):5432 b:5432",
            ),
            (&[("DATABASE_URL", "postgres://a:1,b:2/d")], "a:1 b:2"),
            // As with psql: the variable fills the gap that the URL leaves.
            (
                &[("DATABASE_URL", "postgres://a,b/d"), ("PGPORT", "3,4")],
                "a:3 b:4",
            ),
        ] {
            assert_eq!(of(variables).unwrap(), wanted, "{variables:?}");
        }
    }

    #[test]
    fn lists_that_make_no_sense() {
        for (variables, wanted) in [
            (
                &[("PGHOST", "a,b"), ("PGPORT", "1,2,3")][..],
                "3 ports in PGPORT for 2 hosts",
            ),
            (
                &[("PGHOST", "a,b"), ("PGHOSTADDR", "10.0.0.1")],
                "2 hosts in PGHOST and 1 addresses in PGHOSTADDR",
            ),
            (
                &[("PGHOSTADDR", "canary")],
                "PGHOSTADDR is not an IP address",
            ),
            (
                &[("PGHOST", "a,b"), ("PGPORT", "1,canary")],
                "PGPORT is not a port",
            ),
            (&[("PGPORT", "0")], "PGPORT is not a port"),
            (
                &[("DATABASE_URL", "postgres://h:canary/d")],
                "port in DATABASE_URL is not a port",
            ),
            (
                &[("PGHOST", "a,u:canary@b")],
                "PGHOST, or the host in DATABASE_URL",
            ),
        ] {
            let error = of(variables).unwrap_err();
            assert!(error.is::<Usage>(), "{variables:?}");
            let text = error.to_string();
            assert!(text.contains(wanted), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
