//! Makes the table of a demo stream's archive, as a user would: by the calls of a configuration.

use crate::aws::configure::make;
use crate::aws::connect::Connection;
use crate::aws::streams::describe_table;
use crate::domain::configuration::Call;
use crate::local::setup::SetupError;
use archiver::settings::ArchiveSettings;
use archiver::stream::StreamName;
use archiver::table::{TableKeys, archive_table_name};

/// Makes the table that the settings name, with its TTL; `false` where there is one already, which stays as it is.
pub(super) async fn make_table(
    connection: &Connection,
    stream: &StreamName,
    settings: &ArchiveSettings,
) -> Result<bool, SetupError> {
    let table = archive_table_name(stream, settings.mode);
    if describe_table(connection, &table).await?.is_some() {
        return Ok(false);
    }
    make(connection, &Call::CreateTable { table: table.clone(), keys: TableKeys::of_mode(settings.mode) }).await?;
    if settings.ttl.is_some() {
        make(connection, &Call::EnableTtl { table }).await?;
    }
    Ok(true)
}
