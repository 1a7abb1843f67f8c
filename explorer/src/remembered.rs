//! The file with what the explorer remembers between starts. If it cannot be read, the explorer starts without it: the file is only
//! a convenience.

use crate::domain::decode::Recipe;
use crate::domain::fields::Columns;
use crate::domain::filter::History;
use crate::domain::remembered::Memory;
use crate::{private, user_folders};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file's contents.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Stored {
    /// Decoders by stream, as typed.
    decoders: BTreeMap<String, String>,
    /// Columns by stream, as they are typed.
    columns: BTreeMap<String, String>,
    /// The filter lines applied, the newest last.
    filters: Vec<String>,
    /// Whether the hints of the local system were put away.
    hides_hints: bool,
}

fn file() -> Option<PathBuf> {
    Some(user_folders::state()?.join("memory.json"))
}

/// What was remembered, as far as it can be read.
#[must_use]
pub fn load() -> Memory {
    file().map_or_else(Memory::default, |file| load_from(&file))
}

fn load_from(file: &Path) -> Memory {
    let stored: Stored = match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(file = %file.display(), %error, "cannot read remembered decoders and filters");
            Stored::default()
        }),
        Err(_) => Stored::default(),
    };
    let recipe = |(stream, steps): (String, String)| Some((stream, Recipe::parse(&steps).ok()?));
    let mut filters = History::default();
    stored.filters.iter().for_each(|line| filters.push(line));
    let columns = |(stream, line): (String, String)| Some((stream, Columns::parse(&line).ok()?));
    Memory {
        recipes: stored.decoders.into_iter().filter_map(recipe).collect(),
        columns: stored.columns.into_iter().filter_map(columns).collect(),
        filters,
        hides_hints: stored.hides_hints,
    }
}

/// Saves it for the next start. The file is replaced as a whole, so it is never half written.
///
/// # Errors
/// When it cannot be written.
pub fn save(memory: &Memory) -> io::Result<()> {
    let file = file().ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    save_to(memory, &file)
}

fn save_to(memory: &Memory, file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    private::own_folder(folder)?;
    let stored = Stored {
        decoders: memory.recipes.iter().map(|(stream, recipe)| (stream.clone(), recipe.to_string())).collect(),
        columns: memory.columns.iter().map(|(stream, columns)| (stream.clone(), columns.to_string())).collect(),
        filters: memory.filters.entries().to_vec(),
        hides_hints: memory.hides_hints,
    };
    private::replace(file, &serde_json::to_vec_pretty(&stored)?).map(|_| ())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/memory.json");
        let mut memory = Memory::default();
        memory.recipes.insert("orders".to_owned(), Recipe::parse("gzip > json").unwrap());
        memory.columns.insert("orders".to_owned(), Columns::parse("id customer.city").unwrap());
        memory.columns.insert("logs".to_owned(), Columns::parse("none").unwrap());
        memory.filters.push("key:cust-42 after:1h");
        memory.hides_hints = true;
        save_to(&memory, &file).unwrap();
        assert_eq!(load_from(&file), memory);
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.json");
        std::fs::write(&file, r#"{"decoders":{"orders":"gzip > nonsense","logs":"hex"},"columns":{"orders":"a b","logs":"a..b"},"filters":["text:paid"],"new":1}"#).unwrap();
        let memory = load_from(&file);
        assert_eq!(memory.recipes.keys().collect::<Vec<_>>(), ["logs"]);
        assert_eq!(memory.columns.keys().collect::<Vec<_>>(), ["orders"]);
        assert_eq!(memory.filters.entries(), ["text:paid"]);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(load_from(&file), Memory::default());
    }
}
