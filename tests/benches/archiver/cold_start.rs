//! The time from the start of the process until DynamoDB has answered its first write, over plain http and over TLS as on Lambda.

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
    /// As on Lambda: loads the system's certificates and opens two connections.
    Tls,
}

/// One start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColdStart {
    /// From just before the process was started to the answer of the first write.
    pub(crate) wall: Duration,
    /// The process's CPU time until then, or a moment later.
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

/// Starts the binary this many times.
pub(crate) async fn measure(binary: &Path, transport: Transport, starts: usize) -> Vec<ColdStart> {
    let certificate = Certificate::make();
    let event = Events::new(SHAPE).next();
    // The first start loads the files into memory.
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
        // The answer may have been posted earlier, but only after a write.
        () = function.answered() => backend.first_write().await,
    };
    ColdStart { wall: answered - function.started, cpu: process::cpu_time(function.process()) }
}
