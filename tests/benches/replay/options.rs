//! The command line's options.

use clap::Parser;

/// Measures the cost of a replay.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --workspace --bench replay --")]
pub(crate) struct Options {
    /// One round of a tenth of the records.
    #[arg(long)]
    quick: bool,
    /// Only what contains this text: answer at once, limits.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Passed by tools that only list tests.
    #[arg(long, hide = true)]
    list: bool,
    /// Passed by tools that only try benchmarks.
    #[arg(long, hide = true)]
    test: bool,
}

impl Options {
    /// Whether this was started by `cargo test` or a similar tool, rather than by `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether this measurement is selected.
    pub(crate) fn includes(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|text| part.contains(text))
    }

    /// Records in the plan.
    pub(crate) fn records(&self) -> usize {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    /// Records to send at the rate of two shards.
    pub(crate) fn limited_records(&self) -> usize {
        if self.quick { 10_000 } else { 60_000 }
    }

    /// Runs of each kind.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}
