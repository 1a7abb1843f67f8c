//! How long it takes from the start of the process until DynamoDB has answered its first write; over plain http, and over TLS as
//! on Lambda.

use crate::backend::{Backend, Role};
use crate::certificate::Certificate;
use crate::events::{EventShape, Events, Keys};
use crate::function::Function;
use crate::process;
use archiver::format::settings::ArchiveMode;
use axum::body::Bytes;
use std::path::Path;
use std::time::Duration;

const ROLE: Role = Role { mode: ArchiveMode::All, keys: Keys::Distinct };
const SHAPE: EventShape = EventShape { records: 100, payload_bytes: 200, keys: Keys::Distinct };

/// How the process reaches its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// As under test.
    Plain,
    /// As on Lambda: the system's certificates are loaded, and two connections made.
    Tls,
}

/// One start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColdStart {
    /// From just before the process was made to the answer of the first write.
    pub(crate) wall: Duration,
    /// Time on CPU of the process until then, or a moment later.
    pub(crate) cpu: Duration,
}

impl Transport {
    /// The row's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "cold start, http",
            Self::Tls => "cold start, TLS",
        }
    }
}

/// Starts the binary so many times.
pub(crate) async fn measure(binary: &Path, transport: Transport, starts: usize) -> Vec<ColdStart> {
    let certificate = Certificate::make();
    let event = Events::new(SHAPE).next();
    // The first one finds the files not yet in memory.
    start(binary, transport, &certificate, event.clone()).await;
    let mut measured = Vec::with_capacity(starts);
    for _ in 0..starts {
        measured.push(start(binary, transport, &certificate, event.clone()).await);
    }
    measured
}

async fn start(binary: &Path, transport: Transport, certificate: &Certificate, event: Bytes) -> ColdStart {
    let (backend, certificates) = match transport {
        Transport::Plain => (Backend::start(ROLE).await, None),
        Transport::Tls => (certificate.serve(ROLE).await, Some(certificate.trusted())),
    };
    let mut function = Function::start(binary, &backend, certificates, Some(event)).await;
    let answered = tokio::select! {
        answered = backend.first_write() => answered,
        // It may have posted its answer first, but it must have written before.
        () = function.answered() => backend.first_write().await,
    };
    ColdStart { wall: answered - function.started, cpu: process::cpu_time(function.process()) }
}
