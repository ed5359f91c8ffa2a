//! A certificate authority of a test's own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority that signs for servers.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its root certificate, PEM, for `PGSSLROOTCERT`.
    pub root: String,
}

/// A server's certificate and its private key, both PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new authority of this name that nobody knows yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Authority { issuer, root }
    }

    /// A certificate for the host `localhost`, good until the end of this year.
    #[must_use]
    pub fn localhost(&self, last_year: i32) -> Certificate {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            certificate: signed.pem(),
            key: key.serialize_pem(),
        }
    }
}
