//! Compares a plan with the target as it is now.

use super::on_disk;
use super::send::Wrapping;
use crate::aws::connect::Connection;
use crate::aws::{shards, streams, traffic};
use crate::domain::failure::Failure;
use crate::domain::prices::{ON_DEMAND_BYTES, PAYLOAD_UNIT_BYTES};
use crate::domain::record::preview::preview_of_payload;
use crate::domain::replay::hash_key::ShardMap;
use crate::domain::replay::lanes::{MAX_BATCH_RECORDS, QueuedRecord};
use crate::domain::replay::plan::{Listed, PlanState, PlanSummary};
use crate::domain::replay::preflight::{GLIMPSES, Glimpse, Load, Preflight, ShardLoad, Target};
use crate::plans::{Loaded, PlanError, PlanFile, Plans, QueueReader};
use archiver::format::stream::StreamName;
use jiff::Timestamp;

/// Records whose exact size is determined at a time.
const LOADED_AT_ONCE: usize = 64;
/// Columns shown of the first records' payloads.
const PREVIEW_COLUMNS: usize = 120;

/// What a user should know before this file's replay runs.
///
/// # Errors
/// When the target does not exist or is not the one that was planned, or the file cannot be read.
pub async fn preflight(connection: &Connection, plans: &Plans, file: &PlanFile) -> Result<Preflight, Failure> {
    const OPERATION: &str = "check a plan";
    let (read, plan) = (
        file.clone(),
        on_disk(OPERATION, {
            let file = file.clone();
            move || file.summary()
        })
        .await?,
    );
    let name = plan.target.parse::<StreamName>().map_err(|error| Failure::refused(OPERATION, error.to_string()))?;
    let ((overview, facts), shards) =
        tokio::try_join!(streams::overview_and_facts(connection, &name), shards::map(connection, &name))?;
    let load = {
        let (plan, shards, max_bytes) = (plan.clone(), shards.clone(), overview.max_record_bytes);
        on_disk(OPERATION, move || load_of(&read, &plan, &shards, max_bytes)).await?
    };
    let mut busiest: Vec<&ShardLoad> = load.shards.iter().filter(|shard| shard.records > 0).collect();
    busiest.sort_by_key(|shard| std::cmp::Reverse(shard.records));
    let busiest: Vec<String> = busiest.into_iter().map(|shard| shard.shard.clone()).collect();
    // Records that this replay put there a moment ago come from no producer.
    let is_own = plan.runs.iter().filter_map(|run| run.ended_at).any(|ended| ended + traffic::WINDOW > Timestamp::now());
    let traffic = if is_own { Ok(Vec::new()) } else { traffic::traffic(connection, &name, &busiest).await };
    let other_replays = {
        let (plans, plan) = (plans.clone(), plan.clone());
        on_disk(OPERATION, move || plans.list().map(|all| others(&plan, all))).await?
    };
    let target = Target { overview, shards, capacity: facts.capacity, traffic, other_replays };
    Ok(Preflight::new(plan, &target, load))
}

/// Other replays that are running into the same target.
fn others(plan: &PlanSummary, all: Listed<PlanError>) -> Vec<String> {
    let running = all.into_iter().filter_map(|(_, summary)| summary.ok());
    running
        .filter(|other| other.state == PlanState::Running)
        .filter(|other| other.id != plan.id && other.target_arn == plan.target_arn)
        .map(|other| other.id.to_string())
        .collect()
}

/// Reads everything that is left, in constant memory.
fn load_of(file: &PlanFile, plan: &PlanSummary, shards: &ShardMap, max_bytes: u64) -> Result<Load, PlanError> {
    let reader = QueueReader::open(file)?;
    let wrapping = Wrapping::of(plan);
    let mut load = Load {
        shards: shards.shards().iter().map(|shard| ShardLoad { shard: shard.id.clone(), records: 0, bytes: 0 }).collect(),
        ..Load::default()
    };
    let (extra, longest) = (wrapping.usual_bytes(), wrapping.longest_bytes());
    let (mut too_large, mut unclear) = (0, Vec::new());
    let mut first: Vec<QueuedRecord> = Vec::with_capacity(GLIMPSES + 1);
    let mut arrivals: Option<(i64, i64)> = None;
    reader.each_left(|entry| {
        let arrived = entry.arrived;
        arrivals = Some(arrivals.map_or((arrived, arrived), |(first, last)| (first.min(arrived), last.max(arrived))));
        if first.len() < GLIMPSES || first.last().is_some_and(|last| entry.position < last.position) {
            let place = first.partition_point(|known| known.position < entry.position);
            first.insert(place, entry);
            first.truncate(GLIMPSES);
        }
        if entry.bytes > max_bytes {
            too_large += 1;
            return true;
        }
        // Only records near the limit are wrapped in their envelopes to be measured.
        if entry.bytes + longest > max_bytes {
            unclear.push(entry);
        } else {
            add(&mut load, shards.place_of(entry.hash), entry.bytes + extra);
        }
        true
    })?;
    for some in unclear.chunks(LOADED_AT_ONCE) {
        for (entry, record) in some.iter().zip(reader.load(some, true)?) {
            // The run skips damaged records.
            match record.map_or(entry.bytes, |record| wrapping.size_of(&record)) {
                bytes if bytes > max_bytes => too_large += 1,
                bytes => add(&mut load, shards.place_of(entry.hash), bytes),
            }
        }
    }
    let records: u64 = load.shards.iter().map(|shard| shard.records).sum();
    let first = reader.load(&first, true)?.into_iter().flatten().map(glimpse).collect();
    Ok(Load { too_large, calls: records.div_ceil(MAX_BATCH_RECORDS as u64), arrivals, first, ..load })
}

/// What is shown of a record before it is sent.
fn glimpse(record: Loaded) -> Glimpse {
    let Loaded { partition_key, data, origin, .. } = record;
    let preview = preview_of_payload(&data, PREVIEW_COLUMNS);
    Glimpse { partition_key, sequence_number: origin.sequence_number, arrival: origin.arrival, preview }
}

fn add(load: &mut Load, place: usize, bytes: u64) {
    if let Some(shard) = load.shards.get_mut(place) {
        shard.records += 1;
        shard.bytes += bytes;
    }
    load.units += bytes.div_ceil(PAYLOAD_UNIT_BYTES);
    load.rounded_bytes += bytes.div_ceil(ON_DEMAND_BYTES) * ON_DEMAND_BYTES;
}
