//! `explorer config`: what is in force, and where it comes from.

use super::{CommandError, Output, output};
use crate::config::Config;
use crate::domain::failure::Failure;
use serde::Serialize;

/// A setting as JSON.
#[derive(Debug, Serialize)]
struct SettingJson {
    setting: String,
    value: String,
    from: String,
}

/// Prints the settings, and fails if something in them is wrong.
pub(super) fn run(config: &Config, output: Output) -> Result<(), CommandError> {
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let settings = config.settings().into_iter().map(|setting| SettingJson {
        setting: setting.name,
        value: setting.value,
        from: match (setting.set_by, &file) {
            (crate::config::SetBy::File, Some(file)) => file.clone(),
            (other, _) => other.to_string(),
        },
    });
    match output {
        Output::Json => settings.into_iter().try_for_each(|setting| output::print_json(&setting))?,
        Output::Table => {
            let headings = ["SETTING", "VALUE", "FROM"].map(str::to_owned);
            let rows: Vec<Vec<String>> = settings.map(|SettingJson { setting, value, from }| vec![setting, value, from]).collect();
            output::print_table(&headings, &rows)?;
        }
    }
    match config.mistakes.as_slice() {
        [] => Ok(()),
        mistakes => Err(Failure::refused("use the configuration", mistakes.join("; ")).into()),
    }
}
