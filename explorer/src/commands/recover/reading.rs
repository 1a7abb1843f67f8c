//! Reading what the failure destination holds: some objects ahead, in their order.

use crate::aws::bucket::Object;
use crate::domain::failure::Failure;
use crate::domain::lambda::failed_batch::{FailedBatch, InvalidFailedBatch};
use crate::domain::text::size;
use crate::recovery::failures::FailureStore;
use crate::recovery::is_of_the_connection;
use archiver::aws::failure::FailureKind;
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Batches read whole at once; each may have 6 MB, and as much again while it is taken apart.
const READ_AHEAD: usize = 2;
/// Beginnings of batches read at once.
const BEGINNINGS_AHEAD: usize = 32;
/// Bytes in which everything stands that Lambda tells of a batch; its names and the function's error have limits far below.
const BEGINNING_BYTES: u64 = 8 * 1024;
/// Bytes of the largest batch there can be, generously: an event has 6 MB, as a text in JSON twice that at the most. Source: Lambda
/// quotas, invocation payload.
const MAX_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// An object, and what it holds.
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) batch: Result<FailedBatch, Problem>,
}

/// The same with the batch's event, where it has one and all was read.
pub(super) type Read = (Found, Option<String>);

/// Why an object is no batch to archive, as a sentence.
pub(super) enum Problem {
    /// It is something else.
    NoBatch(String),
    /// It may be one.
    Unreadable(String),
}

impl Problem {
    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::NoBatch(sentence) | Self::Unreadable(sentence) => sentence,
        }
    }
}

/// How much of an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What tells of the batch, where it stands at the beginning.
    Beginning,
    /// All.
    Whole,
}

/// Reads the objects, each with its place among them; those that are gone are passed over. What cannot be read is told of the
/// object; only where nothing can be reached it ends.
pub(super) fn read(
    store: FailureStore,
    objects: Vec<Object>,
    extent: Extent,
) -> impl futures::Stream<Item = (usize, Result<Read, Failure>)> {
    let wholes = Arc::new(Semaphore::new(READ_AHEAD));
    // Tasks of their own, which go on reading while a batch is archived.
    let reads = objects.into_iter().map(move |object| {
        let (store, wholes) = (store.clone(), Arc::clone(&wholes));
        async move { tokio::spawn(async move { read_one(&store, object, extent, &wholes).await }).await }
    });
    let ahead = match extent {
        Extent::Beginning => BEGINNINGS_AHEAD,
        Extent::Whole => READ_AHEAD,
    };
    let crashed = |error: tokio::task::JoinError| Err(Failure::refused("read on", error.to_string()));
    let read = futures::stream::iter(reads).buffered(ahead).enumerate();
    read.filter_map(move |(place, read)| std::future::ready(read.unwrap_or_else(crashed).transpose().map(|read| (place, read))))
}

/// `None` for what is gone since it was listed: somebody else has recovered it.
async fn read_one(store: &FailureStore, mut object: Object, extent: Extent, wholes: &Semaphore) -> Result<Option<Read>, Failure> {
    if object.size_bytes > MAX_BATCH_BYTES {
        let problem = format!("it has {}, which no batch has", size(object.size_bytes));
        return Ok(Some((Found { object, batch: Err(Problem::Unreadable(problem)) }, None)));
    }
    let (batch, event) = match read_batch(store, &mut object, extent, wholes).await {
        Ok(Ok((batch, event))) => (Ok(batch), event),
        Ok(Err(error @ InvalidFailedBatch::SomethingElse)) => (Err(Problem::NoBatch(error.to_string())), None),
        Ok(Err(error)) => (Err(Problem::Unreadable(error.to_string())), None),
        Err(failure) if is_of_the_connection(failure.kind) => return Err(failure),
        Err(failure) if failure.kind == FailureKind::NotFound && object.size_bytes > 0 => return Ok(None),
        Err(failure) => (Err(Problem::Unreadable(failure.to_string())), None),
    };
    Ok(Some((Found { object, batch }, event)))
}

/// With the event only where all is asked for.
async fn read_batch(
    store: &FailureStore,
    object: &mut Object,
    extent: Extent,
    wholes: &Semaphore,
) -> Result<Result<(FailedBatch, Option<String>), InvalidFailedBatch>, Failure> {
    let is_large = object.size_bytes > BEGINNING_BYTES;
    if extent == Extent::Beginning && is_large {
        let beginning = store.read(object, Some(BEGINNING_BYTES)).await?;
        if let Some(batch) = FailedBatch::parse_beginning(&beginning) {
            return Ok(Ok((batch, None)));
        }
    }
    // The semaphore is never closed.
    let _permit = if is_large { wholes.acquire().await.ok() } else { None };
    let read = FailedBatch::parse(&store.read(object, None).await?);
    Ok(read.map(|(batch, event)| (batch, event.filter(|_| extent == Extent::Whole))))
}
