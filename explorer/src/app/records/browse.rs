//! What the records screens have to do with the rest of the state: opening them, bringing answers to the one that waits, and what
//! of them outlives them.

use crate::app::effect::Effect;
use crate::app::keymap::Command;
use crate::app::line::Line;
use crate::app::message::{ExportMessage, RecordsMessage, Reply};
use crate::app::model::{Export, Model, Notice, Overlay, Screen};
use crate::app::records::{Answer, Origin, Question, Records};
use crate::app::replay::setup::{ReplayFrom, ReplaySetup, Shown};
use crate::domain::export::{ExportFormat, ExportOrder, Exported, Exports, PayloadForm};
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::{Position, ReadEnding, ReadOrder, Source};
use crate::domain::text::typed_path::{InvalidPath, path_of};
use crate::domain::text::{counted, size};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Opens a records screen above the others.
pub(in crate::app) fn open(model: &mut Model, origin: Origin, filter: RecordFilter) -> Vec<Effect> {
    let request = model.next_request();
    let recipe = origin.stream().and_then(|stream| model.memory.recipes.get(stream.as_str())).cloned().unwrap_or_default();
    let (mut records, effects) = Records::open(origin, filter, recipe, model.room(), (request, model.times.now));
    let table = records.origin.archive().and_then(|archive| {
        let table = model.streams.overview(&archive.stream)?.table.as_ref();
        table.filter(|table| table.name == archive.table)
    });
    records.about_items = table.map_or(0, |table| table.items);
    model.screens.push(Screen::Records(Box::new(records)));
    effects
}

/// Asks for what the screen on top needs to be drawn.
pub(in crate::app) fn ask(model: &mut Model) -> Vec<Effect> {
    let requests = [model.next_request(), model.next_request()];
    let (rows, now) = (model.list_rows(), model.times.now);
    match model.screens.last_mut() {
        Some(Screen::Records(records)) => records.ask(rows, requests, now),
        _ => Vec::new(),
    }
}

/// Brings what has happened to the records screen that waits for it.
pub(in crate::app) fn take(model: &mut Model, message: RecordsMessage) -> Vec<Effect> {
    let mut told = None;
    let mut effects = Vec::new();
    let screens = model.screens.iter_mut().filter_map(|screen| match screen {
        Screen::Records(records) => Some(records),
        Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_) => None,
    });
    let mut screens = screens.collect::<Vec<_>>();
    match message {
        RecordsMessage::Read(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.awaits(reply.request)) {
                effects.extend(records.records_read(reply));
            }
        }
        RecordsMessage::ReadEnded(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.awaits(reply.request)) {
                let is_read = matches!(reply.result.ending, ReadEnding::Complete | ReadEnding::Stopped(_));
                if is_read && matches!(records.origin, Origin::Read(Source::File(_))) {
                    model.streams.opened = Line::default();
                }
                let (dropped, failure) = records.read_ended(reply);
                effects.extend(dropped);
                let bad_lines = records.tally.total().bad_lines.sentence();
                told = failure.map(|failure| failure.to_string()).or(bad_lines).map(Notice::Error);
            }
        }
        RecordsMessage::RowsRead(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.waits_for_rows(reply.request)) {
                told = records.rows_read(reply).err().map(Notice::Error);
            }
        }
        RecordsMessage::RowFound(Reply { request, result }) => {
            let problems = screens.iter_mut().filter_map(|records| records.row_found(request, result.clone()).err());
            told = problems.map(Notice::Info).next();
        }
        RecordsMessage::PayloadShown(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.is_shown_by(reply.request)) {
                records.shown(reply);
            }
        }
        RecordsMessage::Followed(Reply { request, result }) => {
            for records in screens {
                records.followed(request, &result);
            }
        }
        RecordsMessage::FollowEnded(Reply { request, result }) => {
            let ended = screens.iter_mut().any(|records| records.follow_ended(request, result.clone()));
            told = result.filter(|_| ended).map(|failure| Notice::Error(failure.to_string()));
        }
    }
    if told.is_some() {
        model.notice = told;
    }
    effects
}

