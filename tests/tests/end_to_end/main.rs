//! The archiver end to end: records are put into Kinesis, delivered to the function, and found in DynamoDB. Every scenario runs
//! twice, through the library's handler and through the real binary; scenarios with faults in between use only the binary. Also the
//! explorer's command line, as its real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "what a test notes is our own")]

use end_to_end::function::Way;

/// Two tests of each scenario, one for each way to run the function.
macro_rules! in_both_ways {
    ($($scenario:ident),+ $(,)?) => {
        mod through_the_handler {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(crate::handler()).await;
            })+
        }
        mod through_the_binary {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(crate::binary()).await;
            })+
        }
    };
}

mod aggregates;
mod command_line;
mod compression;
mod counts;
mod documents;
mod event_source;
mod failures;
mod faults;
mod format;
mod large;
mod operations;
mod order;
mod replays;
mod reshard;
mod settings;
mod structure;
mod template;
mod terminal;
mod ttl;

/// Names a function binary other than the one built with these tests, such as the release's.
const BOOTSTRAP: &str = "END_TO_END_BOOTSTRAP";

fn handler() -> Way {
    Way::Handler
}

fn binary() -> Way {
    Way::Binary(std::env::var_os(BOOTSTRAP).unwrap_or_else(|| env!("CARGO_BIN_EXE_bootstrap-under-test").into()).into())
}
