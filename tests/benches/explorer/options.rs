//! What the command line asks for.

use crate::child::Server;
use clap::Parser;

/// Measures what the explorer's reading costs, and how soon it shows.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --workspace --bench explorer --")]
pub(crate) struct Options {
    /// A few repetitions.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only what contains this text: pages scan, pages first rows, pages screen, emulator scan, emulator first rows.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Items of the archive of ready-made pages; a million unless said otherwise.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) items: Option<usize>,
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

/// What can be measured of an archive.
const PARTS: [&str; 3] = ["scan", "first rows", "screen"];

impl Options {
    /// Whether `cargo test` or its like has started this, and not `cargo bench`.
    pub(crate) fn is_no_measurement(&self) -> bool {
        !self.bench || self.list || self.test
    }

    /// Whether this part is asked for of this server.
    pub(crate) fn includes(&self, server: &str, part: &str) -> bool {
        self.only.as_deref().is_none_or(|text| format!("{server} {part}").contains(text))
    }

    /// Whether anything is asked for of this server.
    pub(crate) fn asks_for(&self, server: &str) -> bool {
        PARTS.iter().any(|part| self.includes(server, part))
    }

    /// Items of the ready-made pages.
    pub(crate) fn items(&self) -> usize {
        self.items.unwrap_or(1_000_000)
    }

    /// Items of the emulator's table, which takes a while to fill.
    pub(crate) fn emulator_items(&self) -> usize {
        if self.quick { 20_000 } else { 100_000 }
    }

    /// Rounds in which every way of reading has its turn.
    pub(crate) fn rounds(&self, server: Server) -> usize {
        match (self.quick, server) {
            (true, _) => 3,
            (false, Server::Pages) => 9,
            (false, Server::Emulator) => 3,
        }
    }

    /// Readings of which the first rows are awaited.
    pub(crate) fn first_rows(&self) -> usize {
        if self.quick { 10 } else { 50 }
    }

    /// Screens one after the other, each in a process of its own.
    pub(crate) fn screens(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}
