//! Feeds keys, time and answers into the state, draws it, and passes effects to the runner.

use crate::app::effect::Effect;
use crate::app::message::{Message, TerminalMessage};
use crate::app::model::{Model, Notice, Session};
use crate::app::{open_stream, update};
use crate::aws::connect::Connection;
use crate::config::Config;
use crate::domain::stream::overview::StreamOverview;
use crate::domain::time::TimeContext;
use crate::effects::Runner;
use crate::terminal;
use crate::ui::{self, spots::Spots};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, Event, EventStream, KeyEventKind};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, disable_raw_mode, enable_raw_mode};
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Most messages that wait to be handled.
const MESSAGES_WAITING: usize = 256;
/// How often the clock is read.
const TICK: Duration = Duration::from_secs(1);
/// If the process still runs this long after it should have stopped, it cannot be stopped: the first process of a container ignores
/// the signal.
const STOPPED_WITHIN: Duration = Duration::from_millis(500);

/// Set when any task panics. The terminal is already restored, so drawing must end.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Takes over the terminal until the user quits, and restores it whatever happens. Opens the first stream, if there is one.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(
    connection: Connection,
    session: Session,
    config: &Config,
    first: Option<StreamOverview>,
    started: Instant,
) -> io::Result<()> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::SeqCst);
        // Nobody is left to be told that this failed.
        terminal::take_mouse(false).unwrap_or_default();
        before(panic);
    }));
    let mut terminal = ratatui::try_init()?;
    let takes_mouse = !config.preferences().leaves_mouse;
    let pasting = crossterm::execute!(terminal::screens(), EnableBracketedPaste)
        .and_then(|()| if takes_mouse { terminal::take_mouse(true) } else { Ok(()) });
    let result = match pasting {
        Ok(()) => run_in(&mut terminal, connection, session, config, first, started).await,
        Err(error) => Err(error),
    };
    let unpasting = terminal::take_mouse(false).and_then(|()| crossterm::execute!(terminal::screens(), DisableBracketedPaste));
    ratatui::try_restore()?;
    result.and(unpasting)
}

async fn run_in(
    terminal: &mut ratatui::DefaultTerminal,
    connection: Connection,
    session: Session,
    config: &Config,
    first: Option<StreamOverview>,
    started: Instant,
) -> io::Result<()> {
    let theme = config.theme();
    let size = terminal.size()?;
    let times = TimeContext { now: Timestamp::now(), zone: TimeZone::system() };
    let mut model = Model::new(session, (size.width, size.height), times).with_preferences(config.preferences());
    if !config.mistakes.is_empty() {
        model.notice = Some(Notice::Error(config.mistakes.join("; ")));
    }
    model.memory = crate::remembered::load();
    model.home = std::env::home_dir();
    model.is_in_tmux = std::env::var_os("TMUX").is_some_and(|value| !value.is_empty());
    let (sender, mut messages) = mpsc::channel(MESSAGES_WAITING);
    let mut runner = Runner::new(connection, sender);
    let effects = first.map_or_else(Vec::new, |overview| open_stream(&mut model, overview));
    effects.into_iter().for_each(|effect| runner.run(effect));
    let mut keys = EventStream::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut go_on = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    let mut spots = Spots::default();
    terminal.draw(|frame| spots = ui::draw(&model, &theme, frame))?;
    tracing::info!(milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "first frame");
    while !model.quit && !PANICKED.load(Ordering::SeqCst) {
        let message = tokio::select! {
            event = keys.next() => match event {
                Some(event) => message_of(event?, &spots),
                // The terminal is gone.
                None => Some(Message::Terminated),
            },
            message = messages.recv() => message,
            _ = ticks.tick() => Some(Message::Ticked(Timestamp::now())),
            _ = terminate.recv() => Some(Message::Terminated),
            _ = interrupt.recv() => Some(Message::Terminated),
            _ = hang_up.recv() => Some(Message::Terminated),
            _ = stop.recv() => {
                stop_here(terminal).await?;
                Some(come_back(terminal, &model)?)
            }
            // A signal that stopped the process without asking may have changed the terminal.
            _ = go_on.recv() => Some(come_back(terminal, &model)?),
        };
        let mut next = message;
        // Handle all waiting messages before drawing, so that a burst of answers costs one frame.
        let mut taken = 0;
        while let Some(message) = next {
            for effect in update(&mut model, message) {
                match effect {
                    Effect::Copy(text) => terminal::copy(&text, model.is_in_tmux)?,
                    Effect::Redraw => forget_frame(terminal)?,
                    // Stop the whole job, as a terminal does, because a script may have started the program.
                    Effect::Suspend => kill_current_process_group(Signal::TSTP)?,
                    effect => runner.run(effect),
                }
            }
            taken += 1;
            next = if taken < MESSAGES_WAITING { messages.try_recv().ok() } else { None };
        }
        if !PANICKED.load(Ordering::SeqCst) {
            terminal.draw(|frame| spots = ui::draw(&model, &theme, frame))?;
        }
    }
    runner.finish(messages).await;
    Ok(())
}

/// Restores the terminal, and stops until the program is continued.
async fn stop_here(terminal: &mut ratatui::DefaultTerminal) -> io::Result<()> {
    terminal.show_cursor()?;
    terminal::take_mouse(false)?;
    crossterm::execute!(terminal::screens(), DisableBracketedPaste)?;
    ratatui::try_restore()?;
    // Created only now, so that it does not fire for earlier signals.
    let mut goes_on = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    kill_process(getpid(), Signal::STOP)?;
    // The clock runs on while the process is stopped.
    if tokio::time::timeout(STOPPED_WITHIN, goes_on.recv()).await.is_err() {
        tracing::debug!("the process was stopped for a long time, or not at all");
    }
    Ok(())
}

/// Takes over the terminal again, whatever its mode is now, and redraws everything.
fn come_back(terminal: &mut ratatui::DefaultTerminal, model: &Model) -> io::Result<Message> {
    // Otherwise crossterm assumes that raw mode is still set.
    disable_raw_mode()?;
    enable_raw_mode()?;
    crossterm::execute!(terminal::screens(), EnterAlternateScreen, EnableBracketedPaste)?;
    terminal::take_mouse(!model.preferences.leaves_mouse)?;
    forget_frame(terminal)?;
    let size = terminal.size()?;
    Ok(Message::Terminal(TerminalMessage::Resized(size.width, size.height)))
}

/// Forgets the last frame, so that the next one is drawn as a whole. Ratatui's own way asks the terminal for its cursor position, and
/// the answer would be read as keys.
fn forget_frame(terminal: &mut ratatui::DefaultTerminal) -> io::Result<()> {
    crossterm::execute!(terminal::screens(), Clear(ClearType::All))?;
    terminal.swap_buffers();
    Ok(())
}

fn message_of(event: Event, spots: &Spots) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Message::Terminal(TerminalMessage::KeyPressed(key))),
        Event::Mouse(mouse) => spots.told(mouse).map(|used| Message::Terminal(TerminalMessage::MouseUsed(used))),
        Event::Paste(text) => Some(Message::Terminal(TerminalMessage::Pasted(text))),
        Event::Resize(columns, rows) => Some(Message::Terminal(TerminalMessage::Resized(columns, rows))),
        Event::Key(_) | Event::FocusGained | Event::FocusLost => None,
    }
}
