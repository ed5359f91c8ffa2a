//! Opening the connection to the warehouse.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use crate::advice::{Explained, Passes, explain};
use crate::settings::{Settings, TlsMode};
use crate::tls;

/// Connects to the first address of the host that lets us; what goes on in the background ends with
/// the client.
///
/// # Errors
/// When there is no server, it does not answer in time, or it refuses.
pub(crate) async fn open(settings: &Settings, year: i32) -> Result<Client> {
    let mut config = Config::new();
    config
        .port(settings.port)
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(format!("flight-delays load {year}"))
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_secs(60));
    match settings.host.strip_prefix('/') {
        Some(_) => config.host_path(&settings.host),
        None => config.host(&settings.host),
    };
    if let Some(password) = &settings.password {
        config.password(password);
    }
    let mut failure = None;
    for address in addresses(settings).await {
        let mut config = config.clone();
        if let Some(address) = address {
            config.hostaddr(address);
        }
        let connecting = connect(&mut config, settings);
        failure = Some(
            match tokio::time::timeout(settings.time_out, connecting).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(e)) => explain(e, &settings.to_string()),
                Err(_) => unreachable(format!(
                    "{settings}: no answer within {} s: check the host, the port and the firewall, or raise PGCONNECT_TIMEOUT",
                    settings.time_out.as_secs()
                )),
            },
        );
    }
    Err(failure.unwrap_or_else(|| {
        unreachable(format!(
            "{settings}: the host has no address: correct PGHOST"
        ))
    }))
}

fn unreachable(text: String) -> anyhow::Error {
    let passes = Passes::Unreachable;
    Explained { text, passes }.into()
}

/// Those of the host, or `None` where the connection itself finds out, and tells what is wrong.
async fn addresses(settings: &Settings) -> Vec<Option<IpAddr>> {
    let found = tokio::net::lookup_host((&*settings.host, settings.port));
    match tokio::time::timeout(settings.time_out, found).await {
        Ok(Ok(found)) => found.map(|address| Some(address.ip())).collect(),
        _ => vec![None],
    }
}

async fn connect(config: &mut Config, settings: &Settings) -> Result<Client> {
    if settings.tls == TlsMode::Disable || settings.host.starts_with('/') {
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
