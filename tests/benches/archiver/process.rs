//! A process's CPU time and peak memory, from Linux. Source: proc(5).

use std::path::Path;
use std::time::Duration;

/// CPU time of a process's threads, in the program and in the kernel. Ended threads do not count; the archiver's one thread stays.
///
/// # Panics
/// When the process is gone.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let nanoseconds = threads.map(|thread| on_cpu_nanoseconds(&thread.expect("a thread").path())).sum();
    Duration::from_nanos(nanoseconds)
}

fn on_cpu_nanoseconds(thread: &Path) -> u64 {
    // A thread may end between the listing and the reading.
    let Ok(schedstat) = std::fs::read_to_string(thread.join("schedstat")) else { return 0 };
    let on_cpu = schedstat.split_whitespace().next().expect("schedstat begins with the time on CPU");
    on_cpu.parse().expect("nanoseconds")
}

/// The peak of a process' resident memory, in bytes.
///
/// # Panics
/// When the process is gone.
pub(crate) fn peak_memory_bytes(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a process has a VmHWM");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("VmHWM is in kB");
    kibibytes * 1_024
}

/// Whether this system provides these values.
pub(crate) fn is_readable() -> bool {
    Path::new("/proc/self/schedstat").exists()
}
