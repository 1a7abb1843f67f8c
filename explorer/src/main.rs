//! The program `explorer`.
fn main() {}
