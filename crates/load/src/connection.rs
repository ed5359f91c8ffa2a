//! Opening the connection to the warehouse.

use std::net::IpAddr;

use anyhow::Result;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use crate::advice::{Explained, Passes, explain};
use crate::servers::Server;
use crate::settings::Settings;
use crate::tls::{self, TlsMode};

/// Connects to the first address of the first server that accepts the connection, and returns the
/// name of that server for messages, too. What runs in the background ends with the client.
///
/// As with psql, the next server is tried when there is no server, none that answers in time, none
/// that is ready, or not the kind that is demanded; but not when a server refuses the user, or its
/// TLS is not as demanded.
///
/// # Errors
/// When no server accepts the connection.
pub(crate) async fn open(settings: &Settings, year: i32) -> Result<(Client, String)> {
    let mut failures = vec![];
    for server in &settings.servers {
        let place = settings.at(server);
        let mut failure = None;
        for address in addresses(settings, server).await {
            let config = config(settings, server, address, year);
            let connecting = connect(config, settings, server);
            let error = match tokio::time::timeout(settings.time_out, connecting).await {
                Ok(Ok(client)) => return Ok((client, place)),
                Ok(Err(e)) => explain(e, &place),
                Err(_) => unreachable(format!(
                    "{place}: no answer within {} s: check the host, the port and the firewall, or raise PGCONNECT_TIMEOUT",
                    settings.time_out.as_secs()
                )),
            };
            if passes(&error) == Passes::Never {
                failures.push(error);
                return Err(together(failures, Passes::Never));
            }
            failure = Some(error);
        }
        failures.push(failure.unwrap_or_else(|| {
            unreachable(format!("{place}: the host has no address: correct PGHOST"))
        }));
    }
    let best = failures.iter().map(passes).max();
    Err(together(failures, best.unwrap_or(Passes::Never)))
}

fn unreachable(text: String) -> anyhow::Error {
    let passes = Passes::Unreachable;
    Explained { text, passes }.into()
}

fn passes(error: &anyhow::Error) -> Passes {
    let explained = error.downcast_ref::<Explained>();
    explained.map_or(Passes::Never, |e| e.passes)
}

/// The failures of all servers as one error.
fn together(mut failures: Vec<anyhow::Error>, passes: Passes) -> anyhow::Error {
    if failures.len() == 1 {
        return failures.remove(0);
    }
    let texts: Vec<_> = failures.iter().map(|e| format!("{e:#}")).collect();
    let text = texts.join("; ");
    Explained { text, passes }.into()
}

/// Those of the server, or `None` where the connection itself finds out, and reports what is wrong.
async fn addresses(settings: &Settings, server: &Server) -> Vec<Option<IpAddr>> {
    if server.address.is_some() || server.is_local() {
        return vec![server.address];
    }
    let found = tokio::net::lookup_host((&*server.host, server.port));
    match tokio::time::timeout(settings.time_out, found).await {
        Ok(Ok(found)) => found.map(|address| Some(address.ip())).collect(),
        _ => vec![None],
    }
}

fn config(settings: &Settings, server: &Server, address: Option<IpAddr>, year: i32) -> Config {
    let mut config = settings.config.clone();
    config
        .port(server.port)
        .application_name(format!("flight-delays load {year}"));
    match server.is_local() {
        true => config.host_path(&server.host),
        false => config.host(&server.host),
    };
    if let Some(password) = &server.password {
        config.password(password);
    }
    if let Some(address) = address {
        config.hostaddr(address);
    }
    config
}

async fn connect(mut config: Config, settings: &Settings, server: &Server) -> Result<Client> {
    if settings.tls == TlsMode::Disable || server.is_local() {
        let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let mode = if settings.tls == TlsMode::Prefer {
        SslMode::Prefer
    } else {
        SslMode::Require
    };
    let tls = tls::connector(settings)?;
    let (client, connection) = config.ssl_mode(mode).connect(tls).await?;
    tokio::spawn(connection);
    Ok(client)
}
