//! The archiver's cost: its real binary as a child process, between a Lambda Runtime API and an AWS that both answer at once, so
//! that two commits can be compared. Run `cargo bench --workspace --bench archiver`; `-- --bootstrap PATH` measures another binary.
//! Compare processor time; wall time also depends on the other side. Linux only.

// If the setup or the function fails, a panic on the spot shows it best.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "its figures are our own")]

mod backend;
mod certificate;
mod cold_start;
mod events;
mod floor;
mod function;
mod machine;
mod measure;
mod options;
mod process;
mod report;
mod scenario;
mod units;

use crate::backend::{Backend, Role};
use crate::cold_start::Transport;
use crate::events::Events;
use crate::floor::{FLOORS, FloorProcess};
use crate::function::Function;
use crate::measure::{Cost, Effort, Worker};
use crate::options::Options;
use crate::scenario::{QUICK_SIZE, Scenario};
use axum::body::Bytes;
use clap::Parser as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, argument, rest @ ..] = arguments.as_slice()
        && argument == floor::ARGUMENT
    {
        floor::run(rest);
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    runtime.block_on(run(&options));
    ExitCode::SUCCESS
}

async fn run(options: &Options) {
    let binary = options.bootstrap.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_bootstrap-under-test")));
    report::print_header(&binary);
    report::print_columns();
    for scenario in scenario::scenarios() {
        let name = scenario.to_string();
        if options.includes(&name) && (!options.quick || scenario.shape.records == QUICK_SIZE) {
            report::print_cost(&name, &measure_scenario(&binary, scenario, options.effort()).await);
        }
    }
    for (index, floor) in FLOORS.iter().enumerate().filter(|(_, floor)| options.includes(floor.name)) {
        let backend = Backend::start(floor::ROLE).await;
        let mut process = FloorProcess::start(index, &backend);
        report::print_cost(floor.name, &measure::measure(&mut process, &backend, floor::RECORDS, options.effort()).await);
    }
    let transports = [Transport::Plain, Transport::Tls].into_iter().filter(|transport| options.includes(transport.name()));
    for (place, transport) in transports.enumerate() {
        if place == 0 {
            report::print_cold_columns();
        }
        let starts = cold_start::measure(&binary, transport, options.cold_starts()).await;
        report::print_cold_start(transport.name(), starts);
    }
}

/// In a separate process, so that its peak of memory is its own.
async fn measure_scenario(binary: &Path, scenario: Scenario, effort: Effort) -> Cost {
    let Scenario { mode, shape } = scenario;
    let backend = Backend::start(Role { mode, keys: shape.keys }).await;
    let function = Function::start(binary, &backend, None, None).await;
    let mut worker = ArchiverProcess { function, events: Events::new(shape), next: Bytes::new() };
    measure::measure(&mut worker, &backend, shape.records, effort).await
}

struct ArchiverProcess {
    function: Function,
    events: Events,
    next: Bytes,
}

impl Worker for ArchiverProcess {
    fn process(&self) -> u32 {
        self.function.process()
    }

    fn prepare(&mut self) {
        self.next = self.events.next();
    }

    async fn work(&mut self) {
        self.function.archive(std::mem::take(&mut self.next)).await;
    }
}
