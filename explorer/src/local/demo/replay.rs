//! A finished replay, so that the history shows one to somebody who has made none.

use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::{ArchiveSource, Source};
use crate::domain::replay::{Matching, ReplayOptions, ReplayOrder, Selection};
use crate::domain::time::TimeContext;
use crate::plans::Plans;
use crate::replay::{self, PATIENCE, Planned, on_disk};
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use archiver::format::table::archive_table_name;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

/// Which orders, and at most how many.
const FILTER: &str = "json:$.status==\"shipped\"";
const LIMIT: u64 = 40;

/// Replays some orders into `orders-replay`, if the folder has no replay yet.
pub(in crate::local) async fn run_first(connection: &Connection, plans: &Plans) -> Result<(), Failure> {
    let folder = plans.clone();
    if !on_disk("list the replays", move || folder.list()).await?.is_empty() {
        return Ok(());
    }
    let (progress, _) = watch::channel(Default::default());
    let (_stop, stopped) = watch::channel(false);
    let file = match replay::plan(connection, plans, order()?, progress, stopped).await? {
        Planned::Ready(file) => file,
        Planned::Nothing(_) | Planned::Stopped => return Ok(()),
    };
    let read = file.clone();
    let plan = on_disk("read a plan", move || read.summary()).await?;
    let (updates, _) = watch::channel(Default::default());
    let (_control, asked) = watch::channel(None);
    replay::run(connection, &file, plan, PATIENCE, updates, asked).await.map(|_| ())
}

fn order() -> Result<ReplayOrder, Failure> {
    let refused = |reason: String| Failure::refused("replay some orders", reason);
    let [stream, target] =
        ["orders", "orders-replay"].map(|name| StreamName::parse(name).map_err(|error| refused(error.to_string())));
    let (stream, target) = (stream?, target?);
    let times = TimeContext { now: Timestamp::now(), zone: TimeZone::UTC };
    let filter = RecordFilter::parse(FILTER, &times).map_err(|error| refused(error.to_string()))?;
    let mode = ArchiveMode::All;
    let source = ArchiveSource { stream: stream.clone(), about_bytes: 0, table: archive_table_name(&stream, mode), mode };
    Ok(ReplayOrder {
        source: Source::Archive(source),
        stream: Some(stream),
        selection: Selection::Matching(Matching { filter, limit: Some(LIMIT), ..Matching::default() }),
        include_expired: false,
        keep_aggregated: false,
        target,
        options: ReplayOptions::default(),
    })
}