/// Does what a command means on the records screen on top.
pub(in crate::app) fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    let requests = [model.next_request(), model.next_request()];
    let page = model.list_rows();
    let (times, home) = (model.times.clone(), model.home.clone());
    let Some(Screen::Records(records)) = model.screens.last_mut() else {
        return Vec::new();
    };
    match command {
        Command::Continue => {
            let line = records.typing.as_ref().map(|typing| (typing.question, typing.line.text().to_owned()));
            let answer = records.answer(&times, home.as_deref(), requests);
            take_answer(model, answer, line)
        }
        Command::Complete => {
            if let Some(typing) = &mut records.typing {
                typing.complete();
            }
            records.typed();
            Vec::new()
        }
        Command::OlderLine | Command::NewerLine => {
            if let Some(typing) = &mut records.typing
                && typing.question == Question::Filter
            {
                typing.go_through(&model.memory.filters, command == Command::OlderLine);
            }
            records.typed();
            Vec::new()
        }
        Command::Replay => {
            if let Origin::Read(source) = &records.origin {
                let setup = ReplaySetup::open(ReplayFrom {
                    source: source.clone(),
                    stream: records.origin.stream().cloned(),
                    recipe: records.recipe.clone(),
                    marks: records.marks.clone(),
                    filter: records.fixed.clone(),
                    shown: Some(Shown::on(records, times.now)),
                });
                model.screens.push(Screen::ReplaySetup(Box::new(setup)));
            }
            Vec::new()
        }
        Command::KeyHistory => {
            let Some(filter) = records.current().map(|record| RecordFilter::default().with_key(&record.id.partition_key)) else {
                return Vec::new();
            };
            let origin = records.origin.clone();
            open(model, origin, filter)
        }
        Command::FollowStream => match records.origin.stream().cloned() {
            Some(stream) => open(model, Origin::Stream(stream), RecordFilter::default()),
            None => Vec::new(),
        },
        Command::Copy => {
            model.overlay = Some(Overlay::Copy);
            Vec::new()
        }
        _ => match records.command(command, requests, page, times.now) {
            Ok(effects) => effects,
            Err(sentence) => {
                model.notice = Some(Notice::Error(sentence));
                Vec::new()
            }
        },
    }
}

