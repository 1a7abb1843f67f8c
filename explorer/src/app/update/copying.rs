//! Copies a part of the record under the cursor.

use crate::app::command::CopyCommand;
use crate::app::effect::Effect;
use crate::app::model::{Model, Notice, Screen};
use crate::domain::record::item_json::item_json;
use crate::domain::record::show::copied;
use crate::domain::text::size;

/// Most bytes sent to a clipboard; terminals cut off or ignore more. Source: xterm takes 1 MB, tmux and others no more.
const MAX_COPIED_BYTES: u64 = 700 * 1024;

/// Copies the chosen part of the record under the cursor.
pub(in crate::app) fn copy(model: &mut Model, command: CopyCommand) -> Vec<Effect> {
    let Some(Screen::Records(records)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(record) = records.current() else {
        return Vec::new();
    };
    let (what, text) = match command {
        CopyCommand::Payload => match records.detail().and_then(|detail| detail.decoded()) {
            Some(decoded) => ("the payload", copied(decoded)),
            None => {
                model.notice = Some(Notice::Error("the payload has not been read yet".to_owned()));
                return Vec::new();
            }
        },
        CopyCommand::Key => ("the partition key", record.id.partition_key.clone()),
        CopyCommand::Number => ("the sequence number", record.id.sequence_number.clone()),
        CopyCommand::Item => ("the item", item_json(&record.item)),
    };
    let bytes = text.len() as u64;
    if bytes > MAX_COPIED_BYTES {
        let (bytes, most) = (size(bytes), size(MAX_COPIED_BYTES));
        model.notice = Some(Notice::Error(format!("{what} has {bytes}, and a terminal's clipboard takes {most}; e exports it")));
        return Vec::new();
    }
    // The terminal does not answer whether it took the text.
    let otherwise = if model.is_in_tmux {
        "if the clipboard stays empty: tmux set -g set-clipboard on"
    } else {
        "if the clipboard stays empty, allow OSC 52 in its settings"
    };
    model.notice = Some(Notice::Info(format!("{what} was sent to the terminal, {}; {otherwise}", size(bytes))));
    vec![Effect::Copy(text)]
}
