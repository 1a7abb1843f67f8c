//! The report: plain text with fixed widths, so that two runs can be compared side by side.

use crate::cold_start::ColdStart;
use crate::machine;
use crate::measure::Cost;
use std::path::Path;
use std::time::Duration;

/// Width of a row's name.
const NAME_WIDTH: usize = 36;
const BYTES_PER_MEGABYTE: usize = 1_000_000;

/// Prints what is measured, and on which machine.
pub(crate) fn print_header(binary: &Path) {
    machine::print();
    let size_bytes = std::fs::metadata(binary).unwrap_or_else(|error| panic!("{}: {error}", binary.display())).len();
    println!("binary  {}, {size_bytes} bytes", binary.display());
}

/// The names of the columns.
pub(crate) fn print_columns() {
    println!();
    println!(
        "{:NAME_WIDTH$} {:>9} {:>17} {:>9} {:>8} {:>10} {:>7} {:>8}",
        "", "CPU ms", "", "wall ms", "requests", "bytes", "units", "peak MB"
    );
    println!(
        "{:NAME_WIDTH$} {:>9} {:>17} {:>9} {:>8} {:>10} {:>7} {:>8}",
        "batches, warm", "/1,000", "min-max", "/batch", "/batch", "/batch", "/batch", ""
    );
}

/// A row.
pub(crate) fn print_cost(name: &str, cost: &Cost) {
    let (least, most) = cost.cpu_range;
    println!(
        "{name:NAME_WIDTH$} {:>9} {:>17} {:>9} {:>8} {:>10} {:>7} {:>8}",
        milliseconds(cost.cpu),
        format!("{}-{}", milliseconds(least), milliseconds(most)),
        milliseconds(cost.wall),
        cost.counts.requests,
        cost.counts.bytes,
        cost.counts.write_units,
        cost.peak_memory_bytes.div_ceil(BYTES_PER_MEGABYTE),
    );
}

/// The names of a cold start's columns.
pub(crate) fn print_cold_columns() {
    println!();
    println!("{:NAME_WIDTH$} {:>9} {:>17} {:>9}", "", "wall ms", "", "CPU ms");
    println!("{:NAME_WIDTH$} {:>9} {:>17} {:>9}", "process start to first write", "median", "min-max", "median");
}

/// A row of a cold start.
pub(crate) fn print_cold_start(name: &str, mut starts: Vec<ColdStart>) {
    let middle = starts.len() / 2;
    starts.sort_unstable_by_key(|start| start.cpu);
    let cpu = starts[middle].cpu;
    starts.sort_unstable_by_key(|start| start.wall);
    println!(
        "{name:NAME_WIDTH$} {:>9} {:>17} {:>9}",
        milliseconds(starts[middle].wall),
        format!("{}-{}", milliseconds(starts[0].wall), milliseconds(starts[starts.len() - 1].wall)),
        milliseconds(cpu),
    );
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1_000.0)
}
