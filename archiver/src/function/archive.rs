//! Finds where and how a stream is archived: it reads the stream's tags and looks for the table.

use crate::aws::backoff::Deadline;
use crate::aws::retry::until_done;
use crate::format::settings::ArchiveSettings;
use crate::format::stream::{StreamArn, StreamName};
use crate::format::table::{TableKeys, candidate_tables, parts_table_name};
use crate::function::error::ArchiveError;
use crate::function::tags::TagReader;
use crate::store::database::Database;
use std::time::Duration;

/// Time limit for the first read of a stream's settings. When it is over, the batch fails and Lambda delivers it again.
const FIRST_READ_TIME: Duration = Duration::from_secs(20);
/// Time limit for a later read. If that fails, the known settings stay in use.
const REFRESH_TIME: Duration = Duration::from_secs(2);

/// Where and how a stream is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) settings: ArchiveSettings,
    pub(super) table: String,
    pub(super) parts_table: String,
}

/// Reads tags and tables. When settings are known already, it takes little time, so that the batch does not wait.
pub(super) async fn find_archive(
    tags: &impl TagReader,
    database: &impl Database,
    arn: &StreamArn,
    deadline: Deadline,
    is_known: bool,
) -> Result<Archive, ArchiveError> {
    let stream = arn.stream_name();
    let deadline = deadline.at_most(if is_known { REFRESH_TIME } else { FIRST_READ_TIME });
    let tags = until_done(deadline, || tags.tags(arn)).await.map_err(|error| {
        let failure = error.into_failure();
        ArchiveError::TagsUnreadable { stream: stream.clone(), failure }
    })?;
    let settings = ArchiveSettings::from_tags(stream, tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    let table = find_table(database, stream, &settings, deadline).await?;
    Ok(Archive { settings, table, parts_table: parts_table_name(stream) })
}

/// The first candidate that exists and has the mode's keys. A table with other keys only changes the error.
async fn find_table(
    database: &impl Database,
    stream: &StreamName,
    settings: &ArchiveSettings,
    deadline: Deadline,
) -> Result<String, ArchiveError> {
    let expected = TableKeys::of_mode(settings.mode);
    let candidates = candidate_tables(stream, settings);
    let named = candidates.first().cloned().unwrap_or_default();
    let mut wrong = None;
    for table in candidates {
        let keys = until_done(deadline, || database.table_keys(&table)).await.map_err(|error| {
            let failure = error.into_failure();
            ArchiveError::TableUnreadable { stream: stream.clone(), table: table.clone(), failure }
        })?;
        match keys {
            Some(found) if found == expected => {
                if table != named {
                    tracing::warn!(%stream, table, missing = named, "the table is missing; the one spelled in the other case is used");
                }
                return Ok(table);
            }
            Some(found) => {
                wrong.get_or_insert((table, found));
            }
            None => {}
        }
    }
    let (stream, mode) = (stream.clone(), settings.mode);
    Err(match wrong {
        Some((table, found)) => ArchiveError::WrongKeys { stream, mode, table, found },
        None => ArchiveError::TableMissing { stream, mode, table: named },
    })
}
