//! The facts about the machine in a report.

use std::process::Command;

/// Prints the commit and the processors.
pub(crate) fn print() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("commit  {}", commit().unwrap_or_else(|| "unknown".to_owned()));
    println!("cpu     {cores} x {}", cpu_model().unwrap_or_else(|| "unknown".to_owned()));
}

fn commit() -> Option<String> {
    let mut git = Command::new("git");
    let output = git.args(["rev-parse", "--short", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu_model() -> Option<String> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    model.split_once(':').map(|(_, name)| name.trim().to_owned())
}
