//! Reads the objects of the failure destination in their order, some of them ahead.

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

/// Batches read whole at the same time; each may have 6 MB, and takes as much again while it is parsed.
const READ_AHEAD: usize = 2;
/// Beginnings of batches read at the same time.
const BEGINNINGS_AHEAD: usize = 32;
/// Bytes that hold everything Lambda says about a batch; its names and the function's error are limited to much less.
const BEGINNING_BYTES: u64 = 8 * 1024;
/// Bytes of the largest possible batch, generously: an event has 6 MB, and at most twice that as a text in JSON. Source: Lambda
/// quotas, invocation payload.
const MAX_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// An object, and the batch in it.
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) batch: Result<FailedBatch, Problem>,
}

/// The same, with the batch's event if it has one and was read whole.
pub(super) type Read = (Found, Option<String>);

/// Why an object cannot be archived, as a sentence.
pub(super) enum Problem {
    /// It is not a batch.
    NoBatch(String),
    /// It may be a batch.
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
    /// The description of the batch, if that is at the beginning.
    Beginning,
    /// Everything.
    Whole,
}

/// Reads the objects, each with its place among them, and skips those that are gone. An object that cannot be read is returned with the
/// reason; only a lost connection ends it.
pub(super) fn read(
    store: FailureStore,
    objects: Vec<Object>,
    extent: Extent,
) -> impl futures::Stream<Item = (usize, Result<Read, Failure>)> {
    let wholes = Arc::new(Semaphore::new(READ_AHEAD));
    // Tasks of their own, which continue while a batch is archived.
    let reads = objects.into_iter().map(move |object| {
        let (store, wholes) = (store.clone(), Arc::clone(&wholes));
        async move { tokio::spawn(async move { read_one(&store, object, extent, &wholes).await }).await }
    });
    let ahead = match extent {
        Extent::Beginning => BEGINNINGS_AHEAD,
        Extent::Whole => READ_AHEAD,
    };
    let crashed = |error: tokio::task::JoinError| Err(Failure::refused("read the next object", error.to_string()));
    let read = futures::stream::iter(reads).buffered(ahead).enumerate();
    read.filter_map(move |(place, read)| std::future::ready(read.unwrap_or_else(crashed).transpose().map(|read| (place, read))))
}

/// `None` if the object is gone since it was listed: another process has recovered it.
async fn read_one(store: &FailureStore, mut object: Object, extent: Extent, wholes: &Semaphore) -> Result<Option<Read>, Failure> {
    if object.size_bytes > MAX_BATCH_BYTES {
        let problem = format!("it has {}, which is too large for a batch", size(object.size_bytes));
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

/// With the event only if everything is wanted.
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
