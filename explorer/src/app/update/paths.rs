//! Completes the path of a file that is being typed.

use crate::app::effect::Effect;
use crate::app::keys::open_line;
use crate::app::line::Line;
use crate::app::message::Reply;
use crate::app::model::{Model, Notice};
use crate::domain::failure::Failure;
use crate::domain::text::typed_path::{CompletedPath, FoundName, completed, folder_of};

/// Names that a sentence lists.
const LISTED: usize = 6;

/// Asks for the names in the folder of the typed path.
pub(in crate::app) fn ask(model: &mut Model) -> Vec<Effect> {
    let request = model.next_request();
    let home = model.home.clone();
    let Some((folder, _)) = open_line(model).and_then(|line| folder_of(line.text(), home.as_deref())) else {
        return Vec::new();
    };
    model.completing = Some(request);
    vec![Effect::ListFolder { request, folder }]
}

/// Completes the path, if it is still being typed.
pub(in crate::app) fn take(model: &mut Model, Reply { request, result }: Reply<Result<Vec<FoundName>, Failure>>) {
    if model.completing != Some(request) {
        return;
    }
    model.completing = None;
    let names = match result {
        Ok(names) => names,
        Err(failure) => {
            model.notice = Some(Notice::Error(failure.to_string()));
            return;
        }
    };
    let Some(line) = open_line(model) else {
        return;
    };
    let sentence = match completed(line.text(), &names) {
        CompletedPath::Longer(text) => {
            *line = Line::with(text);
            return;
        }
        CompletedPath::Several(names) => {
            let more = names.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", names.into_iter().take(LISTED).collect::<Vec<_>>().join("  "))
        }
        CompletedPath::Nothing => "no file there begins so".to_owned(),
    };
    model.notice = Some(Notice::Info(sentence));
}
