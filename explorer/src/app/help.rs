//! The help: the keys from their table, laid out for the terminal's size.

use super::keymap::{BINDINGS, Context};
use super::model::Model;
use crate::domain::text::{fitted, pieces, wrapped};

/// Columns of the widest help, with its frame.
const MOST_COLUMNS: u16 = 100;
/// Columns for the names of keys, with blanks around them.
const KEY_COLUMNS: usize = 20;
/// Columns for descriptions; if there are fewer, descriptions go below the names.
const MIN_SENTENCE_COLUMNS: usize = 24;

/// The help, laid out for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// All its rows.
    pub rows: Vec<HelpRow>,
    /// How many of them fit.
    pub height: usize,
    /// Its columns, with its frame.
    pub columns: u16,
}

/// A row of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpRow {
    /// A group's heading.
    Heading(String),
    /// Keys and their description; either may continue the row above.
    Keys(String, String),
    /// Other text.
    Text(String),
}

impl Help {
    /// The help for the top screen: its own keys, then those of every screen, then the rest.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let (columns, rows) = model.size;
        let columns = columns.min(MOST_COLUMNS);
        let inner = usize::from(columns.saturating_sub(2));
        // A free row above and below shows that it covers something.
        let height = usize::from(rows.saturating_sub(4)).max(1);
        Self { rows: rows_of(model, inner), height, columns }
    }

    /// The first visible row at this scroll position.
    #[must_use]
    pub fn first(&self, scroll: usize) -> usize {
        scroll.min(self.last_first())
    }

    /// The first visible row when the last one is visible.
    #[must_use]
    pub fn last_first(&self) -> usize {
        self.rows.len().saturating_sub(self.height)
    }
}

fn rows_of(model: &Model, columns: usize) -> Vec<HelpRow> {
    let mut contexts = model.screen_contexts();
    contexts.extend(Context::ALL);
    let mut shown: Vec<Context> = Vec::new();
    let mut rows = Vec::new();
    if let Some(local) = &model.session.local {
        rows.push(HelpRow::Heading("The AWS CLI works against this local system".to_owned()));
        for command in [
            format!("aws kinesis list-streams --endpoint-url {}", local.kinesis),
            format!("aws dynamodb list-tables --endpoint-url {}", local.dynamodb),
        ] {
            rows.extend(pieces(&command, columns.saturating_sub(2)).into_iter().map(|piece| HelpRow::Text(format!("  {piece}"))));
        }
        rows.push(HelpRow::Text(String::new()));
    }
    for context in contexts {
        if shown.contains(&context) {
            continue;
        }
        shown.push(context);
        rows.push(HelpRow::Heading(context.heading().to_owned()));
        for binding in BINDINGS.iter().filter(|binding| binding.context == context) {
            rows.extend(rows_of_keys(&binding.key_names(), binding.help, columns));
        }
        rows.push(HelpRow::Text(String::new()));
    }
    rows.pop();
    rows
}

fn rows_of_keys(keys: &str, sentence: &str, columns: usize) -> Vec<HelpRow> {
    let names = |text: &str| fitted(&format!("  {text}"), KEY_COLUMNS);
    let room = columns.saturating_sub(KEY_COLUMNS);
    if room < MIN_SENTENCE_COLUMNS {
        let below = wrapped(sentence, columns.saturating_sub(4)).into_iter();
        let keys = HelpRow::Keys(format!("  {keys}"), String::new());
        return std::iter::once(keys).chain(below.map(|row| HelpRow::Keys("    ".to_owned(), row))).collect();
    }
    let mut names = Some(names(keys)).into_iter();
    let name = |names: &mut std::option::IntoIter<String>| names.next().unwrap_or_else(|| " ".repeat(KEY_COLUMNS));
    wrapped(sentence, room).into_iter().map(|row| HelpRow::Keys(name(&mut names), row)).collect()
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;
    use crate::app::tests::fixtures::{local_addresses, model_with_streams, press};
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn the_last_key_of_the_help_can_be_scrolled_into_view_at_every_size() {
        for (columns, rows) in [(40, 10), (60, 15), (80, 24), (100, 30), (120, 40), (200, 60)] {
            let mut model = model_with_streams(columns, rows);
            model.session.local = Some(local_addresses());
            press(&mut model, "?");
            for _ in 0..500 {
                press(&mut model, "down");
            }
            let help = Help::of(&model);
            let Some(crate::app::model::Overlay::Help(scroll)) = model.overlay else { panic!("it is closed") };
            assert_eq!(scroll, help.last_first(), "{columns}x{rows}");
            let shown: Vec<&HelpRow> = help.rows.iter().skip(help.first(scroll)).take(help.height).collect();
            assert_eq!(shown.last(), help.rows.iter().collect::<Vec<_>>().last(), "{columns}x{rows}");
            press(&mut model, "up");
            assert_ne!(model.overlay, Some(crate::app::model::Overlay::Help(scroll)), "scrolling beyond the end is not remembered");
        }
    }

    #[test]
    fn nothing_in_the_help_is_cut() {
        for columns in 40..=130 {
            let model = model_with_streams(columns, 24);
            let help = Help::of(&model);
            let room = usize::from(help.columns) - 2;
            let text = |row: &HelpRow| match row {
                HelpRow::Heading(text) | HelpRow::Text(text) => text.clone(),
                HelpRow::Keys(keys, sentence) => format!("{keys}{sentence}"),
            };
            assert!(help.rows.iter().all(|row| text(row).width() <= room), "{columns}");
            let all: String = help.rows.iter().map(|row| text(row) + " ").collect();
            let words: Vec<&str> = all.split_whitespace().collect();
            for binding in BINDINGS {
                let sentence: Vec<&str> = binding.help.split_whitespace().collect();
                assert!(words.windows(sentence.len()).any(|found| found == sentence), "{}", binding.help);
                assert!(words.join(" ").contains(&binding.key_names()), "{}", binding.key_names());
            }
        }
    }
}
