//! Does what a mouse asks for: the same as keys would do, without the way there.

use super::{go, run};
use crate::app::command::Move;
use crate::app::effect::Effect;
use crate::app::keys::press;
use crate::app::model::{Model, Screen};
use crate::app::mouse::{Mouse, Spot};

/// Rows that one notch of the wheel moves.
const ROWS_OF_A_NOTCH: usize = 3;

/// Handles what a mouse did.
pub(in crate::app) fn take(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    match mouse {
        Mouse::Pressed(Spot::Key(key)) => {
            let command = press(model, key.event());
            return command.map_or_else(Vec::new, |command| run(model, command));
        }
        // A question is answered by keys; nothing below it moves.
        Mouse::Pressed(_) | Mouse::Dragged(_) | Mouse::Scrolled { .. } if model.overlay.is_some() => {}
        Mouse::Pressed(Spot::Border) => model.drags_border = true,
        Mouse::Pressed(Spot::Row(place)) => select(model, place),
        Mouse::Pressed(Spot::Title(by)) => model.streams.sort = model.streams.sort.pointed_at(by),
        Mouse::Pressed(Spot::PayloadRow(row)) => {
            if let Some(Screen::Records(records)) = model.screens.last_mut() {
                records.point_at_payload(row);
            }
        }
        Mouse::Pressed(Spot::List | Spot::Payload) => {}
        Mouse::Dragged(column) => {
            if let (true, Some(Screen::Records(records))) = (model.drags_border, model.screens.last_mut()) {
                records.drag_border(column);
            }
        }
        Mouse::Released => model.drags_border = false,
        Mouse::Scrolled { at, down } => return scroll(model, at, down),
    }
    Vec::new()
}

fn select(model: &mut Model, place: usize) {
    match model.screens.last_mut() {
        None => model.streams.go_to(place),
        Some(Screen::Records(records)) => records.point_at(place),
        Some(Screen::Replays(screen)) => screen.point_at(&model.replays, place),
        Some(Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => {}
    }
}

fn scroll(model: &mut Model, at: Option<Spot>, down: bool) -> Vec<Effect> {
    let to = if down { Move::Down } else { Move::Up };
    let mut effects = Vec::new();
    for _ in 0..ROWS_OF_A_NOTCH {
        let (request, now) = (model.next_request(), model.times.now);
        match (model.screens.last_mut(), at) {
            (Some(Screen::Records(records)), Some(Spot::Payload | Spot::PayloadRow(_))) => records.go_in_payload(to, 1),
            (Some(Screen::Records(records)), Some(Spot::List | Spot::Row(_))) => {
                effects.extend(records.go_in_list(to, 1, request, now));
            }
            (Some(Screen::Records(_)), Some(Spot::Border | Spot::Key(_) | Spot::Title(_)) | None) => {}
            (
                None
                | Some(
                    Screen::Description(_)
                    | Screen::Configure(_)
                    | Screen::ReplaySetup(_)
                    | Screen::ReplayReview(_)
                    | Screen::Replays(_),
                ),
                _,
            ) => {
                effects.extend(go(model, to));
            }
        }
    }
    effects
}
