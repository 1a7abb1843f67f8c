//! The program `explorer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    explorer::run()
}
