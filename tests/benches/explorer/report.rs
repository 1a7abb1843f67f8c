//! The report: plain text with fixed widths, so that two runs can be compared side by side.

use crate::scans::WAYS;
use crate::spread::Spread;
use serde_json::Value;

/// Width of a row's name.
const NAME_WIDTH: usize = 36;
const BYTES_PER_MEGABYTE: f64 = 1_000_000.0;
/// Target for a filtered scan, as a share of the bare loop's rate.
const ASKED_RATIO: f64 = 0.90;
/// Targets for the first rows, a lookup and a key's frame, in ms.
const ASKED_FIRST_ROWS: f64 = 150.0;
const ASKED_LOOK_UP: f64 = 20.0;
const ASKED_FRAME: f64 = 16.0;
/// Target for a screen's memory, in MB.
const ASKED_MEMORY: f64 = 120.0;

/// The result of [`crate::scans::measure`].
pub(crate) fn print_scans(measured: &Value) {
    println!();
    println!("{:NAME_WIDTH$} {:>9} {:>17} {:>9} {:>9} {:>7} {:>7}", "whole table", "items/s", "min-max", "CPU ms", "", "", "");
    println!("{:NAME_WIDTH$} {:>9} {:>17} {:>9} {:>9} {:>7} {:>7}", "", "median", "", "/1,000", "CPU/bare", "of bare", "asked");
    let rounds = |way: usize, figure: usize| {
        measured[way].as_array().expect("rounds").iter().map(move |round| round[figure].as_f64().expect("a number"))
    };
    for (way, (name, filter)) in WAYS.iter().enumerate() {
        let (rates, cpu) = (Spread::of(rounds(way, 0)), Spread::of(rounds(way, 1)));
        // Compared with the bare loop of the same round, because the machine's speed varies.
        let ratio = |figure: usize| Spread::of(rounds(way, figure).zip(rounds(0, figure)).map(|(own, bare)| own / bare)).median();
        let asked = filter.filter(|filter| !filter.is_empty()).map(|_| format!(">={ASKED_RATIO:.2}")).unwrap_or_default();
        println!(
            "{name:NAME_WIDTH$} {:>9.0} {:>17} {:>9.2} {:>9.2} {:>7.2} {asked:>7}",
            rates.median(),
            format!("{:.0}-{:.0}", rates.least(), rates.most()),
            cpu.median(),
            ratio(1),
            ratio(0),
        );
    }
}

/// The result of [`crate::first_rows::measure`].
pub(crate) fn print_first_rows(measured: &Value) {
    print_time_columns("until something is there");
    for (name, asked) in [
        ("first rows, new connection", ASKED_FIRST_ROWS),
        ("first rows", ASKED_FIRST_ROWS),
        ("rows of one key", ASKED_LOOK_UP),
        ("one record by key", ASKED_LOOK_UP),
    ] {
        print_times(name, &Spread::of_json(&measured[name]), Some(asked));
    }
}

/// The results of [`crate::screen::measure`].
pub(crate) fn print_screens(screens: &[Value]) {
    let all = |name: &str| {
        Spread::of(screens.iter().flat_map(|screen| match &screen[name] {
            Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
            value => value.as_f64().into_iter().collect::<Vec<_>>(),
        }))
    };
    print_time_columns("screen of 120x40 while all is read");
    print_times("opened, to the first rows drawn", &all("first rows"), Some(ASKED_FIRST_ROWS));
    print_times("key to its frame", &all("keys"), Some(ASKED_FRAME));
    print_times("key to the row under the cursor", &all("rows"), None);
    print_times("a frame, taking in and drawing", &all("frames"), Some(ASKED_FRAME));
    print_times("drawing alone, 1,000 rows", &all("frame, few"), None);
    print_times("drawing alone, all rows", &all("frame, all"), None);
    println!();
    println!("{:NAME_WIDTH$} {:>9} {:>9} {:>9} {:>7}", "screen in all", "median", "", "max", "asked");
    let print = |name: &str, values: &Spread, scale: f64, asked: &str| {
        println!("{name:NAME_WIDTH$} {:>9.1} {:>9} {:>9.1} {asked:>7}", values.median() / scale, "", values.most() / scale);
    };
    print("reading all, s", &all("read time"), 1.0, "");
    print("peak memory of the first 5,000, MB", &all("peak before"), BYTES_PER_MEGABYTE, "");
    print("peak memory in all, MB", &all("peak"), BYTES_PER_MEGABYTE, &format!("<{ASKED_MEMORY:.0}"));
    print("CPU in 2 idle seconds, ms", &all("idle CPU"), 1.0, "~0");
}

fn print_time_columns(title: &str) {
    println!();
    println!("{title:NAME_WIDTH$} {:>9} {:>9} {:>9} {:>7} {:>7}", "median ms", "p99 ms", "max ms", "asked", "of");
}

fn print_times(name: &str, times: &Spread, asked: Option<f64>) {
    let asked = asked.map(|asked| format!("<={asked:.0}")).unwrap_or_default();
    println!("{name:NAME_WIDTH$} {:>9.2} {:>9.2} {:>9.2} {asked:>7} {:>7}", times.median(), times.p99(), times.most(), times.len());
}
