use super::*;
use crate::domain::replay::ReplayOptions;
use crate::domain::replay::hash_key::tests::even;
use crate::domain::replay::plan::{PlanCounts, PlanId, PlanState};
use crate::domain::stream::overview::Configuration;
use archiver::format::envelope::Separator;
use archiver::format::settings::ArchiveSettings;
use archiver::format::stream::StreamName;
use jiff::Timestamp;

/// A plan of a few records of the stream `orders`, read from its archive.
pub(crate) fn plan(target: &str, records: u64) -> PlanSummary {
    PlanSummary {
        id: PlanId::of_random(0x3f_2a10),
        state: PlanState::Planned,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "ada@desk".to_owned(),
        source: "orders-archive-ALL".to_owned(),
        stream: Some("orders".to_owned()),
        selection: "every record with after:2026-11-20T09:00:00Z".to_owned(),
        is_everything: false,
        target: target.to_owned(),
        target_arn: format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{target}"),
        options: ReplayOptions::default(),
        counts: PlanCounts { records, bytes: records * 300, read: records, read_units: 2.0, ..PlanCounts::default() },
        acknowledged: 0,
        acknowledged_bytes: 0,
        passed_over: 0,
        throttled_puts: 0,
        failed_puts: 0,
        maybe_repeated: 0,
        runs: Vec::new(),
        file_bytes: 400 * records,
    }
}

/// A target with so many shards, nothing live in it.
pub(crate) fn target(name: &str, configuration: Configuration, shards: u32) -> Target {
    let overview = StreamOverview {
        name: StreamName::parse(name).unwrap(),
        arn: format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{name}"),
        status: "ACTIVE".to_owned(),
        is_deleted: false,
        open_shards: shards,
        retention_hours: 24,
        max_record_bytes: 1024 * 1024,
        configuration,
        table: None,
    };
    let traffic = Ok(Vec::new());
    Target { overview, shards: even(shards), capacity: CapacityMode::Provisioned, traffic, other_replays: Vec::new() }
}

/// The same number of records for each shard.
pub(crate) fn load(target: &Target, records_each: u64) -> Load {
    let shard = |shard: &super::super::hash_key::TargetShard| ShardLoad {
        shard: shard.id.clone(),
        records: records_each,
        bytes: records_each * 300,
    };
    let shards: Vec<ShardLoad> = target.shards.shards().iter().map(shard).collect();
    let records = records_each * shards.len() as u64;
    Load { shards, too_large: 0, units: records, rounded_bytes: records * 1024, calls: records.div_ceil(500), ..Load::default() }
}

fn archived(mode: ArchiveMode, replays: Replays) -> Configuration {
    Configuration::Archived(ArchiveSettings { replays, ..ArchiveSettings::new(mode, None) })
}

fn warned(plan: PlanSummary, target: &Target) -> Vec<String> {
    let load = load(target, 25_000);
    Preflight::new(plan, target, load).warnings
}

fn with_envelope(plan: PlanSummary) -> PlanSummary {
    let options = ReplayOptions { envelope: Some(Separator::default()), ..plan.options };
    PlanSummary { options, ..plan }
}

#[test]
fn an_archived_target_is_warned_of_with_what_its_tags_will_do() {
    let all = target("orders", archived(ArchiveMode::All, Replays::Keep), 2);
    let skips = target("orders", archived(ArchiveMode::All, Replays::Skip), 2);
    let latest = target("orders", archived(ArchiveMode::Latest, Replays::Skip), 2);
    let other = target("audit", archived(ArchiveMode::All, Replays::Keep), 2);
    for (plan, target, part) in [
        (plan("orders", 500), &skips, "mode ALL archives the copies again, whatever ArchiveReplays says"),
        (plan("orders", 500), &latest, "mode LATEST makes the old records the newest"),
        (with_envelope(plan("orders", 500)), &all, "each record is archived again with its envelope"),
        (with_envelope(plan("orders", 500)), &skips, "skips these replays (ArchiveReplays=skip)"),
        (plan("audit", 500), &other, "itself archived (mode ALL)"),
    ] {
        let warnings = warned(plan, target);
        assert!(warnings[0].contains(part), "{warnings:?}");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
    assert_eq!(warned(plan("audit", 500), &target("audit", Configuration::NotArchived, 2)), Vec::<String>::new());
}

#[test]
fn what_else_may_harm_is_warned_of() {
    let quiet = target("audit", Configuration::NotArchived, 2);
    let busy = |records| {
        let shard = quiet.shards.shards()[0].id.clone();
        Target { traffic: Ok(vec![Traffic { shard, records, bytes: records * 300.0 }]), ..quiet.clone() }
    };
    let said = |target: &Target| warned(plan("audit", 500), target).join("\n");
    assert!(said(&busy(600.0)).contains("Live producers put about 600 records/s"), "{}", said(&busy(600.0)));
    assert_eq!(said(&busy(100.0)), "", "half rate leaves them the other half");
    let slow =
        PlanSummary { options: ReplayOptions { rate: "5/s".parse().unwrap(), ..ReplayOptions::default() }, ..plan("audit", 500) };
    assert_eq!(warned(slow, &busy(600.0)), Vec::<String>::new(), "a rate in all is that of no shard");
    assert!(
        said(&Target { other_replays: vec!["3f2a10".to_owned()], ..quiet.clone() })
            .contains("Another replay is running into audit")
    );
    let changing = StreamOverview { status: "UPDATING".to_owned(), ..quiet.overview.clone() };
    assert!(said(&Target { overview: changing, ..quiet.clone() }).contains("is updating"));
    let unknown = Target { traffic: Err("it needs the permission kinesis:GetRecords".to_owned()), ..quiet.clone() };
    assert!(said(&unknown).contains("unknown: it needs the permission"));
    let mut skewed = load(&quiet, 100);
    skewed.shards[1].records = 20_000;
    skewed.too_large = 3;
    let warnings = Preflight::new(plan("audit", 20_100), &quiet, skewed).warnings;
    assert!(
        warnings[0].contains("gets 100 % of the records") && warnings[1].starts_with("3 records are too large"),
        "{warnings:?}"
    );
}

#[test]
fn time_and_cost_come_from_the_hottest_shard_and_the_capacity() {
    let target = target("audit", Configuration::NotArchived, 4);
    let preflight = Preflight::new(plan("audit", 1_000_000), &target, load(&target, 250_000));
    assert_eq!(preflight.time.as_secs(), 500);
    assert!((preflight.dollars.unwrap_or_default() - 0.014).abs() < 1e-9);
    assert!(preflight.needs_name);
    let slow = PlanSummary {
        options: ReplayOptions { timing: Timing::AsRecorded(2.0), ..ReplayOptions::default() },
        counts: PlanCounts { first_arrival: Some(0), last_arrival: Some(3_600_000), ..PlanCounts::default() },
        ..plan("audit", 10)
    };
    assert_eq!(Preflight::new(slow, &target, load(&target, 1)).time.as_secs(), 1_800);
}
