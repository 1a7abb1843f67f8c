//! What the command line asks for.

use crate::measure::Effort;
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures what the archiver costs, with its real binary and an AWS that answers at once.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --workspace --bench archiver --")]
pub(crate) struct Options {
    /// The function's binary, if not the one of this workspace.
    #[arg(long, value_name = "PATH")]
    pub(crate) bootstrap: Option<PathBuf>,
    /// A few repetitions, and batches of 1,000 records only.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only rows whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
    /// Given by what only looks for tests.
    #[arg(long, hide = true)]
    pub(crate) list: bool,
    /// Given by what only tries benchmarks.
    #[arg(long, hide = true)]
    pub(crate) test: bool,
}

impl Options {
    /// Whether `cargo test` or its like has started this, and not `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether the row is asked for.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|text| name.contains(text))
    }

    /// How long a row is measured.
    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            Effort { rounds: 3, cpu: Duration::from_millis(200), batches: 100, warm_up: 2 }
        } else {
            Effort { rounds: 5, cpu: Duration::from_millis(700), batches: 3_000, warm_up: 3 }
        }
    }

    /// Process starts for a row of the cold start.
    pub(crate) fn cold_starts(&self) -> usize {
        if self.quick { 5 } else { 20 }
    }
}
