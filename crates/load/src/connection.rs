//! Opening the connection to the warehouse.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use crate::advice::explain;
use crate::settings::{Settings, TlsMode};
use crate::tls;

/// Connects; what goes on in the background ends with the client.
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
        .tcp_user_timeout(Duration::from_secs(60))
        .connect_timeout(settings.time_out);
    match settings.host.strip_prefix('/') {
        Some(_) => config.host_path(&settings.host),
        None => config.host(&settings.host),
    };
    if let Some(password) = &settings.password {
        config.password(password);
    }
    let on_a_socket = settings.host.starts_with('/');
    let connecting = async {
        if settings.tls == TlsMode::Disable || on_a_socket {
            let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await?;
            tokio::spawn(connection);
            return Ok(client);
        }
        let mode = if settings.tls == TlsMode::Prefer {
            SslMode::Prefer
        } else {
            SslMode::Require
        };
        let (client, connection) = config
            .ssl_mode(mode)
            .connect(tls::connector(settings)?)
            .await?;
        tokio::spawn(connection);
        anyhow::Ok(client)
    };
    // The addresses of a host are tried one after the other.
    let limit = settings.time_out.saturating_mul(addresses(settings).await);
    match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(e)) => Err(explain(e, &settings.to_string())),
        Err(_) => bail!(
            "{settings}: no answer within {} s: check the host, the port and the firewall, or raise PGCONNECT_TIMEOUT",
            limit.as_secs()
        ),
    }
}

async fn addresses(settings: &Settings) -> u32 {
    let found = tokio::net::lookup_host((&*settings.host, settings.port));
    match tokio::time::timeout(settings.time_out, found).await {
        Ok(Ok(found)) => found.count().max(1) as u32,
        _ => 1,
    }
}
