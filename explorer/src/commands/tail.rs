//! `explorer tail`.

use super::interrupt::{Prints, interruptible};
use super::output;
use super::reading::{Taker as _, could_not_be_searched};
use super::records::Printer;
use super::selection::{Negated, Payloads, archive_of, filter_of, stream_named};
use super::{CommandError, Output, local_times};
use crate::aws::connect::Connection;
use crate::aws::follow::follow;
use crate::aws::shards;
use crate::aws::streams::{overview_of_archive, settled};
use crate::domain::decode::Recipe;
use crate::domain::export::ExportColumns;
use crate::domain::reading::following::{
    FollowBatch, FollowEnding, FollowFrom, FollowOrder, FollowStatus, Followed, MISSING_AFTER,
};
use crate::domain::text::counted;
use crate::domain::time::span;
use crate::sources::PayloadSource;
use archiver::aws::failure::FailureKind;
use archiver::format::stream::StreamName;
use clap::Args;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Batches that may wait to be printed.
const BATCHES_WAITING: usize = 4;
/// A delay that is reported.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// What to follow.
#[derive(Args, Clone, Debug)]
pub(super) struct TailArguments {
    /// Name or ARN of the stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Conditions that records must meet, one per argument, as for `explorer records`
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    negated: Negated,
    /// Print records when they reach the archive, not when they reach the stream
    #[arg(long)]
    archived: bool,
    /// Start at this time, if the stream reaches back that far: 1h for an hour ago [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Print only these columns: fields of JSON payloads (id,customer.city) or of the record (partition_key,arrived_at)
    #[arg(long, value_name = "NAMES")]
    columns: Option<ExportColumns>,
    /// How to decode payloads, such as "gzip > msgpack" [default: recognised by content]
    #[arg(long, value_name = "STEPS")]
    decode: Option<Recipe>,
}

/// The same, interpreted.
#[derive(Clone, Debug)]
pub(super) struct TailRequest {
    archived: bool,
    /// For the stream itself.
    order: FollowOrder,
    columns: Option<ExportColumns>,
}

impl TailArguments {
    /// Interprets the arguments.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn understood(&self) -> Result<TailRequest, CommandError> {
        let since = self.since.as_ref().map(|since| local_times().parse(since)).transpose();
        let since = since.map_err(|error| CommandError::Usage(error.to_string()))?;
        let order = FollowOrder {
            stream: stream_named(&self.stream)?,
            followed: Followed::Stream,
            filter: filter_of(&self.filter, &self.negated)?,
            recipe: self.decode.clone().unwrap_or_default(),
            from: since.map_or(FollowFrom::Now, FollowFrom::At),
        };
        Ok(TailRequest { archived: self.archived, order, columns: self.columns.clone() })
    }
}

/// Fails early if following would fail later.
async fn check(connection: &Connection, stream: &StreamName) -> Result<(), CommandError> {
    match shards::check(connection, stream).await {
        Err(failure) if failure.kind == FailureKind::NotFound => {
            // Says so if only the archive is left.
            overview_of_archive(connection, stream).await?.check_stream().map_err(CommandError::NotFound)?;
            Err(failure.into())
        }
        checked => Ok(checked?),
    }
}

/// Prints records as they arrive, until it is stopped from outside.
pub(super) async fn run_until_ended(connection: Connection, request: TailRequest, output: Output) -> Result<(), CommandError> {
    interruptible(run(connection, request, output), Prints::Everything, Ok(())).await
}

