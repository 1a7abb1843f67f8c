//! TLS on the loopback interface, with an authority created for this run, which the child process trusts in addition to the
//! system's.

use crate::backend::{self, Backend, Role};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// The certificates that Debian-based systems trust; loading them is part of the start.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const HOST: &str = "localhost";

/// A certificate for this host, and the file with its authority.
pub(crate) struct Certificate {
    config: Arc<ServerConfig>,
    trusted: NamedTempFile,
}

impl Certificate {
    /// Creates both.
    pub(crate) fn make() -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new([HOST.to_owned(), "127.0.0.1".to_owned()]).expect("names of this host");
        let server = server.signed_by(&server_key, &authority).expect("a certificate");
        let trusted = NamedTempFile::new().expect("a temporary file");
        let system = fs::read_to_string(SYSTEM_CERTIFICATES).unwrap_or_default();
        fs::write(trusted.path(), format!("{system}\n{}", authority.pem())).expect("the temporary file takes it");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], key)
            .expect("a key that fits");
        Self { config: Arc::new(config), trusted }
    }

    /// The file of authorities, for `SSL_CERT_FILE`.
    pub(crate) fn trusted(&self) -> &Path {
        self.trusted.path()
    }

    /// Starts a backend behind TLS.
    pub(crate) async fn serve(&self, role: Role) -> Backend {
        let (listener, port) = backend::listen().await;
        let listener = TlsListener { listener, acceptor: TlsAcceptor::from(Arc::clone(&self.config)) };
        Backend::serve(role, listener, format!("https://{HOST}:{port}"))
    }
}

struct TlsListener<L> {
    listener: L,
    acceptor: TlsAcceptor,
}

impl<L: Listener<Io = TcpStream, Addr = SocketAddr>> Listener for TlsListener<L> {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await;
            match self.acceptor.accept(stream).await {
                Ok(stream) => return (stream, address),
                Err(error) => eprintln!("a TLS handshake failed: {error}"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
