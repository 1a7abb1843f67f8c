//! Handles messages about a stream's configuration, on whichever screen.

use crate::app::effect::Effect;
use crate::app::message::{ConfigureMessage, Reply};
use crate::app::model::{Model, Notice, Screen};
use crate::domain::failure::Failure;

/// Handles a message.
pub(in crate::app) fn take(model: &mut Model, message: ConfigureMessage) -> Vec<Effect> {
    match message {
        ConfigureMessage::Planned(reply) => {
            if let Some(Screen::Configure(configure)) = model.screens.last_mut() {
                configure.planned(reply);
            }
            Vec::new()
        }
        ConfigureMessage::CallMade(reply) => call_made(model, reply),
    }
}

fn call_made(model: &mut Model, Reply { request, result }: Reply<Result<(), Failure>>) -> Vec<Effect> {
    let mut changed = None;
    for screen in &mut model.screens {
        if let Screen::Configure(configure) = screen
            && configure.call_made(request, result.clone())
        {
            changed = Some(configure.stream.name.clone());
        }
    }
    let Some(stream) = changed else {
        return Vec::new();
    };
    model.notice = Some(Notice::Info(format!("stream {stream} is configured")));
    let request = model.next_request();
    model.streams.refresh_one(request, &stream).into_iter().collect()
}
