//! The event of an invocation, as Lambda delivered it. The Lambda runtime would first parse it into a value: it would read and copy
//! megabytes before the archiver sees the first record.

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use lambda_runtime::tower::{Layer, Service};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Takes the event of each invocation out of it; the runtime then parses `null`. Invocations never overlap, so there is one place
/// for an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Arc<Mutex<Bytes>>);

/// The service that takes the events.
#[derive(Clone, Debug)]
pub(crate) struct TakeEvents<S> {
    inner: S,
    events: Events,
}

impl Events {
    /// The event of the invocation that is being handled.
    pub(crate) fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Layer<S> for Events {
    type Service = TakeEvents<S>;

    fn layer(&self, inner: S) -> TakeEvents<S> {
        TakeEvents { inner, events: self.clone() }
    }
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for TakeEvents<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> S::Future {
        let event = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
        *self.events.0.lock().unwrap_or_else(PoisonError::into_inner) = event;
        self.inner.call(invocation)
    }
}
