//! The HTTP connections to AWS, shared by everything that calls it: so a table is described and written to over one TLS handshake.

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use std::time::Duration;

/// Longest time to connect; the SDK's own default.
const CONNECT_TIME: Duration = Duration::from_millis(3_100);

/// A pool of connections, kept open without a limit: to close one that the next batch needs again costs a handshake.
#[derive(Clone, Debug)]
pub struct Http(SharedHttpConnector);

impl Default for Http {
    fn default() -> Self {
        Self::through(ProxyConfig::from_env())
    }
}

impl Http {
    /// Connections that go through no proxy, whatever the environment says.
    #[must_use]
    pub(crate) fn direct() -> Self {
        Self::through(ProxyConfig::disabled())
    }

    /// Connections that somebody else makes.
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
