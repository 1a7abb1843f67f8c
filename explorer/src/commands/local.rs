//! `explorer local`: the local system without screens, for scripts and tests.

use super::connecting::CommonOptions;
use super::{CommandError, output};
use crate::local::{LocalOptions, LocalSystem};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// Where the local system listens, as JSON.
#[derive(Debug, Serialize)]
struct EndpointsJson<'e> {
    kinesis: &'e str,
    dynamodb: &'e str,
    region: &'e str,
}

pub(super) async fn run(common: CommonOptions, demo: bool) -> Result<(), CommandError> {
    if common.names_aws() {
        let sentence = "the local system takes no --profile, --region or --endpoint-url";
        return Err(CommandError::Usage(sentence.to_owned()));
    }
    let failed = |source| CommandError::Io { operation: "listen for signals", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let system = LocalSystem::start(LocalOptions { data_dir: common.data_dir, demo }).await?;
    let announced = async {
        system.ready().await?;
        let endpoints = system.endpoints();
        output::print_json(&EndpointsJson {
            kinesis: &endpoints.kinesis,
            dynamodb: &endpoints.dynamodb,
            region: &endpoints.region,
        })?;
        std::future::pending::<Result<(), CommandError>>().await
    };
    let result = tokio::select! {
        result = announced => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    system.stop().await;
    result
}
