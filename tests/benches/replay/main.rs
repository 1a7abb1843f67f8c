//! What a replay costs: a plan of a million records, from an archive of ready-made pages, and its runs into a target that answers at
//! once, plan and journal included; and at full rate into the emulator with Kinesis' limits. Servers and what is measured are
//! processes of their own. Started by `cargo bench --workspace --bench replay`. Linux only.

// A benchmark that cannot be set up, or whose replay fails, ends best where it happens.
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
