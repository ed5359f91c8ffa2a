//! TLS as PostgreSQL's `sslmode` has it: from encryption alone to a verified chain and name.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use task::Usage;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::environment::Parameters;
use crate::settings::Settings;

/// How much TLS is demanded, as PostgreSQL's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    /// TLS when the server has it; `allow` is treated alike.
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The mode of `sslmode`, whose default depends on the root certificate.
///
/// # Errors
/// [`Usage`] when it is unknown or does not go with the root certificate.
pub(crate) fn mode(parameters: &Parameters, root_certificate: Option<&str>) -> Result<TlsMode> {
    let of_the_system = root_certificate == Some("system");
    let tls = match parameters.get("sslmode") {
        None if of_the_system => TlsMode::VerifyFull,
        None => TlsMode::Prefer,
        Some(value) => match &*value.text {
            "disable" => TlsMode::Disable,
            "allow" | "prefer" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" => TlsMode::VerifyFull,
            _ => {
                let modes = "disable, allow, prefer, require, verify-ca or verify-full";
                return Err(value.unknown(modes));
            }
        },
    };
    // Anybody can have a certificate that the operating system trusts, for a name of his own.
    if of_the_system && tls != TlsMode::VerifyFull {
        let text = "PGSSLROOTCERT=system needs PGSSLMODE=verify-full: set it or leave it out";
        return Err(Usage(text.into()).into());
    }
    if tls == TlsMode::VerifyCa && root_certificate.is_none() {
        let text =
            "PGSSLMODE=verify-ca needs PGSSLROOTCERT: set it to the file of the server's authority";
        return Err(Usage(text.into()).into());
    }
    Ok(tls)
}

/// The TLS side of a connection. A root certificate makes `require` verify the chain, as in libpq.
///
/// # Errors
/// When the root certificates cannot be read.
pub(crate) fn connector(settings: &Settings) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let chain = match (settings.tls, &settings.root_certificate) {
        (TlsMode::VerifyFull | TlsMode::VerifyCa, _) | (TlsMode::Require, Some(_)) => {
            let roots = Arc::new(roots(settings)?);
            Some(
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()?,
            )
        }
        _ => None,
    };
    let verifier: Arc<dyn ServerCertVerifier> = match (settings.tls, chain) {
        (TlsMode::VerifyFull, Some(chain)) => chain,
        (_, chain) => Arc::new(AnyName { chain, provider }),
    };
    let config = config
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// The certificates of `PGSSLROOTCERT`, else those that the operating system trusts.
fn roots(settings: &Settings) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match &settings.root_certificate {
        Some(file) => {
            let unreadable = || {
                format!(
                    "PGSSLROOTCERT {} is not a readable PEM file",
                    file.display()
                )
            };
            for certificate in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
                roots
                    .add(certificate.with_context(unreadable)?)
                    .with_context(unreadable)?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    ensure!(
        !roots.is_empty(),
        "no root certificates: set PGSSLROOTCERT to the file of the server's authority"
    );
    Ok(roots)
}

/// Accepts any name, and any chain when there is none to verify: `verify-ca` and below.
#[derive(Debug)]
struct AnyName {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is checked last, so this error says that the chain is right.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
