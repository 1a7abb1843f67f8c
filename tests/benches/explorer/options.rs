//! The command line's options.

use crate::child::Server;
use clap::Parser;

/// Measures the explorer's reading: its cost, and how soon rows appear.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --workspace --bench explorer --")]
pub(crate) struct Options {
    /// A few repetitions.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only what contains this text: pages scan, pages first rows, pages screen, emulator scan, emulator first rows.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Items in the archive of prepared pages; default is a million.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) items: Option<usize>,
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

/// The measurements on an archive.
const PARTS: [&str; 3] = ["scan", "first rows", "screen"];

impl Options {
    /// Whether this was started by `cargo test` or a similar tool, rather than by `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether this measurement is selected for this server.
    pub(crate) fn includes(&self, server: &str, part: &str) -> bool {
        self.only.as_deref().is_none_or(|text| format!("{server} {part}").contains(text))
    }

    /// Whether any measurement is selected for this server.
    pub(crate) fn asks_for(&self, server: &str) -> bool {
        PARTS.iter().any(|part| self.includes(server, part))
    }

    /// Items in the prepared pages.
    pub(crate) fn items(&self) -> usize {
        self.items.unwrap_or(1_000_000)
    }

    /// Items of the emulator's table, which takes a while to fill.
    pub(crate) fn emulator_items(&self) -> usize {
        if self.quick { 20_000 } else { 100_000 }
    }

    /// Rounds; each way of reading runs once in each.
    pub(crate) fn rounds(&self, server: Server) -> usize {
        match (self.quick, server) {
            (true, _) => 3,
            (false, Server::Pages) => 9,
            (false, Server::Emulator) => 3,
        }
    }

    /// Readings whose first rows are timed.
    pub(crate) fn first_rows(&self) -> usize {
        if self.quick { 10 } else { 50 }
    }

    /// Screens to measure, each in a separate process.
    pub(crate) fn screens(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}
