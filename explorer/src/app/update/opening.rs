//! Opens records screens, and asks for files to open.

use crate::app::effect::Effect;
use crate::app::model::{Model, Notice, Screen};
use crate::app::records::{Origin, PayloadChoices, Records};
use crate::domain::filter::RecordFilter;
use crate::domain::reading::{ArchiveSource, Source};
use crate::domain::stream::overview::StreamOverview;
use crate::domain::text::typed_path::{InvalidPath, path_of};

/// Opens a records screen above the others.
pub(in crate::app) fn open(model: &mut Model, origin: Origin, filter: RecordFilter) -> Vec<Effect> {
    let request = model.next_request();
    let memory = &model.memory;
    let stream = origin.stream().map(|stream| stream.as_str());
    let recipe = stream.and_then(|stream| memory.recipes.get(stream)).cloned().unwrap_or_default();
    // What was chosen on the screen is newer than what is set up.
    let columns = stream.and_then(|stream| memory.columns.get(stream).or_else(|| model.preferences.columns.get(stream)));
    let columns = columns.cloned().unwrap_or_default();
    let (mut records, effects) =
        Records::open(origin, filter, PayloadChoices { recipe, columns }, model.size.0, (request, model.times.now));
    let table = records.origin.archive().and_then(|archive| {
        let table = model.streams.overview(&archive.stream)?.table.as_ref();
        table.filter(|table| table.name == archive.table)
    });
    records.about_items = table.map_or(0, |table| table.items);
    model.screens.push(Screen::Records(Box::new(records)));
    effects
}

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

/// Opens the stream under the cursor from the typed time on; without one, from the oldest record that Kinesis keeps.
pub(in crate::app) fn read_stream(model: &mut Model) -> Vec<Effect> {
    let overview = model.streams.current().and_then(|row| row.overview.clone());
    let (Some(line), Some(overview)) = (model.streams.since.take(), overview) else {
        return Vec::new();
    };
    let after = match line.text().trim() {
        "" => model.times.parse(&format!("{}h", overview.retention_hours)),
        text => model.times.parse(text),
    };
    match after {
        Ok(after) => open(model, Origin::Stream(overview.name), RecordFilter::default().with_after(after)),
        Err(error) => {
            model.notice = Some(Notice::Error(error.to_string()));
            model.streams.since = Some(line);
            Vec::new()
        }
    }
}

/// Asks for the name of a file. If the last one could not be opened, its name can be corrected.
pub(in crate::app) fn ask_for_file(model: &mut Model) {
    model.streams.opening = Some(std::mem::take(&mut model.streams.opened));
}

/// The archive to open of a stream.
pub(in crate::app) fn archive_of(overview: StreamOverview) -> Option<ArchiveSource> {
    let table = overview.table?;
    let mode = table.mode()?;
    Some(ArchiveSource { stream: overview.name, table: table.name, mode, about_bytes: table.size_bytes })
}
