//! What has happened (messages) and what is to be done (effects). Every question carries an id, so that an answer that nobody
//! waits for any more can be told from the one that is wanted.

use crate::domain::archive::StreamOverview;
use crate::domain::configuration::{Call, Plan, Wanted};
use crate::domain::failure::Failure;
use crate::domain::page::{Page, PageQuery, StreamCursor, StreamPage};
use crate::domain::payload::NoPayload;
use crate::domain::record::Record;
use crate::domain::replay::{Ending, Impossible, Progress, ReplayOrder};
use archiver::stream::StreamName;
use crossterm::event::KeyEvent;
use jiff::Timestamp;
use std::sync::Arc;

/// A question to which an answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// A replay started in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplayId(pub u64);

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed.
    KeyPressed(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// The terminal has so many columns and rows.
    Resized(u16, u16),
    /// It is this time; told about once a second.
    Ticked(Timestamp),
    /// A page of stream names.
    StreamsListed {
        /// Which question this answers.
        request: RequestId,
        /// The page.
        result: Result<StreamPage, Failure>,
    },
    /// What is known of one stream.
    StreamRead {
        /// Which question this answers.
        request: RequestId,
        /// Which stream.
        stream: StreamName,
        /// What is known.
        result: Result<Box<StreamOverview>, Failure>,
    },
    /// A page of an archive.
    PageRead {
        /// Which question this answers.
        request: RequestId,
        /// The page.
        result: Result<Page, Failure>,
    },
    /// The payload of a record in parts.
    PayloadRead {
        /// Which question this answers.
        request: RequestId,
        /// Its bytes.
        result: Result<Vec<u8>, NoPayload>,
    },
    /// The calls that would configure a stream.
    ConfigurationPlanned {
        /// Which question this answers.
        request: RequestId,
        /// The plan.
        result: Result<Plan, Failure>,
    },
    /// One call of a plan was made.
    CallMade {
        /// Which plan.
        request: RequestId,
        /// What it came to.
        result: Result<(), Failure>,
    },
    /// A replay got so far.
    ReplayProgressed {
        /// Which replay.
        replay: ReplayId,
        /// How far.
        progress: Progress,
    },
    /// A replay has ended; its last message.
    ReplayEnded {
        /// Which replay.
        replay: ReplayId,
        /// How.
        ending: Ending,
        /// How far it came.
        progress: Progress,
        /// What could never be put.
        impossible: Vec<Impossible>,
    },
    /// The program was asked to end from outside.
    Terminated,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read a page of stream names.
    ListStreams {
        /// The question's id.
        request: RequestId,
        /// Where the page begins.
        from: Option<StreamCursor>,
    },
    /// Read what is known of a stream.
    ReadStream {
        /// The question's id.
        request: RequestId,
        /// Which stream.
        stream: StreamName,
    },
    /// Read a page of an archive.
    ReadPage {
        /// The question's id.
        request: RequestId,
        /// Which page.
        query: PageQuery,
    },
    /// Read the payload of a record in parts.
    ReadPayload {
        /// The question's id.
        request: RequestId,
        /// The stream whose archive holds it.
        stream: StreamName,
        /// The record.
        record: Arc<Record>,
    },
    /// Find out which calls would configure a stream.
    PlanConfiguration {
        /// The question's id.
        request: RequestId,
        /// The stream as it is.
        stream: Box<StreamOverview>,
        /// What it should be.
        wanted: Wanted,
    },
    /// Make the calls, one after the other, until one fails.
    MakeCalls {
        /// The plan's id.
        request: RequestId,
        /// The calls.
        calls: Vec<Call>,
    },
    /// Start a replay.
    StartReplay {
        /// Its id.
        replay: ReplayId,
        /// What it is to do.
        order: Box<ReplayOrder>,
    },
    /// End a replay before its end.
    CancelReplay(ReplayId),
}
