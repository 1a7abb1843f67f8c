//! The HTTP connections to AWS. All calls share them, so that describing a table and writing to it needs only one TLS handshake.

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use std::time::Duration;

/// Time limit for a connection. Source: the SDK's own default.
const CONNECT_TIME: Duration = Duration::from_millis(3_100);

/// A pool of connections. They stay open without a time limit, because a closed one would cost the next batch a handshake.
#[derive(Clone, Debug)]
pub struct Http(SharedHttpConnector);

impl Default for Http {
    fn default() -> Self {
        Self::through(ProxyConfig::from_env())
    }
}

impl Http {
    /// Connections without a proxy, whatever the environment says.
    #[must_use]
    pub(crate) fn direct() -> Self {
        Self::through(ProxyConfig::disabled())
    }

    /// Uses these connections.
    #[must_use]
    pub fn of(connector: SharedHttpConnector) -> Self {
        Self(connector)
    }

    fn through(proxy: ProxyConfig) -> Self {
        let connector = Connector::builder()
            .enable_tcp_nodelay(true)
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIME).build())
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Self(SharedHttpConnector::new(connector))
    }

    pub(crate) fn connector(&self) -> &SharedHttpConnector {
        &self.0
    }
}
