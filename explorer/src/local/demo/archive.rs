//! Creates the tables of a demo stream's archive with the same calls as a user's configuration.

use crate::aws::configure::make;
use crate::aws::connect::Connection;
use crate::aws::streams::describe_table;
use crate::domain::stream::change::Call;
use crate::local::error::SetupError;
use archiver::format::settings::{ArchiveSettings, Ttl};
use archiver::format::stream::StreamName;
use archiver::format::table::{TableKeys, archive_table_name, parts_table_name};

/// Creates the tables for these settings, with TTL, if they are missing. Returns whether it created the records' own table.
pub(super) async fn make_tables(
    connection: &Connection,
    stream: &StreamName,
    settings: &ArchiveSettings,
) -> Result<bool, SetupError> {
    let records = archive_table_name(stream, settings.mode);
    let made = make_table(connection, records, TableKeys::of_mode(settings.mode), settings.ttl).await?;
    make_table(connection, parts_table_name(stream), TableKeys::of_parts(), settings.ttl).await?;
    Ok(made)
}

/// Returns false if the table exists; an existing table is not changed.
async fn make_table(connection: &Connection, table: String, keys: TableKeys, ttl: Option<Ttl>) -> Result<bool, SetupError> {
    if describe_table(connection, &table).await?.is_some() {
        return Ok(false);
    }
    make(connection, &Call::CreateTable { table: table.clone(), keys }).await?;
    if ttl.is_some() {
        make(connection, &Call::EnableTtl { table }).await?;
    }
    Ok(true)
}
