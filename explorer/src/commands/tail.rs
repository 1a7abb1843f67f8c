//! `explorer tail`.

use super::interrupt::{Prints, interruptible};
use super::output;
use super::reading::{Taker as _, could_not_be_looked_into};
use super::records::Printer;
use super::selection::{Negated, Payloads, archive_of, filter_of, stream_named};
use super::{CommandError, Output, local_times};
use crate::aws::connect::Connection;
use crate::aws::follow::follow;
use crate::aws::shards;
use crate::aws::streams::{overview_of_archive, settled};
use crate::domain::decode::Recipe;
use crate::domain::reading::following::{
    FollowBatch, FollowEnding, FollowFrom, FollowOrder, FollowStatus, Followed, MISSING_AFTER,
};
use crate::domain::text::count;
use crate::domain::time::span;
use crate::sources::PayloadSource;
use archiver::aws::failure::FailureKind;
use archiver::format::stream::StreamName;
use clap::Args;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Batches that may wait to be printed.
const BATCHES_WAITING: usize = 4;
/// A delay that is worth a word.
const LONG_DELAY: Duration = Duration::from_secs(60);

/// What is followed.
#[derive(Args, Clone, Debug)]
pub(super) struct TailArguments {
    /// The stream, by its name or ARN
    #[arg(value_name = "STREAM")]
    stream: String,
    /// What the records must be, as for the command records
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    negated: Negated,
    /// Print records when they are seen in the archive, not when they are in the stream
    #[arg(long)]
    archived: bool,
    /// Begin with what arrived at this time, as far as the stream still has it: 1h for an hour ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How payloads are decoded, such as: gzip > msgpack. Without it they are recognised
    #[arg(long, value_name = "STEPS")]
    decode: Option<Recipe>,
}

/// The same, understood.
#[derive(Clone, Debug)]
pub(super) struct TailRequest {
    archived: bool,
    /// Of the stream itself.
    order: FollowOrder,
}

impl TailArguments {
    /// Understands them.
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
        Ok(TailRequest { archived: self.archived, order })
    }
}

/// Finds out soon what would fail later.
async fn check(connection: &Connection, stream: &StreamName) -> Result<(), CommandError> {
    match shards::check(connection, stream).await {
        Err(failure) if failure.kind == FailureKind::NotFound => {
            // Says whether only its archive is left.
            overview_of_archive(connection, stream).await?.check_stream().map_err(CommandError::NotFound)?;
            Err(failure.into())
        }
        checked => Ok(checked?),
    }
}

/// Prints records as they come. There is no other end than that somebody ends it.
pub(super) async fn run_until_ended(connection: Connection, request: TailRequest, output: Output) -> Result<(), CommandError> {
    interruptible(run(connection, request, output), Prints::Everything, Ok(())).await
}

async fn run(connection: Connection, request: TailRequest, output: Output) -> Result<(), CommandError> {
    let TailRequest { archived, mut order } = request;
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
        let mut printer = Printer::new(payloads, output);
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
        Followed::Stream => format!("following stream {stream}; ctrl-c ends it"),
        Followed::Archive { table, .. } => format!("following stream {stream} as it is archived in table {table}; ctrl-c ends it"),
    }
}

/// What is worth a word of how things stand now.
fn news(before: &FollowStatus, now: &FollowStatus) -> Vec<String> {
    let mut sentences = Vec::new();
    if now.unsearchable > before.unsearchable {
        sentences.push(could_not_be_looked_into(now.unsearchable - before.unsearchable));
    }
    if now.missing > before.missing {
        let (records, minutes) = (count(now.missing - before.missing), span(MISSING_AFTER.as_secs()));
        sentences
            .push(format!("{records} records are not in the archive {minutes} after they were put; they are no longer waited for"));
    }
    let is_long = |delay: Option<Duration>| delay.is_some_and(|delay| delay >= LONG_DELAY);
    let of = |delay: Option<Duration>| span(delay.unwrap_or_default().as_secs());
    match (is_long(before.lag), is_long(now.lag)) {
        (false, true) => sentences.push(format!("the archive is {} behind the stream", of(now.lag))),
        (true, false) => sentences.push("the archive has caught up with the stream".to_owned()),
        (true, true) | (false, false) => {}
    }
    match (is_long(before.behind_latest), is_long(now.behind_latest)) {
        (false, true) => sentences.push(format!("what is printed is {} behind the stream", of(now.behind_latest))),
        (true, false) => sentences.push("what is printed has caught up with the stream".to_owned()),
        (true, true) | (false, false) => {}
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_told_when_it_begins_and_when_it_is_over() {
        let prompt = FollowStatus { lag: Some(Duration::from_secs(2)), ..FollowStatus::default() };
        let late = FollowStatus { lag: Some(Duration::from_secs(90)), ..prompt };
        assert_eq!(news(&prompt, &late), ["the archive is 1 min 30 s behind the stream"]);
        assert!(news(&late, &late).is_empty());
        assert_eq!(news(&late, &prompt), ["the archive has caught up with the stream"]);
        let behind = FollowStatus { behind_latest: Some(Duration::from_secs(7_200)), ..prompt };
        assert_eq!(news(&prompt, &behind), ["what is printed is 2 h 0 min behind the stream"]);
    }

    #[test]
    fn what_never_came_into_the_archive_is_told() {
        let before = FollowStatus { missing: 2, ..FollowStatus::default() };
        let sentence = "3 records are not in the archive 5 min 0 s after they were put; they are no longer waited for";
        assert_eq!(news(&before, &FollowStatus { missing: 5, ..before }), [sentence]);
    }
}
