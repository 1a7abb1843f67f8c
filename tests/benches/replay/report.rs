//! The report: plain text with fixed widths, so that two runs can be compared side by side.

use crate::archive::PAYLOAD_BYTES;
use serde_json::Value;

const BYTES_PER_MEGABYTE: f64 = 1_000_000.0;
/// Target for a run into a target that answers at once: records a second without an order, and with the order of keys.
const ASKED_WITHOUT_ORDER: f64 = 100_000.0;
const ASKED_WITH_ORDER: f64 = 60_000.0;
/// Target for its CPU time for 1,000 records, in ms.
const ASKED_CPU: f64 = 10.0;
/// Targets for the time from the end of reading to the preflight, in seconds, and for the memory, in MB.
const ASKED_PREFLIGHT: f64 = 2.0;
const ASKED_MEMORY: f64 = 100.0;
/// Target for the share of all shards' limits, and a shard's limit a second.
const ASKED_SHARE: f64 = 0.95;
const SHARD_RECORDS: f64 = 1_000.0;

fn number(measured: &Value, name: &str) -> f64 {
    measured[name].as_f64().unwrap_or_else(|| panic!("no {name} in {measured}"))
}

fn line(name: &str, value: String, asked: &str) {
    println!("{name:44} {value:>14}   {asked}");
}

/// The result of [`crate::measure::plan`].
pub(crate) fn print_plan(measured: &Value) {
    let records = number(measured, "records");
    println!();
    println!("plan of {records:.0} records of {PAYLOAD_BYTES} B, 10,000 keys, 4 shards");
    let (alone, reading) = (records / number(measured, "reading alone"), records / number(measured, "reading"));
    line("reading alone, records/s", format!("{alone:.0}"), "");
    line("reading into a plan, records/s", format!("{reading:.0}"), "");
    line("  of reading alone", format!("{:.2}", reading / alone), "");
    line("CPU ms for 1,000 records, reading included", format!("{:.2}", number(measured, "cpu") * 1e6 / records), "");
    let after = number(measured, "sorting") + number(measured, "preflight");
    line("end of reading to a plan in order, s", format!("{:.2}", number(measured, "sorting")), "");
    line("end of reading to the preflight, s", format!("{after:.2}"), &format!("asked <={ASKED_PREFLIGHT:.0}"));
    let memory = format!("{:.0}", number(measured, "peak") / BYTES_PER_MEGABYTE);
    line("peak memory, MB", memory, &format!("asked <{ASKED_MEMORY:.0}"));
    line("bytes of the file for a record", format!("{:.0}", number(measured, "file") / records), "");
}

/// The results of [`crate::measure::run`].
pub(crate) fn print_runs(name: &str, runs: &[Value]) {
    let asked = if name.contains("none") { ASKED_WITHOUT_ORDER } else { ASKED_WITH_ORDER };
    println!();
    println!("run of {:.0} records into a target that answers at once, {name}, {} runs", number(&runs[0], "records"), runs.len());
    let spread = |figure: &dyn Fn(&Value) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
    };
    let (rate, least, most) = spread(&|run| number(run, "records") / number(run, "seconds"));
    line("records/s, preparing included", format!("{rate:.0}"), &format!("asked >={asked:.0}   ({least:.0}-{most:.0})"));
    let (sending, _, _) = spread(&|run| number(run, "records") / number(run, "sending"));
    line("records/s from the first batch on", format!("{sending:.0}"), "");
    let (cpu, least, most) = spread(&|run| number(run, "cpu") * 1e6 / number(run, "records"));
    line("CPU ms for 1,000 records", format!("{cpu:.2}"), &format!("asked <={ASKED_CPU:.0}   ({least:.2}-{most:.2})"));
    let (_, _, peak) = spread(&|run| number(run, "peak") / BYTES_PER_MEGABYTE);
    line("peak memory, plan included, MB", format!("{peak:.0}"), &format!("asked <{ASKED_MEMORY:.0}"));
}

/// The result of [`crate::measure::run`] with limits.
pub(crate) fn print_limited(run: &Value, shards: u32) {
    println!();
    println!("run of {:.0} records into {shards} shards with Kinesis' limits, rate 100%", number(run, "records"));
    let rate = number(run, "records") / number(run, "sending");
    line("records/s", format!("{rate:.0}"), "");
    // The shard with the most records; the others finish earlier.
    let busiest = number(run, "busiest shard") / number(run, "sending") / SHARD_RECORDS;
    line("busiest shard, of its limit", format!("{busiest:.3}"), &format!("asked >={ASKED_SHARE}"));
    line("throttled puts", format!("{:.0}", number(run, "throttled")), "asked 0");
}
