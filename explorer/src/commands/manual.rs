//! `explorer completions` and `explorer man`: what shells and manuals know of the commands.

use super::definition::definition;
use super::{CommandError, output};
use crate::domain::failure::Failure;
use crate::domain::text::counted;
use clap::Args;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Which shell.
#[derive(Args, Clone, Debug)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Where to.
#[derive(Args, Clone, Debug)]
pub(super) struct ManArguments {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Prints the script that completes commands and options.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut definition(), "explorer", &mut script);
    output::write_payload(&script)
}

/// Prints the page of the program, or writes those of all commands.
pub(super) fn man(arguments: &ManArguments) -> Result<(), CommandError> {
    match &arguments.dir {
        Some(folder) => write_pages(folder),
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(definition()).render(&mut page);
            rendered.map_err(|source| CommandError::Io { operation: "make the page", source })?;
            output::write_payload(&page)
        }
    }
}

fn write_pages(folder: &Path) -> Result<(), CommandError> {
    let failed = |source: std::io::Error| Failure::refused(format!("write pages into {}", folder.display()), source.to_string());
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(definition(), folder).map_err(failed)?;
    let is_page = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with("explorer") && name.ends_with(".1"));
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let pages = entries.filter_map(Result::ok).filter(|entry| is_page(&entry.file_name())).count();
    output::print(&format!("{} in {}", counted(pages as u64, "page", "pages"), folder.display()))
}
