//! The cost and speed of the explorer's reading. Its reader and its screens run in child processes, on an archive of a million
//! items, served by another child from prepared pages, and on the embedded emulator. A bare loop of the SDK reads the same segments
//! in alternation, so that the ratio is valid on a busy machine too. Run `cargo bench --workspace --bench explorer`. Linux only.

// If the setup or a reading fails, a panic on the spot shows it best.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "its figures are our own")]

mod child;
mod emulator;
mod first_rows;
mod items;
#[path = "../archiver/machine.rs"]
mod machine;
mod options;
mod pages;
#[path = "../archiver/process.rs"]
mod process;
mod report;
mod scans;
mod screen;
mod spread;
mod table;

use crate::child::{Server, Task};
use crate::options::Options;
use crate::table::Table;
use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(task) = Task::of(&arguments) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
        runtime.block_on(task.run());
        runtime.shutdown_background();
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    if options.is_no_measurement() {
        return ExitCode::SUCCESS;
    }
    if !process::is_readable() {
        eprintln!("cannot measure here: /proc/<process>/schedstat is missing; this benchmark needs Linux");
        return ExitCode::FAILURE;
    }
    run(&options);
    ExitCode::SUCCESS
}

fn run(options: &Options) {
    machine::print();
    println!("build   {}", if cfg!(debug_assertions) { "debug: the figures say nothing" } else { "release" });
    for (server, items) in [(Server::Pages, options.items()), (Server::Emulator, options.emulator_items())] {
        if !options.asks_for(server.name()) {
            continue;
        }
        let running = server.start(items);
        let table = Table { url: running.url().to_owned(), items };
        println!();
        println!("{}: {items} items of {} B", server.name(), items::ITEM_BYTES);
        if options.includes(server.name(), "scan") {
            let rounds = options.rounds(server);
            report::print_scans(&child::measure(&Task::Scans { table: table.clone(), rounds }));
        }
        if options.includes(server.name(), "first rows") {
            report::print_first_rows(&child::measure(&Task::FirstRows { table: table.clone(), rounds: options.first_rows() }));
        }
        if server == Server::Pages && options.includes(server.name(), "screen") {
            let screens: Vec<_> = (0..options.screens()).map(|_| child::measure(&Task::Screen { table: table.clone() })).collect();
            report::print_screens(&screens);
        }
    }
}
