//! The parameters of the session and of its TCP connection, as tokio-postgres has them.

use std::time::Duration;

use anyhow::Result;
use task::Usage;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use crate::environment::Parameters;

/// The part that tokio-postgres does by itself, without the server, the user and TLS.
///
/// # Errors
/// [`Usage`] for a value that makes no sense.
pub(crate) fn config(parameters: &Parameters) -> Result<Config> {
    let mut config = Config::new();
    // A connection that has died is noticed within a minute or so, unless other limits are given.
    config
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_secs(60));
    if let Some(options) = parameters.text("options") {
        config.options(options);
    }
    match parameters.get("channel_binding") {
        None => {}
        Some(value) => {
            config.channel_binding(match &*value.text {
                "disable" => ChannelBinding::Disable,
                "prefer" => ChannelBinding::Prefer,
                "require" => ChannelBinding::Require,
                _ => return Err(value.unknown("disable, prefer or require")),
            });
        }
    }
    match parameters.get("target_session_attrs") {
        None => {}
        Some(value) => {
            config.target_session_attrs(match &*value.text {
                "any" => TargetSessionAttrs::Any,
                // Every load writes: a primary that is read-only is of no use.
                "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                "read-only" | "standby" | "prefer-standby" => {
                    let text = format!(
                        "{} asks for a read-only server, but load writes: set it to read-write",
                        value.source
                    );
                    return Err(Usage(text).into());
                }
                _ => return Err(value.unknown("any, read-write or primary")),
            });
        }
    }
    let of = |keyword, unit| {
        let value = parameters.get(keyword);
        value.map(|value| value.number(unit)).transpose()
    };
    if let Some(on) = of("keepalives", "1 or 0")? {
        config.keepalives(on != 0);
    }
    // 0 is the operating system's own limit, which is two hours.
    if let Some(seconds) = of("keepalives_idle", "seconds")? {
        let seconds = if seconds > 0 {
            seconds as u64
        } else {
            2 * 60 * 60
        };
        config.keepalives_idle(Duration::from_secs(seconds));
    }
    if let Some(seconds) = of("keepalives_interval", "seconds")?.filter(|s| *s > 0) {
        config.keepalives_interval(Duration::from_secs(seconds as u64));
    }
    if let Some(count) = of("keepalives_count", "probes")?.filter(|count| *count > 0) {
        config.keepalives_retries(count as u32);
    }
    if let Some(milliseconds) = of("tcp_user_timeout", "milliseconds")? {
        config.tcp_user_timeout(Duration::from_millis(milliseconds.max(0) as u64));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(query: &str) -> Result<Config> {
        let url = format!("postgresql://h/d?{query}");
        let variable = |name: &str| (name == "DATABASE_URL").then(|| url.clone());
        config(&Parameters::read(&variable)?)
    }

    #[test]
    fn a_dead_connection_is_noticed_unless_other_limits_are_given() {
        let limits = |query| {
            let config = of(query).unwrap();
            (
                config.get_keepalives(),
                config.get_keepalives_idle().as_secs(),
                config.get_keepalives_interval().map(|d| d.as_secs()),
                config.get_keepalives_retries(),
                config.get_tcp_user_timeout().map(Duration::as_millis),
            )
        };
        assert_eq!(limits(""), (true, 30, None, None, Some(60_000)));
        let all = "keepalives=1&keepalives_idle=5&keepalives_interval=6&keepalives_count=7&tcp_user_timeout=800";
        assert_eq!(limits(all), (true, 5, Some(6), Some(7), Some(800)));
        let none = "keepalives=0&keepalives_idle=0&keepalives_interval=0&keepalives_count=0&tcp_user_timeout=0";
        assert_eq!(limits(none), (false, 7200, None, None, Some(0)));
    }

    #[test]
    fn options_channel_binding_and_the_kind_of_server() {
        let config =
            of("options=-c%20a%3Db&channel_binding=require&target_session_attrs=primary").unwrap();
        assert_eq!(config.get_options(), Some("-c a=b"));
        assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
        let target = config.get_target_session_attrs();
        assert_eq!(target, TargetSessionAttrs::ReadWrite);
        for query in [
            "channel_binding=canary",
            "target_session_attrs=canary",
            "target_session_attrs=read-only",
            "keepalives_idle=canary",
            "tcp_user_timeout=1s",
        ] {
            let error = of(query).unwrap_err();
            assert!(error.is::<Usage>(), "{query}");
            let text = error.to_string();
            assert!(text.contains(" in DATABASE_URL "), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
