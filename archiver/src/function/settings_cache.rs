//! The settings that a running function knows: the tags of each stream, and its table. They are read again after a fixed time. If
//! that fails, the last ones stay in use.

use crate::format::stream::StreamArn;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long settings are used before they are read again. Kinesis allows 5 tag reads a second per account.
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(180);

/// Time between a failed refresh and the next one. Without it, a throttled account would get even more calls.
const RETRY: Duration = Duration::from_secs(10);

/// Settings by stream ARN: streams in two accounts may have the same name.
#[derive(Debug)]
pub struct SettingsCache<V> {
    refresh: Duration,
    entries: Mutex<HashMap<StreamArn, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    serves_until: Instant,
}

/// An error that may go away by itself.
pub trait MayPass {
    /// Whether the known settings may be used in spite of it.
    fn may_pass(&self) -> bool;
}

impl<V> SettingsCache<V> {
    /// A cache that reads settings again after this time.
    #[must_use]
    pub fn new(refresh: Duration) -> Self {
        Self { refresh, entries: Mutex::new(HashMap::new()) }
    }

    /// The stream's settings, read if they are unknown or too old. `read` gets whether they are known.
    ///
    /// # Errors
    /// The error of `read`, if nothing is known yet or the error does not go away by itself.
    pub async fn get<E: MayPass + std::fmt::Display, F: Future<Output = Result<V, E>>>(
        &self,
        stream: &StreamArn,
        read: impl FnOnce(bool) -> F,
    ) -> Result<Arc<V>, E> {
        let known = self.known(stream);
        if let Some((value, serves_until)) = &known
            && Instant::now() < *serves_until
        {
            return Ok(Arc::clone(value));
        }
        match (read(known.is_some()).await, known) {
            (Ok(value), _) => Ok(self.keep(stream, Arc::new(value), self.refresh)),
            (Err(error), Some((value, _))) if error.may_pass() => {
                tracing::warn!(%stream, %error, "settings could not be refreshed; the last ones stay in use");
                Ok(self.keep(stream, value, RETRY.min(self.refresh)))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn keep(&self, stream: &StreamArn, value: Arc<V>, serves_for: Duration) -> Arc<V> {
        let entry = Entry { value: Arc::clone(&value), serves_until: Instant::now() + serves_for };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), entry);
        value
    }

    /// Forgets a stream, so that its settings are read again.
    pub fn forget(&self, stream: &StreamArn) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }

    fn known(&self, stream: &StreamArn) -> Option<(Arc<V>, Instant)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(stream).map(|entry| (Arc::clone(&entry.value), entry.serves_until))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
    enum ReadError {
        #[error("throttled")]
        Throttled,
        #[error("invalid tag")]
        InvalidTag,
    }

    impl MayPass for ReadError {
        fn may_pass(&self) -> bool {
            match self {
                Self::Throttled => true,
                Self::InvalidTag => false,
            }
        }
    }

    fn orders() -> StreamArn {
        StreamArn::parse("arn:aws:kinesis:eu-west-1:123456789012:stream/orders").unwrap()
    }

    async fn get(cache: &SettingsCache<u32>, answer: Result<u32, ReadError>) -> Result<u32, ReadError> {
        cache.get(&orders(), |_| async { answer }).await.map(|value| *value)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_until_it_is_too_old() {
        let cache = SettingsCache::new(DEFAULT_REFRESH);
        assert_eq!(get(&cache, Ok(1)).await, Ok(1));
        tokio::time::advance(DEFAULT_REFRESH - Duration::from_secs(1)).await;
        assert_eq!(get(&cache, Ok(2)).await, Ok(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get(&cache, Ok(3)).await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_good_answer_serves_while_reading_fails_but_not_over_a_tag_that_is_wrong() {
        let cache = SettingsCache::new(DEFAULT_REFRESH);
        assert_eq!(get(&cache, Err(ReadError::Throttled)).await, Err(ReadError::Throttled));
        assert_eq!(get(&cache, Ok(1)).await, Ok(1));
        tokio::time::advance(DEFAULT_REFRESH).await;
        assert_eq!(get(&cache, Err(ReadError::Throttled)).await, Ok(1));
        assert_eq!(get(&cache, Ok(2)).await, Ok(1), "reading is not tried again at once");
        tokio::time::advance(RETRY).await;
        assert_eq!(get(&cache, Err(ReadError::InvalidTag)).await, Err(ReadError::InvalidTag));
    }
}
