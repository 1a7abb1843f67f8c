//! The records screen while a whole table is read: with the real state, drawn into memory, and the real effects. Keys come from a
//! separate thread, as from a terminal. The steps are those of the event loop, which needs a terminal.

use crate::process;
use crate::spread::milliseconds;
use crate::table::{SMALL_ITEMS, SMALL_TABLE, Table, source};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use explorer::app::ids::RequestId;
use explorer::app::message::{Message, TerminalMessage};
use explorer::app::model::{Model, Screen, Session};
use explorer::app::records::{Origin, PayloadChoices, Reading, Records};
use explorer::app::update;
use explorer::domain::filter::RecordFilter;
use explorer::domain::reading::{ArchiveSource, Source};
use explorer::domain::time::TimeContext;
use explorer::effects::Runner;
use explorer::ui::{
    self,
    theme::{Look, Theme},
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::Interval;

/// Most messages that wait, as in the program.
const MESSAGES_WAITING: usize = 256;
/// The terminal.
const SIZE: (u16, u16) = (120, 40);
/// Between two keys.
const KEY_INTERVAL: Duration = Duration::from_millis(50);
/// Frames to measure while nothing else runs.
const FRAMES: usize = 400;
/// Pages to turn at the end and at the beginning once all is read.
const PAGES_TURNED: usize = 300;
/// How long to idle.
const IDLE: Duration = Duration::from_secs(2);

/// The program without its terminal.
struct Program {
    model: Model,
    theme: Theme,
    terminal: Terminal<TestBackend>,
    runner: Runner,
    messages: mpsc::Receiver<Message>,
    keys: mpsc::Receiver<(Instant, KeyEvent)>,
    ticks: Interval,
    measured: Measured,
}

#[derive(Debug, Default)]
struct Measured {
    /// The time to handle and draw each frame, in ms.
    frames: Vec<f64>,
    /// From the key to its frame, in ms.
    keys: Vec<f64>,
    /// From a key to the frame with the row that is then under the cursor, in ms.
    rows: Vec<f64>,
    /// A key whose row was not loaded yet.
    awaited: Option<Instant>,
}

/// Opens the screen, reads everything, scrolls, and then idles.
pub(crate) async fn measure(table: &Table) -> Value {
    let (keys, pressed) = mpsc::channel(MESSAGES_WAITING);
    let mut program = Program::start(table, pressed);
    let small_frame = program.open_small().await;
    let started = Instant::now();
    program.open(table.source());
    program.until(|program| program.records().current().is_some()).await;
    let first_rows = milliseconds(started.elapsed());
    program.until(|program| !matches!(program.records().reading, Reading::Running(_) | Reading::Stopping(_))).await;
    let before = process::peak_memory_bytes(std::process::id());
    program.measured = Measured::default();
    let presser = std::thread::spawn(move || press(&keys));
    program.press(KeyCode::Char('M'));
    let read_at = Instant::now();
    program.until(|program| program.records().reading == Reading::Complete && program.records().typing.is_none()).await;
    let read_time = read_at.elapsed().as_secs_f64();
    assert_eq!(program.records().rows.len(), table.items, "all of it is listed");
    let while_reading = std::mem::take(&mut program.measured);
    program.keys.close();
    while program.keys.recv().await.is_some() {}
    presser.join().expect("keys were pressed");
    program.scroll().await;
    let frame = program.frame_time();
    let peak = process::peak_memory_bytes(std::process::id());
    let idle_cpu = program.idle().await;
    json!({
        "first rows": first_rows,
        "frames": while_reading.frames,
        "keys": while_reading.keys,
        "rows": while_reading.rows,
        "read time": read_time,
        "frame, few": small_frame,
        "frame, all": frame,
        "peak before": before,
        "peak": peak,
        "idle CPU": milliseconds(idle_cpu),
    })
}

impl Program {
    fn start(table: &Table, keys: mpsc::Receiver<(Instant, KeyEvent)>) -> Self {
        let times = TimeContext { now: Timestamp::now(), zone: TimeZone::UTC };
        let (sender, messages) = mpsc::channel(MESSAGES_WAITING);
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        Self {
            model: Model::new(Session::default(), SIZE, times),
            theme: Theme::new(Look::Dark, Vec::new()),
            terminal: Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal in memory"),
            runner: Runner::new(table.connect(), sender),
            messages,
            keys,
            ticks,
            measured: Measured::default(),
        }
    }

    /// Opens a small archive and closes it again; returns the time of a frame.
    async fn open_small(&mut self) -> f64 {
        self.open(source(SMALL_TABLE, SMALL_ITEMS));
        self.until(|program| program.records().reading == Reading::Complete).await;
        assert_eq!(self.records().rows.len(), SMALL_ITEMS, "all of it is listed");
        let time = self.frame_time();
        self.press(KeyCode::Esc);
        time
    }

    fn open(&mut self, source: ArchiveSource) {
        let request: RequestId = self.model.next_request();
        let origin = Origin::Read(Source::Archive(source));
        let (records, effects) = Records::open(
            origin,
            RecordFilter::default(),
            PayloadChoices::default(),
            self.model.size.0,
            (request, jiff::Timestamp::now()),
        );
        self.model.screens.clear();
        self.model.screens.push(Screen::Records(Box::new(records)));
        for effect in effects {
            self.runner.run(effect);
        }
    }

    fn records(&self) -> &Records {
        match self.model.screens.last() {
            Some(Screen::Records(records)) => records,
            other => panic!("another screen came: {other:?}"),
        }
    }

    fn take(&mut self, message: Message) {
        for effect in update(&mut self.model, message) {
            self.runner.run(effect);
        }
    }

    fn draw(&mut self) {
        let (model, theme) = (&self.model, &self.theme);
        self.terminal
            .draw(|frame| {
                ui::draw(model, theme, frame);
            })
            .expect("memory takes it");
    }

    fn press(&mut self, key: KeyCode) {
        self.take(Message::Terminal(TerminalMessage::KeyPressed(KeyEvent::new(key, KeyModifiers::NONE))));
    }

    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            self.step().await;
        }
    }

    /// One step of the event loop.
    async fn step(&mut self) {
        let mut pressed_at = None;
        let message = tokio::select! {
            key = self.keys.recv(), if !self.keys.is_closed() => match key {
                Some((at, key)) => {
                    pressed_at = Some(at);
                    Some(Message::Terminal(TerminalMessage::KeyPressed(key)))
                }
                None => None,
            },
            message = self.messages.recv() => message,
            _ = self.ticks.tick() => Some(Message::Ticked(Timestamp::now())),
        };
        let began = Instant::now();
        let mut next = message;
        let mut taken = 0;
        while let Some(message) = next {
            self.take(message);
            taken += 1;
            next = if taken < MESSAGES_WAITING { self.messages.try_recv().ok() } else { None };
        }
        self.draw();
        self.note(began, pressed_at);
    }

    fn note(&mut self, began: Instant, pressed_at: Option<Instant>) {
        let is_shown = self.records().current().is_some();
        self.measured.frames.push(milliseconds(began.elapsed()));
        if let Some(at) = pressed_at {
            self.measured.keys.push(milliseconds(at.elapsed()));
            self.measured.awaited.get_or_insert(at);
        }
        if is_shown && let Some(at) = self.measured.awaited.take() {
            self.measured.rows.push(milliseconds(at.elapsed()));
        }
    }

    /// To the end, some pages back, to the beginning, and some pages on.
    async fn scroll(&mut self) {
        for (first, next) in [('G', KeyCode::PageUp), ('g', KeyCode::PageDown)] {
            self.press(KeyCode::Char(first));
            for _ in 0..PAGES_TURNED {
                self.press(next);
                self.draw();
                self.until(|program| program.records().current().is_some()).await;
            }
        }
    }

    /// The mean time of a frame, in ms, over many.
    fn frame_time(&mut self) -> f64 {
        let mut times: Vec<Duration> = (0..FRAMES)
            .map(|frame| {
                self.press(if frame % 2 == 0 { KeyCode::Down } else { KeyCode::Up });
                let began = Instant::now();
                self.draw();
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        milliseconds(times[times.len() / 2])
    }

    async fn idle(&mut self) -> Duration {
        // The latest request is answered first.
        let settled = tokio::time::Instant::now() + IDLE / 2;
        while tokio::time::timeout_at(settled, self.step()).await.is_ok() {}
        let cpu = process::cpu_time(std::process::id());
        let end = tokio::time::Instant::now() + IDLE;
        while tokio::time::timeout_at(end, self.step()).await.is_ok() {}
        process::cpu_time(std::process::id()).saturating_sub(cpu)
    }
}

/// Presses keys until the receiver is gone.
fn press(keys: &mpsc::Sender<(Instant, KeyEvent)>) {
    let typed = |text: &'static str| text.chars().map(KeyCode::Char);
    let round: Vec<KeyCode> = [KeyCode::PageDown; 6]
        .into_iter()
        .chain([KeyCode::Char('G'), KeyCode::PageUp, KeyCode::PageUp, KeyCode::PageUp])
        .chain(typed(":2h"))
        .chain([KeyCode::Enter, KeyCode::PageDown, KeyCode::PageDown, KeyCode::Char('g'), KeyCode::Down, KeyCode::Down])
        .chain(typed("/text:pa"))
        .chain([KeyCode::Esc, KeyCode::Char('G'), KeyCode::Char('.'), KeyCode::Char(',')])
        .collect();
    let mut due = Instant::now();
    for code in round.into_iter().cycle() {
        due += KEY_INTERVAL;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if keys.blocking_send((Instant::now(), KeyEvent::new(code, KeyModifiers::NONE))).is_err() {
            return;
        }
    }
}
