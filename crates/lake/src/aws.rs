//! The `AWS_*` variables, checked: the library takes any text for a key, a region or an address and
//! panics on some of it.

use anyhow::{Context, Result};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

/// What the environment says of the S3 service, to which `client` adds. An empty variable counts as
/// none. An endpoint that is given as http is meant: a server of one's own on a private network.
///
/// # Errors
/// When a variable makes no sense; its value, which may be a secret, is not shown.
pub(crate) fn from_environment(client: ClientOptions) -> Result<AmazonS3Builder> {
    let mut builder = AmazonS3Builder::new();
    let mut plain_http = false;
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str() else {
            continue;
        };
        let key = name.starts_with("AWS_").then(|| name.to_ascii_lowercase());
        let Some(Ok(key)) = key.map(|key| key.parse::<AmazonS3ConfigKey>()) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let graphic = |value: &&str| value.bytes().all(|b| b.is_ascii_graphic());
        let value = value.to_str().filter(graphic).with_context(|| {
            format!("{name} holds a blank, a line break or the like: correct it")
        })?;
        if name.contains("ENDPOINT") {
            let url = ::url::Url::parse(value).ok();
            let url =
                url.filter(|u| u.has_host() && u.username().is_empty() && u.password().is_none());
            match url.as_ref().map(::url::Url::scheme) {
                // Of the lake's own alone: whoever else is asked, it stays behind TLS.
                Some("http") => {
                    plain_http |= matches!(
                        name,
                        "AWS_ENDPOINT" | "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_S3"
                    );
                }
                Some("https") => {}
                _ => anyhow::bail!(
                    "{name} is not http://host[:port] or https://host[:port]: correct it"
                ),
            }
        }
        builder = builder.with_config(key, value);
    }
    Ok(builder.with_client_options(client.with_allow_http(plain_http)))
}
