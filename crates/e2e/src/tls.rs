//! TLS in front of a server: the build of PostgreSQL that the tests have comes without it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::authority::Certificate;

/// What a client sends first when it wants TLS: the length 8 and the code 80877103, see
/// "SSLRequest" in PostgreSQL's documentation of its protocol.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// How a client begins that speaks TLS at once, see "Record Layer" in RFC 8446.
const HANDSHAKE: u8 = 22;

/// Something that speaks TLS to clients and passes on what they say; stopped when dropped.
pub struct TlsFront {
    /// Where it listens: at 127.0.0.1, which is `localhost` too.
    pub address: SocketAddr,
    encrypted: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl TlsFront {
    /// Shows this certificate and passes on to `server`.
    #[must_use]
    pub fn start(certificate: &Certificate, server: SocketAddr) -> Self {
        let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let encrypted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&encrypted);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass_on(client, server, acceptor.clone(), count.clone()));
            }
        });
        TlsFront {
            address,
            encrypted,
            _runtime: runtime,
        }
    }

    /// How many connections were encrypted since this was asked last.
    #[must_use]
    pub fn encrypted(&self) -> usize {
        self.encrypted.swap(0, Ordering::Relaxed)
    }
}

async fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    acceptor: TlsAcceptor,
    encrypted: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut first = [0; 8];
    client.peek(&mut first).await?;
    if first == SSL_REQUEST {
        client.read_exact(&mut first).await?;
        client.write_all(b"S").await?;
    } else if first[0] != HANDSHAKE {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let mut client = acceptor.accept(client).await?;
    encrypted.fetch_add(1, Ordering::Relaxed);
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
