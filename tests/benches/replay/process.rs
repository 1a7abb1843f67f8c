//! This process's CPU time and peak memory, from Linux. Source: proc(5).

use std::path::Path;
use std::time::Duration;

/// Linux's clock ticks a second for CPU time. Source: sysconf(_SC_CLK_TCK), the same on all platforms that Rust supports.
const TICKS: f64 = 100.0;

/// CPU time so far, in the program and in the kernel, including ended threads: a run ends some.
///
/// # Panics
/// When this is not Linux.
pub(crate) fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("a name in parentheses").1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("ticks")).sum::<f64>();
    Duration::from_secs_f64(ticks / TICKS)
}

/// The peak of resident memory, in bytes.
///
/// # Panics
/// When this is not Linux.
pub(crate) fn peak_memory_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a process has a VmHWM");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("VmHWM is in kB");
    kibibytes * 1_024
}

/// Whether this system provides these values.
pub(crate) fn is_readable() -> bool {
    Path::new("/proc/self/stat").exists()
}