fn take_answer(model: &mut Model, answer: Answer, line: Option<(Question, String)>) -> Vec<Effect> {
    match answer {
        Answer::Nothing => Vec::new(),
        Answer::Effects(effects) => effects,
        Answer::Told(sentence) => {
            model.notice = Some(Notice::Info(sentence));
            Vec::new()
        }
        Answer::Filtered(mut effects) => {
            if let Some((_, line)) = line.filter(|(_, line)| !line.trim().is_empty()) {
                model.memory.filters.push(line.trim());
                effects.push(Effect::Remember(Box::new(model.memory.clone())));
            }
            effects
        }
        Answer::Decoded => remember_recipe(model),
        Answer::Export(path, format) => export(model, path, format),
    }
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

/// Asks for the marked records, or all that match, to be written to a file.
fn export(model: &mut Model, path: PathBuf, format: ExportFormat) -> Vec<Effect> {
    let request = model.next_request();
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    if model.export.is_some() {
        model.notice = Some(Notice::Error("an export is running; its end is awaited first".to_owned()));
        return Vec::new();
    }
    let order = records.order(Position::Beginning);
    let what = match (&records.marks, order) {
        (Marks::Some(marked), _) if !marked.is_empty() => {
            Exports::These { recipe: records.recipe.clone(), records: marked.values().cloned().collect() }
        }
        (Marks::Some(_), Some(order)) => Exports::Matching { order: Box::new(order), except: BTreeSet::new() },
        (Marks::AllBut { filter, except }, Some(order)) => {
            let order = Box::new(ReadOrder { filter: filter.clone(), ..order });
            Exports::Matching { order, except: except.keys().cloned().collect() }
        }
        // What has come in since is nowhere to be read again.
        (_, None) => {
            model.notice = Some(Notice::Error("mark the records to be written: what comes in cannot be read again".to_owned()));
            return Vec::new();
        }
    };
    let stream = records.origin.stream().cloned();
    model.export = Some(Export { request, path: path.clone(), exported: Exported::default() });
    vec![Effect::Export { request, order: Box::new(ExportOrder { what, stream, path, format, form: PayloadForm::Both }) }]
}

/// Takes what has happened to an export.
pub(in crate::app) fn take_of_export(model: &mut Model, message: ExportMessage) {
    match message {
        ExportMessage::Progressed(Reply { request, result }) => {
            if let Some(export) = model.export.as_mut().filter(|export| export.request == request) {
                export.exported = result;
            }
        }
        ExportMessage::Ended(reply) => export_ended(model, reply),
    }
}

fn export_ended(model: &mut Model, Reply { request, result }: Reply<Result<Option<Exported>, Failure>>) {
    let Some(export) = model.export.take_if(|export| export.request == request) else {
        return;
    };
    let path = export.path.display();
    model.notice = Some(match result {
        Ok(Some(exported)) => {
            let records = counted(exported.records, "record", "records");
            Notice::Info(format!("exported {records}, {}, to {path}", size(exported.bytes)))
        }
        Ok(None) => Notice::Info(format!("the export was stopped; nothing was left in {path}")),
        Err(failure) => Notice::Error(failure.to_string()),
    });
}

/// Copies what was chosen of the record under the cursor.
pub(in crate::app) fn copy(model: &mut Model, command: Command) -> Vec<Effect> {
    model.overlay = None;
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(record) = records.current() else {
        return Vec::new();
    };
    let (what, text) = match command {
        Command::CopyPayload => match records.detail().and_then(|detail| detail.decoded()) {
            Some(decoded) => ("the payload", crate::domain::record::show::copied(decoded)),
            None => {
                model.notice = Some(Notice::Error("the payload is not read".to_owned()));
                return Vec::new();
            }
        },
        Command::CopyKey => ("the partition key", record.id.partition_key.clone()),
        Command::CopyNumber => ("the sequence number", record.id.sequence_number.clone()),
        Command::CopyItem => ("the item", crate::domain::record::item_json::item_json(&record.item)),
        _ => return Vec::new(),
    };
    let bytes = text.len() as u64;
    if bytes > MAX_COPIED_BYTES {
        let (bytes, most) = (size(bytes), size(MAX_COPIED_BYTES));
        model.notice = Some(Notice::Error(format!("{what} has {bytes}, and a terminal's clipboard takes {most}; e exports it")));
        return Vec::new();
    }
    model.notice = Some(Notice::Info(format!("{what} was sent to the clipboard, {}", size(bytes))));
    vec![Effect::Copy(text)]
}

/// More is not sent to a clipboard: terminals cut it off or ignore it. Source: xterm takes 1 MB, tmux and others less or as much.
const MAX_COPIED_BYTES: u64 = 700 * 1024;

/// Opens a file of exported records.
pub(in crate::app) fn open_file(model: &mut Model) -> Vec<Effect> {
    let Some(line) = model.streams.opening.take() else {
        return Vec::new();
    };
    match path_of(line.text(), model.home.as_deref()) {
        Ok(path) => {
            model.streams.opened = line;
            open(model, Origin::Read(Source::File(path)), RecordFilter::default())
        }
        Err(InvalidPath::Empty) => Vec::new(),
        Err(error) => {
            model.notice = Some(Notice::Error(error.to_string()));
            model.streams.opening = Some(line);
            Vec::new()
        }
    }
}

/// Asks for the name of a file. One that could not be opened is there to be mended.
pub(in crate::app) fn ask_for_file(model: &mut Model) {
    model.streams.opening = Some(std::mem::take(&mut model.streams.opened));
}
