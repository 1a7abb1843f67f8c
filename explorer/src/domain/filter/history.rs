//! The filter lines that were applied, to use them again.

/// Lines applied before, the newest last, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    entries: Vec<String>,
}

/// More than anybody goes back through.
const MAX_ENTRIES: usize = 100;

impl History {
    /// The lines, the newest last.
    #[must_use]
    pub fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Takes a line that was applied; one that was applied before becomes the newest.
    pub fn push(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        self.entries.retain(|entry| entry != line);
        self.entries.push(line.to_owned());
        let surplus = self.entries.len().saturating_sub(MAX_ENTRIES);
        self.entries.drain(..surplus);
    }

    /// The line applied before this one, or the newest where this one is being typed.
    #[must_use]
    pub fn previous(&self, line: &str) -> Option<&str> {
        let place = self.place(line).unwrap_or(self.entries.len());
        self.entries.get(place.checked_sub(1)?).map(String::as_str)
    }

    /// The line applied after this one; `None` behind the newest, and where this one is being typed.
    #[must_use]
    pub fn next(&self, line: &str) -> Option<&str> {
        self.entries.get(self.place(line)? + 1).map(String::as_str)
    }

    fn place(&self, line: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry == line.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_and_forth_passes_every_line_once() {
        let mut history = History::default();
        ["key:a", "key:b", " key:a ", "", "key:c"].into_iter().for_each(|line| history.push(line));
        assert_eq!(history.entries(), ["key:b", "key:a", "key:c"]);
        assert_eq!(history.previous("text:typ"), Some("key:c"));
        assert_eq!(history.previous("key:c"), Some("key:a"));
        assert_eq!(history.previous("key:b"), None);
        assert_eq!(history.next("key:b"), Some("key:a"));
        assert_eq!(history.next("key:c"), None);
        assert_eq!(history.next("text:typ"), None);
    }

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let mut history = History::default();
        (0..=MAX_ENTRIES).for_each(|number| history.push(&format!("key:{number}")));
        assert_eq!(history.entries().len(), MAX_ENTRIES);
        assert_eq!(history.entries().first().map(String::as_str), Some("key:1"));
    }
}
