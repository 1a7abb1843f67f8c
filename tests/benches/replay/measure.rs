//! The measurements, each in a separate process: planning, and a run.

use crate::archive::{PAYLOAD_BYTES, STREAM, TABLE};
use crate::process;
use crate::target::TARGET;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use end_to_end::endpoints::REGION;
use explorer::aws::connect::Connection;
use explorer::domain::reading::{ArchiveSource, Position, ReadEnding, ReadOrder, Source};
use explorer::domain::replay::lanes::Sequence;
use explorer::domain::replay::plan::{PlanId, PlanState};
use explorer::domain::replay::progress::{PlanProgress, Progress};
use explorer::domain::replay::{Matching, ReplayOptions, ReplayOrder, Selection};
use explorer::plans::{PlanFile, Plans};
use explorer::replay;
use explorer::sources::OpenedSource;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;

fn connect(urls: &str) -> Connection {
    let (dynamodb, kinesis) = urls.split_once(' ').expect("two URLs");
    Connection::to_emulators(kinesis, dynamodb, REGION)
}

fn source(records: usize) -> Source {
    let about_bytes = u64::try_from(records * 620).expect("a size");
    let stream = StreamName::parse(STREAM).expect("a name");
    Source::Archive(ArchiveSource { stream, table: TABLE.to_owned(), mode: ArchiveMode::All, about_bytes })
}

fn order(records: usize, options: ReplayOptions) -> ReplayOrder {
    ReplayOrder {
        source: source(records),
        stream: Some(StreamName::parse(STREAM).expect("a name")),
        selection: Selection::Matching(Matching::default()),
        include_expired: false,
        keep_aggregated: false,
        target: StreamName::parse(TARGET).expect("a name"),
        options,
    }
}

struct Planned {
    folder: TempDir,
    file: PlanFile,
    reading: Duration,
    sorting: Duration,
}

async fn make(connection: &Connection, records: usize, options: ReplayOptions) -> Planned {
    // In the same place as the user's own files, not in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let plans = Plans::in_folder(folder.path());
    let (progress, mut told) = watch::channel((None::<PlanId>, PlanProgress::default()));
    let (_stop, stopped) = watch::channel(false);
    let begun = Instant::now();
    let read = async {
        let mut read = begun.elapsed();
        while told.changed().await.is_ok() {
            if !told.borrow_and_update().1.is_sorting {
                read = begun.elapsed();
            }
        }
        read
    };
    let (file, reading) = tokio::join!(replay::plan(connection, &plans, order(records, options), progress, stopped), read);
    let replay::Planned::Ready(file) = file.expect("the plan is made") else { panic!("it has no records, or was stopped") };
    Planned { folder, file, reading, sorting: begun.elapsed() - reading }
}

/// The speed of planning compared with only reading the same archive, the duration of its preflight, and the memory for both.
pub(crate) async fn plan(urls: &str, records: usize) -> Value {
    let connection = connect(urls);
    // The first reading opens the connections.
    let mut only_reading = Duration::ZERO;
    for _ in 0..2 {
        only_reading = read(&connection, records).await;
    }
    let cpu_before = process::cpu_time();
    let planned = make(&connection, records, ReplayOptions::default()).await;
    let plan_cpu = process::cpu_time() - cpu_before;
    let plans = Plans::in_folder(planned.folder.path());
    let begun = Instant::now();
    let preflight = replay::preflight(&connection, &plans, &planned.file).await.expect("a preflight");
    assert_eq!(preflight.plan.counts.records, records as u64);
    json!({
        "records": records,
        "reading alone": only_reading.as_secs_f64(),
        "reading": planned.reading.as_secs_f64(),
        "sorting": planned.sorting.as_secs_f64(),
        "preflight": begun.elapsed().as_secs_f64(),
        "cpu": plan_cpu.as_secs_f64(),
        "peak": process::peak_memory_bytes(),
        "file": preflight.plan.file_bytes,
    })
}

async fn read(connection: &Connection, records: usize) -> Duration {
    let begun = Instant::now();
    let (_stop, stopped) = watch::channel(false);
    let matching = Matching::default();
    let order = ReadOrder {
        source: source(records),
        filter: matching.filter,
        recipe: matching.recipe,
        includes_unreadable: false,
        from: Position::Beginning,
    };
    let opened = OpenedSource::open(connection, &order.source).await.expect("an archive");
    let reading = opened.read_into(&order, stopped, |mut batches| async move {
        let mut taken = 0;
        while let Some(batch) = batches.recv().await {
            taken += batch.records.len();
        }
        Ok::<_, std::convert::Infallible>(taken)
    });
    let Ok((ending, taken)) = reading.await;
    assert_eq!((ending, taken), (ReadEnding::Complete, records));
    begun.elapsed()
}

/// The speed of a run, including its journal.
pub(crate) async fn run(urls: &str, records: usize, sequence: &str, rate: &str) -> Value {
    let connection = connect(urls);
    let sequence = if sequence == "none" { Sequence::None } else { Sequence::OfKey };
    let options = ReplayOptions { sequence, rate: rate.parse().expect("a rate"), ..ReplayOptions::default() };
    let planned = make(&connection, records, options).await;
    let plan = planned.file.summary().expect("the plan can be read");
    let (updates, _told) = watch::channel(Progress::default());
    let (_control, asked) = watch::channel(None);
    let cpu_before = process::cpu_time();
    let begun = Instant::now();
    let outcome = replay::run(&connection, &planned.file, plan, replay::PATIENCE, updates, asked).await.expect("it runs");
    let took = begun.elapsed();
    let cpu = process::cpu_time() - cpu_before;
    assert_eq!((outcome.state, outcome.progress.acknowledged), (PlanState::Finished, records as u64));
    assert_eq!(outcome.progress.bytes, (records * PAYLOAD_BYTES) as u64);
    json!({
        "records": records,
        "seconds": took.as_secs_f64(),
        "sending": outcome.progress.running.as_secs_f64(),
        "cpu": cpu.as_secs_f64(),
        "busiest shard": outcome.progress.lanes.iter().map(|lane| lane.status.acknowledged).max(),
        "throttled": outcome.progress.throttled_puts,
        "failed": outcome.progress.failed_puts,
        "peak": process::peak_memory_bytes(),
    })
}
