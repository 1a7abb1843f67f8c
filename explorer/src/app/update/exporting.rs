//! Exports records to a file while other screens are used.

use crate::app::effect::Effect;
use crate::app::message::{ExportMessage, Reply};
use crate::app::model::{Export, Model, Notice, Screen};
use crate::domain::export::{ExportFormat, ExportOrder, Exported, Exports, PayloadForm};
use crate::domain::failure::Failure;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::{Position, ReadOrder};
use crate::domain::text::{counted, size};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Requests an export of the marked records, or of all that match.
pub(in crate::app) fn export(model: &mut Model, path: PathBuf, format: ExportFormat) -> Vec<Effect> {
    let request = model.next_request();
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    if model.export.is_some() {
        model.notice = Some(Notice::Error("an export is already running; wait until it ends".to_owned()));
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
        // New records of a stream cannot be read again.
        (_, None) => {
            model.notice =
                Some(Notice::Error("mark the records to export: new records of a stream cannot be read again".to_owned()));
            return Vec::new();
        }
    };
    let stream = records.origin.stream().cloned();
    let columns = records.columns.exported(format);
    model.export = Some(Export { request, path: path.clone(), exported: Exported::default() });
    let order = ExportOrder { what, stream, path, format, form: PayloadForm::Both, columns };
    vec![Effect::Export { request, order: Box::new(order) }]
}

/// Handles a message about an export.
pub(in crate::app) fn take(model: &mut Model, message: ExportMessage) {
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
