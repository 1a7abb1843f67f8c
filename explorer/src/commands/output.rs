//! Printing: lines and tables for people, JSON for scripts, and questions.

use super::error::{CommandError, PRINT};
use super::layout::{Layout, tone};
use crate::domain::text::printable;
use crate::terminal::{self, Gathered, Tone};
use serde::Serialize;
use std::io::{self, IsTerminal as _};
use unicode_width::UnicodeWidthStr as _;

/// Standard output, in sentences.
pub(super) const STANDARD_OUTPUT: &str = "standard output";

/// Rows that are measured for the widths of a table's columns.
const MEASURED_ROWS: usize = 200;

/// Prints many lines, several with one call.
#[derive(Debug, Default)]
pub(super) struct Lines(Gathered);

impl Lines {
    /// Prints a line, now or soon.
    pub(super) fn line(&mut self, line: &str) -> Result<(), CommandError> {
        self.0.line(line).map_err(not_printed)
    }

    /// Prints a value as one line of JSON, now or soon.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), CommandError> {
        self.0.json(value).map_err(not_printed)
    }

    /// Prints a row as the layout has it, now or soon.
    fn fitted(&mut self, layout: &Layout, headings: &[String], row: &[String], is_heading: bool) -> Result<(), CommandError> {
        let has_colours = terminal::wants_colours();
        let cells = if is_heading { layout.headings(row) } else { layout.cells(row) };
        let filled = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let tones = headings.iter().zip(row).map(|(heading, cell)| match (has_colours, is_heading) {
            (false, _) => Tone::Plain,
            (true, true) => Tone::Heading,
            (true, false) => tone(heading, cell),
        });
        let mut texts: Vec<(Tone, &str)> = tones.zip(cells.iter().map(String::as_str)).take(filled).collect();
        if let Some((_, last)) = texts.last_mut() {
            *last = last.trim_end();
        }
        self.0.toned(&texts).map_err(not_printed)
    }

    /// Prints now.
    pub(super) fn flush(&mut self) -> Result<(), CommandError> {
        self.0.flush().map_err(not_printed)
    }
}

fn not_printed(source: io::Error) -> CommandError {
    CommandError::Io { operation: PRINT, source }
}

/// Prints rows in columns as they come. The first rows set the widths. A wider cell is cut on a terminal, and shifts the rest of its
/// row elsewhere.
#[derive(Debug)]
pub(super) struct Columns {
    lines: Lines,
    headings: Vec<String>,
    widths: Vec<usize>,
    /// Not printed yet.
    waiting: Vec<Vec<String>>,
    is_measured: bool,
    /// Columns of the terminal.
    terminal: Option<usize>,
    /// How rows fit it, once they are measured.
    layout: Option<Layout>,
}

impl Columns {
    /// Columns with these headings.
    pub(super) fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let headings: Vec<String> = headings.into_iter().map(Into::into).collect();
        let waiting = vec![headings.clone()];
        let terminal = terminal::stdout_columns();
        let widths = vec![0; headings.len()];
        Self { lines: Lines::default(), headings, widths, waiting, is_measured: false, terminal, layout: None }
    }

    /// With these minimum widths, for rows that are printed one by one when their widths are known.
    pub(super) fn at_least(self, widths: &[usize]) -> Self {
        Self { widths: widths.to_vec(), ..self }
    }

    /// Prints a row, now or soon.
    pub(super) fn row(&mut self, row: &[String]) -> Result<(), CommandError> {
        self.waiting.push(shown(row));
        if self.is_measured || self.waiting.len() > MEASURED_ROWS { self.print_waiting() } else { Ok(()) }
    }

    /// Prints the waiting rows now, but never the heading alone.
    pub(super) fn flush(&mut self) -> Result<(), CommandError> {
        if self.is_measured || self.waiting.len() > 1 {
            self.print_waiting()?;
        }
        self.lines.flush()
    }

    /// Prints the rest, even if that is only the heading.
    pub(super) fn finish(mut self) -> Result<(), CommandError> {
        self.print_waiting()?;
        self.lines.flush()
    }

    fn print_waiting(&mut self) -> Result<(), CommandError> {
        let has_heading = !std::mem::replace(&mut self.is_measured, true);
        if has_heading && let Some(terminal) = self.terminal {
            self.layout = Some(Layout::of(&self.headings, &self.waiting[1..], &self.widths, terminal));
        }
        for row in &self.waiting {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        for (place, row) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            match &self.layout {
                Some(layout) => self.lines.fitted(layout, &self.headings, &row, has_heading && place == 0)?,
                None => self.lines.line(&aligned(&row, &self.widths))?,
            }
        }
        Ok(())
    }
}

/// Prints a payload's bytes as they are, on a terminal only where they are plain text.
pub(super) fn write_payload(payload: &[u8]) -> Result<(), CommandError> {
    terminal::write_payload(payload).map_err(not_printed)
}

/// Prints a line.
pub(super) fn print(line: &str) -> Result<(), CommandError> {
    terminal::print(line).map_err(not_printed)
}

/// Prints a value as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let mut line = Lines::default();
    line.json(value)?;
    line.flush()
}

/// Prints a table, measured as a whole.
pub(super) fn print_table(headings: &[String], rows: &[Vec<String>]) -> Result<(), CommandError> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| shown(row)).collect();
    let Some(terminal) = terminal::stdout_columns() else {
        let all: Vec<Vec<String>> = std::iter::once(headings.to_vec()).chain(rows).collect();
        return print_aligned(&all);
    };
    let layout = Layout::of(headings, &rows, &[], terminal);
    let mut lines = Lines::default();
    lines.fitted(&layout, headings, headings, true)?;
    rows.iter().try_for_each(|row| lines.fitted(&layout, headings, row, false))?;
    lines.flush()
}

/// Prints rows in columns that are as wide as their cells.
pub(super) fn print_aligned(rows: &[Vec<String>]) -> Result<(), CommandError> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| shown(row)).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    rows.iter().try_for_each(|row| print(&aligned(row, &widths)))
}

fn shown(row: &[String]) -> Vec<String> {
    row.iter().map(|cell| printable(cell).into_owned()).collect()
}

/// Cells in columns of these widths.
fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

/// Asks before something is changed. Without a terminal to ask on, `--yes` is required.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    match ask(&format!("{question} [y/N] "))?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::Usage("nothing was changed".to_owned())),
    }
}

/// Asks the user to type a name before something large is done. Without a terminal to ask on, `--yes` is required.
pub(super) fn confirm_name(why: &str, name: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if ask(&format!("{why} ({name}): "))? == name {
        return Ok(());
    }
    Err(CommandError::Usage("the name does not match; nothing was sent".to_owned()))
}

/// Asks on the terminal and returns what was typed.
fn ask(question: &str) -> Result<String, CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Usage("there is no terminal to confirm on; add --yes".to_owned()));
    }
    let failed = |source| CommandError::Io { operation: "ask for confirmation", source };
    terminal::ask(question).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim().to_owned())
}

/// Writes several lines to standard error, as [`tell`] does.
pub(super) fn tell_lines(lines: &[String]) -> Result<(), CommandError> {
    lines.iter().try_for_each(|line| tell(line))
}

/// Writes a sentence to standard error, apart from the results. A closed standard error does not stop the work.
pub(super) fn tell(sentence: &str) -> Result<(), CommandError> {
    match terminal::say(sentence) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Io { operation: "write to standard error", source })
        }
        _ => Ok(()),
    }
}
