//! What the command line asks for.

use clap::Parser;

/// Measures what a replay costs.
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
    /// Given by what only looks for tests.
    #[arg(long, hide = true)]
    list: bool,
    /// Given by what only tries benchmarks.
    #[arg(long, hide = true)]
    test: bool,
}

impl Options {
    /// Whether `cargo test` or its like has started this, and not `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether this part is asked for.
    pub(crate) fn includes(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|text| part.contains(text))
    }

    /// Records of the plan.
    pub(crate) fn records(&self) -> usize {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    /// Records that are sent at the rate of two shards.
    pub(crate) fn limited_records(&self) -> usize {
        if self.quick { 10_000 } else { 60_000 }
    }

    /// Runs of each kind.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}