async fn run(connection: Connection, request: TailRequest, output: Output) -> Result<(), CommandError> {
    let TailRequest { archived, mut order, columns } = request;
    order.stream = settled(&connection, &order.stream).await?;
    check(&connection, &order.stream).await?;
    if archived {
        let (table, mode) = archive_of(&connection, &order.stream).await?;
        order.followed = Followed::Archive { table: table.name, mode };
    }
    let payloads = Payloads {
        source: PayloadSource::of_stream(&connection, Some(&order.stream)),
        stream: Some(order.stream.clone()),
        recipe: order.recipe.clone(),
    };
    let (batches, mut coming) = mpsc::channel::<FollowBatch>(BATCHES_WAITING);
    let (_stop, stopped) = watch::channel(false);
    let printing = async {
        let mut printer = Printer::new(payloads, columns, output);
        let mut status = None;
        while let Some(batch) = coming.recv().await {
            for record in &batch.records {
                printer.take(record).await?;
            }
            printer.flush()?;
            let next = status.unwrap_or_default();
            let next = FollowStatus::after(next, &batch);
            match status {
                None => {
                    output::tell(&beginning(&order))?;
                    news(&FollowStatus::default(), &next).iter().try_for_each(|sentence| output::tell(sentence))?;
                }
                Some(status) => news(&status, &next).iter().try_for_each(|sentence| output::tell(sentence))?,
            }
            status = Some(next);
        }
        Ok(())
    };
    tokio::select! {
        printed = printing => printed,
        FollowEnding::Failed(failure) = follow(&connection, &order, batches, stopped) => Err(CommandError::from(failure)),
    }
}

fn beginning(order: &FollowOrder) -> String {
    let stream = &order.stream;
    match &order.followed {
        Followed::Stream => format!("following stream {stream}; press ctrl-c to stop"),
        Followed::Archive { table, .. } => {
            format!("following stream {stream} as it is archived in table {table}; press ctrl-c to stop")
        }
    }
}

/// Changes of the status that are worth reporting.
fn news(before: &FollowStatus, now: &FollowStatus) -> Vec<String> {
    let mut sentences = Vec::new();
    if now.unsearchable > before.unsearchable {
        sentences.push(could_not_be_searched(now.unsearchable - before.unsearchable));
    }
    if now.missing > before.missing {
        let (records, minutes) = (counted(now.missing - before.missing, "record", "records"), span(MISSING_AFTER.as_secs()));
        sentences.push(format!("{records} did not reach the archive within {minutes}; no longer waiting for them"));
    }
    let is_long = |delay: Option<Duration>| delay.is_some_and(|delay| delay >= LONG_DELAY);
    let of = |delay: Option<Duration>| span(delay.unwrap_or_default().as_secs());
    match (is_long(before.lag), is_long(now.lag)) {
        (false, true) => sentences.push(format!("the archive is {} behind the stream", of(now.lag))),
        (true, false) => sentences.push("the archive has caught up with the stream".to_owned()),
        (true, true) | (false, false) => {}
    }
    match (is_long(before.behind_latest), is_long(now.behind_latest)) {
        (false, true) => sentences.push(format!("the output is {} behind the stream", of(now.behind_latest))),
        (true, false) => sentences.push("the output has caught up with the stream".to_owned()),
        (true, true) | (false, false) => {}
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_reported_when_it_begins_and_when_it_is_over() {
        let prompt = FollowStatus { lag: Some(Duration::from_secs(2)), ..FollowStatus::default() };
        let late = FollowStatus { lag: Some(Duration::from_secs(90)), ..prompt };
        assert_eq!(news(&prompt, &late), ["the archive is 1 min 30 s behind the stream"]);
        assert!(news(&late, &late).is_empty());
        assert_eq!(news(&late, &prompt), ["the archive has caught up with the stream"]);
        let behind = FollowStatus { behind_latest: Some(Duration::from_secs(7_200)), ..prompt };
        assert_eq!(news(&prompt, &behind), ["the output is 2 h 0 min behind the stream"]);
    }

    #[test]
    fn records_that_never_reached_the_archive_are_reported() {
        let before = FollowStatus { missing: 2, ..FollowStatus::default() };
        let sentence = "3 records did not reach the archive within 5 min 0 s; no longer waiting for them";
        assert_eq!(news(&before, &FollowStatus { missing: 5, ..before }), [sentence]);
    }
}
