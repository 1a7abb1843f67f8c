//! The command line's options.

use crate::measure::Effort;
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures the archiver's cost, with its real binary and an AWS that answers at once.
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
    /// Passed by tools that only list tests.
    #[arg(long, hide = true)]
    pub(crate) list: bool,
    /// Passed by tools that only try benchmarks.
    #[arg(long, hide = true)]
    pub(crate) test: bool,
}

impl Options {
    /// Whether this was started by `cargo test` or a similar tool, rather than by `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether the row is selected.
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
