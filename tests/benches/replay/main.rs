//! The cost of a replay: planning a million records from an archive of prepared pages, and running the plan into a target that
//! answers at once, including plan and journal; and running at full rate into the emulator with Kinesis' limits. Servers and
//! measured parts are separate processes. Run `cargo bench --workspace --bench replay`. Linux only.

// If the setup or the replay fails, a panic on the spot shows it best.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "its figures are our own")]

mod archive;
mod child;
#[path = "../archiver/machine.rs"]
mod machine;
mod measure;
mod options;
mod process;
mod report;
mod target;

use crate::child::Task;
use crate::options::Options;
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
        eprintln!("cannot measure here: /proc/self/stat is missing; this benchmark needs Linux");
        return ExitCode::FAILURE;
    }
    machine::print();
    println!("build   {}", if cfg!(debug_assertions) { "debug: the figures say nothing" } else { "release" });
    if options.includes("answer at once") {
        let server = Task::ServeAnswers { records: options.records() }.start();
        report::print_plan(&child::measure(&Task::Plan { urls: server.urls(), records: options.records() }));
        for (name, sequence) in [("order none", "none"), ("order key", "key")] {
            let task = Task::Run { urls: server.urls(), records: options.records(), sequence, rate: "max" };
            let runs: Vec<_> = (0..options.rounds()).map(|_| child::measure(&task)).collect();
            report::print_runs(name, &runs);
        }
    }
    if options.includes("limits") {
        let records = options.limited_records();
        let server = Task::ServeLimits { records }.start();
        let task = Task::Run { urls: server.urls(), records, sequence: "key", rate: "100%" };
        report::print_limited(&child::measure(&task), target::LIMITED_SHARDS);
    }
    ExitCode::SUCCESS
}
