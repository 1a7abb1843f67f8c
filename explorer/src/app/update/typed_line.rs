//! Handles commands in a line being typed, and its result.

use super::exporting::export;
use super::opening::{open_file, read_stream};
use super::paths;
use crate::app::command::TypingCommand;
use crate::app::effect::Effect;
use crate::app::model::{Model, Notice, Screen};
use crate::app::records::{LineOutcome, Question};
use crate::domain::fields::Columns;

/// Handles a command in the line being typed.
pub(in crate::app) fn run(model: &mut Model, command: TypingCommand) -> Vec<Effect> {
    match model.screens.last() {
        None => run_on_streams(model, command),
        Some(Screen::Records(_)) => run_on_records(model, command),
        Some(
            Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_),
        ) => Vec::new(),
    }
}

fn run_on_streams(model: &mut Model, command: TypingCommand) -> Vec<Effect> {
    match command {
        TypingCommand::Apply if model.streams.opening.is_some() => return open_file(model),
        TypingCommand::Apply if model.streams.since.is_some() => return read_stream(model),
        TypingCommand::Apply => model.streams.typing = false,
        TypingCommand::Complete if model.streams.opening.is_some() => return paths::ask(model),
        // Only the filter of records has previous lines.
        TypingCommand::Complete | TypingCommand::OlderLine | TypingCommand::NewerLine => {}
    }
    Vec::new()
}

fn run_on_records(model: &mut Model, command: TypingCommand) -> Vec<Effect> {
    let requests = [model.next_request(), model.next_request()];
    let Some(Screen::Records(records)) = model.screens.last_mut() else {
        return Vec::new();
    };
    let names_file = records.typing.as_ref().is_some_and(|typing| typing.question == Question::Export);
    match command {
        TypingCommand::Complete if names_file => return paths::ask(model),
        TypingCommand::Apply => {
            let line = records.typing.as_ref().map(|typing| typing.line.text().trim().to_owned()).unwrap_or_default();
            let outcome = records.apply_line(&model.times, model.home.as_deref(), requests);
            return take(model, outcome, &line);
        }
        TypingCommand::Complete => {
            if let Some(typing) = &mut records.typing {
                typing.complete();
            }
        }
        TypingCommand::OlderLine | TypingCommand::NewerLine => {
            if let Some(typing) = &mut records.typing
                && typing.question == Question::Filter
            {
                typing.go_through(&model.memory.filters, command == TypingCommand::OlderLine);
            }
        }
    }
    records.typed();
    Vec::new()
}

fn take(model: &mut Model, outcome: LineOutcome, line: &str) -> Vec<Effect> {
    match outcome {
        LineOutcome::Nothing => Vec::new(),
        LineOutcome::Effects(effects) => effects,
        LineOutcome::Told(sentence) => {
            model.notice = Some(Notice::Info(sentence));
            Vec::new()
        }
        LineOutcome::Filtered(mut effects) => {
            let applied = match model.screens.last() {
                Some(Screen::Records(records)) if !line.is_empty() => records.filter.to_string(),
                Some(_) | None => String::new(),
            };
            if !applied.is_empty() {
                model.memory.filters.push(&applied);
                effects.push(Effect::Remember(Box::new(model.memory.clone())));
            }
            effects
        }
        LineOutcome::Decoded => remember_recipe(model),
        LineOutcome::ColumnsChosen => remember_columns(model),
        LineOutcome::Export(path, format) => export(model, path, format),
    }
}

fn remember_columns(model: &mut Model) -> Vec<Effect> {
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(stream) = records.origin.stream() else {
        return Vec::new();
    };
    match &records.columns.choice {
        Columns::Automatic => model.memory.columns.remove(stream.as_str()),
        chosen @ Columns::Chosen(_) => model.memory.columns.insert(stream.to_string(), chosen.clone()),
    };
    vec![Effect::Remember(Box::new(model.memory.clone()))]
}

fn remember_recipe(model: &mut Model) -> Vec<Effect> {
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(stream) = records.origin.stream() else {
        return Vec::new();
    };
    let recipe = records.recipe.clone();
    if recipe == Default::default() {
        model.memory.recipes.remove(stream.as_str());
    } else {
        model.memory.recipes.insert(stream.to_string(), recipe);
    }
    vec![Effect::Remember(Box::new(model.memory.clone()))]
}
