//! Going back, closing overlays, and quitting.

use crate::app::effect::{Effect, ReplaysEffect};
use crate::app::line::Line;
use crate::app::model::{Model, Overlay, Screen};
use crate::app::records::Pane;
use crate::app::streams::StreamGroup;
use crate::domain::replay::plan::{Control, PlanId};

/// Quits, or asks first while something runs. Closes an overlay of the screen's content first.
pub(in crate::app) fn quit(model: &mut Model) {
    if close(model) {
        return;
    }
    if model.running_replays().next().is_some() || model.export.is_some() {
        model.overlay = Some(Overlay::ConfirmQuit);
    } else {
        model.quit = true;
    }
}

/// Quits after confirmation, and pauses what runs.
pub(in crate::app) fn quit_confirmed(model: &mut Model) -> Vec<Effect> {
    model.quit = true;
    let export = model.export.as_ref().map(|export| Effect::Stop(export.request));
    let pause = |(id, _): (&PlanId, _)| Effect::Replays(ReplaysEffect::Control { replay: id.clone(), control: Control::Pause });
    model.running_replays().map(pause).chain(export).collect()
}

/// Closes what covers the screen's content; false if nothing does.
fn close(model: &mut Model) -> bool {
    match model.screens.last_mut() {
        Some(Screen::Records(records)) => std::mem::take(&mut records.is_compared),
        Some(Screen::Replays(screen)) => screen.details.take().is_some(),
        None | Some(Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => false,
    }
}

/// Goes one step back.
pub(in crate::app) fn back(model: &mut Model) -> Vec<Effect> {
    let (requests, now) = ([model.next_request(), model.next_request()], model.times.now);
    let shows_hints = model.shows_hints();
    match model.screens.last_mut() {
        None if model.streams.opening.is_some() => model.streams.opening = None,
        None if model.streams.since.is_some() => model.streams.since = None,
        None if model.streams.typing || !model.streams.filter.text().is_empty() => {
            model.streams.typing = false;
            model.streams.filter = Line::default();
            model.streams.keep_selection();
        }
        None if shows_hints => {
            model.memory.hides_hints = true;
            return vec![Effect::Remember(Box::new(model.memory.clone()))];
        }
        None => model.streams.show_group(StreamGroup::All),
        Some(Screen::Records(records)) if records.typing.is_some() => records.typing = None,
        Some(Screen::Records(records)) if records.range_from.is_some() => records.range_from = None,
        Some(Screen::Records(records)) if records.is_compared => records.is_compared = false,
        Some(Screen::Records(records)) if records.pane == Pane::Detail => records.leave_payload(),
        Some(Screen::Records(records)) if records.is_searching() => return records.stop_reading().into_iter().collect(),
        Some(Screen::Records(records)) if records.is_narrowed() => return records.undo_filter(requests, now),
        Some(screen) => {
            let stays = match screen {
                Screen::Configure(configure) => configure.back(),
                Screen::Replays(screen) => screen.details.take().is_some(),
                Screen::Description(_) | Screen::Records(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) => false,
            };
            if stays {
                return Vec::new();
            }
            return match model.screens.pop() {
                Some(Screen::Records(mut left)) => left.close(),
                // Stop a planning whose result is no longer needed.
                Some(Screen::ReplayReview(left)) => left.awaits().map(Effect::Stop).into_iter().collect(),
                None | Some(Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::Replays(_)) => {
                    Vec::new()
                }
            };
        }
    }
    Vec::new()
}
