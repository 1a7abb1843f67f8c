//! Printing: tables for people, JSON for scripts, and questions.

use super::CommandError;
use crate::domain::text::printable;
use serde::Serialize;
use std::io::{self, IsTerminal as _, Write as _};
use unicode_width::UnicodeWidthStr as _;

/// What [`print`] tries. That nobody reads on is no failure of this one.
pub(super) const PRINT: &str = "write to standard output";

/// Prints a line.
pub(super) fn print(line: &str) -> Result<(), CommandError> {
    writeln!(io::stdout().lock(), "{line}").map_err(|source| CommandError::Io { operation: PRINT, source })
}

/// Prints a value as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let json = serde_json::to_string(value)
        .map_err(|error| CommandError::Io { operation: "write JSON", source: io::Error::other(error) })?;
    print(&json)
}

/// Prints rows in columns, the first one as the heading.
pub(super) fn print_table(rows: &[Vec<String>]) -> Result<(), CommandError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        print(line.trim_end())?;
    }
    Ok(())
}

/// Asks before something is changed; without a terminal to ask on, `--yes` must say it.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CommandError::Usage("nobody is there to confirm; add --yes".to_owned()));
    }
    let failed = |source| CommandError::Io { operation: "ask for confirmation", source };
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::Usage("nothing was changed".to_owned())),
    }
}

/// Says something to the person at the terminal, beside the results. Where nobody listens the work goes on.
pub(super) fn tell(sentence: &str) -> Result<(), CommandError> {
    match writeln!(io::stderr().lock(), "{}", printable(sentence)) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Io { operation: "write to standard error", source })
        }
        _ => Ok(()),
    }
}
