//! Says which version this is, for `explorer --version`: with the commit in a release build of a clone. Other builds would be made anew
//! with each commit for nothing but that. Whoever builds from an archive of the sources can set `EXPLORER_COMMIT`.

#![allow(clippy::disallowed_macros, reason = "what a build script prints goes to cargo")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=EXPLORER_COMMIT");
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = variable("EXPLORER_COMMIT").or_else(|| is_release().then(commit).flatten());
    let version = commit.map_or(version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=EXPLORER_VERSION={version}");
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_release() -> bool {
    variable("PROFILE").is_some_and(|profile| profile == "release")
}

/// The commit of this clone and its day. `None` without git, and in a folder that is not a clone of this repository.
fn commit() -> Option<String> {
    // In somebody else's clone that has a copy of these sources, the commit would be theirs.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // A file that is not there would have this run every time.
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["show", "--no-patch", "--format=%h %cs", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
