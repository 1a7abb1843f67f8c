//! Working with an archive's records, as keys.

use super::fixtures::{
    TestSpool, middle, model_read_in_part, model_with, model_with_records, model_with_streams, name, now, open_records, press,
    read_request, record, records, sentence,
};
use crate::app::effect::{Effect, RecordsEffect, ReplaysEffect};
use crate::app::line::Line;
use crate::app::message::{ExportMessage, FoundRecords, Message, NewRecords, ReadEnd, RecordsMessage, Reply, TerminalMessage};
use crate::app::model::{Model, Screen};
use crate::app::records::{Following, Origin, Question, Reading};
use crate::app::update;
use crate::domain::export::{ExportFormat, Exported, Exports};
use crate::domain::failure::Failure;
use crate::domain::listing::entry::SoughtRecord;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::following::{ARCHIVE_OVERLAP, FollowFrom, FollowStatus, Followed, Gap};
use crate::domain::reading::{Position, ReadEnding, ReadOrder, ReadProgress, Source};
use crate::domain::record::Record;
use crate::domain::replay::Selection;
use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use jiff::SignedDuration;

fn many(count: u32) -> Vec<Record> {
    (0..count).map(|place| record(place, b"{}")).collect()
}

fn marked(model: &Model) -> usize {
    match &open_records(model).marks {
        Marks::Some(marked) => marked.len(),
        Marks::AllBut { .. } => panic!("all are marked"),
    }
}

#[test]
fn records_are_shown_newest_first_in_whatever_order_they_come() {
    let mut model = model_with_streams(120, 40);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    let (older, newer): (Vec<_>, Vec<_>) = records().into_iter().partition(|record| record.id.sequence_number.ends_with('0'));
    spool.read(&mut model, request, older);
    assert_eq!(spool.read(&mut model, request, newer), []);
    assert_eq!(spool.end(&mut model, request, ReadEnding::Complete), []);
    let records = open_records(&model);
    assert_eq!((&records.reading, records.rows.len()), (&Reading::Complete, 63));
    let rows: Vec<_> = (0..63).map(|rank| records.rows.get(rank).unwrap().clone()).collect();
    assert!(rows.is_sorted_by(|left, right| left.newest_first(right).is_le()));
    assert_eq!(records.detail().map(|detail| &detail.id), Some(&rows[0].id));
}

#[test]
fn records_for_a_screen_already_left_are_ignored_and_their_reading_is_stopped() {
    let mut model = model_with_streams(80, 24);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    let effects = press(&mut model, "esc");
    assert!(
        matches!(effects.as_slice(), [Effect::Stop(stopped), Effect::Records(RecordsEffect::DropSpool(_))] if *stopped == request),
        "{effects:?}"
    );
    press(&mut model, "enter");
    assert_eq!(spool.read(&mut model, request, records()), []);
    assert!(open_records(&model).rows.is_empty());
}

#[test]
fn only_the_rows_around_the_cursor_are_held() {
    let (mut model, spool, _) = model_with(80, 24, many(4_000));
    assert!(open_records(&model).rows.loaded().count() < 200);
    spool.press(&mut model, "G");
    let records = open_records(&model);
    assert_eq!(records.current().unwrap().id.sequence_number, record(0, b"").id.sequence_number);
    assert!(records.rows.loaded().count() < 200, "{}", records.rows.loaded().count());
    for _ in 0..300 {
        spool.press(&mut model, "ctrl-b");
        assert!(open_records(&model).current().is_some());
    }
    assert_eq!(open_records(&model).cursor, 0);
    assert!(open_records(&model).rows.loaded().count() < 400);
}

#[test]
fn the_cursor_stays_on_its_record_while_newer_ones_come() {
    let (mut model, mut spool) = model_with_records(80, 24);
    spool.press(&mut model, "down down down");
    let before = open_records(&model).current().unwrap().id.clone();
    let request = read_request(&spool.press(&mut model, "F5"));
    let mut fresh = records();
    fresh.push(record(3_000, b"{}"));
    spool.read(&mut model, request, fresh);
    assert_eq!(open_records(&model).rows.len(), 63, "what was there stays until there is as much again");
    spool.end(&mut model, request, ReadEnding::Complete);
    let records = open_records(&model);
    assert_eq!((records.rows.len(), records.cursor), (64, 4));
    assert_eq!(records.current().unwrap().id, before);
}

#[test]
fn a_failed_reading_is_said_and_goes_on_where_it_failed() {
    let mut model = model_with_streams(80, 24);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    spool.read(&mut model, request, many(10));
    let failure = Failure::refused("read table orders-archive-ALL", "broken");
    spool.end(&mut model, request, ReadEnding::Failed(failure.clone(), middle()));
    assert_eq!(open_records(&model).reading, Reading::Failed(failure, middle()));
    assert!(sentence(&model).contains("cannot read table orders-archive-ALL"), "{}", sentence(&model));
    let effects = spool.press(&mut model, "m");
    let [Effect::Records(RecordsEffect::Read { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.from, middle());
    assert_eq!(open_records(&model).rows.len(), 10);
}

#[test]
fn a_refresh_that_fails_keeps_the_rows_and_says_why() {
    let (mut model, spool) = model_with_records(80, 24);
    let request = read_request(&spool.press(&mut model, "F5"));
    let failure = Failure::refused("read table orders-archive-ALL", "broken");
    spool.end(&mut model, request, ReadEnding::Failed(failure, Position::Beginning));
    assert_eq!(open_records(&model).rows.len(), 63);
    assert!(open_records(&model).is_stale());
    assert!(sentence(&model).contains("cannot read table orders-archive-ALL"), "{}", sentence(&model));
    assert!(open_records(&model).current().is_some());
}

#[test]
fn going_on_after_a_refresh_that_failed_reads_anew() {
    let (mut model, mut spool) = model_with_records(80, 24);
    let request = read_request(&spool.press(&mut model, "F5"));
    let failure = Failure::refused("read table orders-archive-ALL", "broken");
    spool.end(&mut model, request, ReadEnding::Failed(failure, Position::Beginning));
    let request = read_request(&spool.press(&mut model, "m"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Complete);
    assert_eq!(open_records(&model).rows.len(), 63, "no record is there twice");
}

#[test]
fn a_filter_with_a_mistake_points_at_it_and_keeps_the_line() {
    let (mut model, spool) = model_with_records(80, 24);
    assert_eq!(spool.press(&mut model, "/ key:cust-1 space after:soon enter"), []);
    let typing = open_records(&model).typing.as_ref().unwrap();
    let (span, sentence) = typing.mistake.as_ref().unwrap();
    assert_eq!((typing.line.text(), &typing.line.text()[span.clone()]), ("key:cust-1 after:soon", "soon"));
    assert!(sentence.contains("\"soon\" is not a time"), "{sentence}");
    spool.press(&mut model, "x");
    assert_eq!(open_records(&model).typing.as_ref().unwrap().mistake, None);
}

#[test]
fn a_filter_by_key_asks_for_that_key_and_is_remembered() {
    let (mut model, spool) = model_read_in_part(80, 24);
    let effects = spool.press(&mut model, "/ key:cust-1 enter");
    let [Effect::Records(RecordsEffect::Read { order, .. }), Effect::Remember(memory)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((order.filter.key(), &order.from), (Some("cust-1"), &Position::Beginning));
    assert_eq!(memory.filters.entries(), ["key:cust-1"]);
    assert!(open_records(&model).rows.is_empty());
    spool.press(&mut model, "/ ctrl-u up");
    assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text(), "key:cust-1");
    spool.press(&mut model, "down");
    assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text(), "");
}

#[test]
fn a_time_counted_back_from_now_moves_when_it_is_read_again() {
    let (mut model, spool) = model_read_in_part(80, 24);
    let order_of = |effects: &[Effect]| {
        let order = effects.iter().find_map(|effect| match effect {
            Effect::Records(RecordsEffect::Read { order, .. }) => Some(order.clone()),
            _ => None,
        });
        order.unwrap_or_else(|| panic!("{effects:?}"))
    };
    let effects = spool.press(&mut model, "/ after:1h enter");
    let (request, first) = (read_request(&effects), order_of(&effects));
    let now = model.times.now;
    let hour = jiff::SignedDuration::from_hours(1);
    let begins = |order: &ReadOrder| order.filter.after(jiff::Timestamp::MAX);
    assert_eq!(begins(&first).map(|at| at.as_second()), Some((now - hour).as_second()), "the order says the time itself");
    assert_eq!(
        (open_records(&model).filter.to_string(), open_records(&model).filter.title()),
        ("after:1h".into(), "last 1 h".into())
    );
    spool.end(&mut model, request, ReadEnding::Stopped(middle()));
    update(&mut model, Message::Ticked(now + hour));
    let effects = spool.press(&mut model, "m");
    let (request, more) = (read_request(&effects), order_of(&effects));
    assert_eq!(begins(&more), begins(&first), "what is read on with stays");
    spool.end(&mut model, request, ReadEnding::Complete);
    let again = order_of(&spool.press(&mut model, "F5"));
    assert_eq!(begins(&again).map(|at| at.as_second()), Some(now.as_second()));
}

#[test]
fn a_word_is_completed_from_what_the_rows_show() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "G / key:cust-o tab");
    assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text().trim_end(), "key:cust-old");
}

#[test]
fn a_search_is_stopped_by_escape_and_goes_on_from_there() {
    let (mut model, mut spool) = model_read_in_part(80, 24);
    let request = read_request(&spool.press(&mut model, "/ text:paid enter"));
    spool.read(&mut model, request, many(7));
    assert_eq!(spool.press(&mut model, "esc"), [Effect::Stop(request)]);
    assert_eq!(open_records(&model).reading, Reading::Stopping(request));
    spool.end(&mut model, request, ReadEnding::Stopped(middle()));
    assert_eq!(open_records(&model).reading, Reading::Partial(middle()));
    assert_eq!(open_records(&model).rows.len(), 7, "what was found stays");
    let request = read_request(&spool.press(&mut model, "M"));
    spool.read(&mut model, request, vec![record(900, b"{}")]);
    assert_eq!(open_records(&model).tally.total().read, 8);
    spool.end(&mut model, request, ReadEnding::Complete);
    spool.press(&mut model, "esc");
    assert!(open_records(&model).filter.is_everything(), "then the filter is undone");
    spool.press(&mut model, "esc");
    assert!(model.screens.is_empty());
}

#[test]
fn a_large_archive_is_read_only_so_far_and_further_when_the_end_comes_near() {
    let mut model = model_with_streams(80, 24);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    assert_eq!(spool.read(&mut model, request, many(5_000)), [Effect::Stop(request)]);
    spool.end(&mut model, request, ReadEnding::Stopped(middle()));
    let request = read_request(&spool.press(&mut model, "G"));
    assert_eq!(spool.press(&mut model, "m"), [], "one reading at a time");
    assert!(sentence(&model).contains("still being read"));
    assert_eq!(spool.press(&mut model, "M"), [], "but it can be let go on to the end");
    assert_eq!(spool.read(&mut model, request, (5_000..30_000).map(|place| record(place, b"{}")).collect()), []);
    assert_eq!(open_records(&model).rows.len(), 30_000);
}

#[test]
fn a_range_is_marked_from_its_one_end_to_the_other() {
    let (mut model, spool, _) = model_with(80, 24, many(1_000));
    spool.press(&mut model, "down v page-down page-down");
    assert_eq!(open_records(&model).range(), Some(1..=37));
    spool.press(&mut model, "v");
    assert_eq!((marked(&model), open_records(&model).range()), (37, None));
    spool.press(&mut model, "g space");
    assert_eq!(marked(&model), 38);
    spool.press(&mut model, "v down esc");
    assert_eq!((marked(&model), open_records(&model).range()), (38, None), "escape forgets a range, and stays");
}

#[test]
fn marks_stay_through_refresh_and_another_filter() {
    let (mut model, mut spool) = model_with_records(80, 24);
    spool.press(&mut model, "down space");
    let id = open_records(&model).rows.get(1).unwrap().id.clone();
    let request = read_request(&spool.press(&mut model, "F5"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Complete);
    let request = read_request(&spool.press(&mut model, "/ after:1d enter"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Complete);
    let records = open_records(&model);
    assert!(records.marks.contains(&id, &records.filter));
    assert_eq!(marked(&model), 1);
}

#[test]
fn all_that_match_are_marked_without_a_list_of_them_and_replayed_but_for_some() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "a down space");
    let left_out = open_records(&model).rows.get(1).unwrap().id.clone();
    spool.press(&mut model, "r");
    let effects = press(&mut model, "orders-rep enter");
    let [Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let Selection::Matching(matching) = &order.selection else { panic!("{:?}", order.selection) };
    assert!(matching.filter.is_everything());
    assert_eq!(matching.except.iter().collect::<Vec<_>>(), [&left_out]);
}

#[test]
fn marks_are_inverted_and_back() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "space i");
    let records = open_records(&model);
    let is_marked = |rank: usize| records.marks.contains(&records.rows.get(rank).unwrap().id, &records.filter);
    assert!(!is_marked(0) && is_marked(1) && is_marked(20));
    spool.press(&mut model, "i");
    assert_eq!(marked(&model), 1);
}

#[test]
fn the_cursor_goes_to_a_time_a_key_and_a_bar() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "G : 2026-11-20T10:00:30Z enter");
    assert_eq!(open_records(&model).current().unwrap().id.sequence_number, record(29, b"").id.sequence_number);
    let effects = spool.press(&mut model, ": key:cust-3 enter");
    let [Effect::Records(RecordsEffect::FindRow { request, sought, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(*sought, SoughtRecord::Key("cust-3".to_owned()));
    let entry = open_records(&model).rows.listing.get(40).unwrap();
    update(&mut model, Message::Records(RecordsMessage::RowFound(Reply { request: *request, result: Ok(Some(entry)) })));
    assert_eq!(open_records(&model).cursor, 40);
    spool.press(&mut model, ": seq:x enter");
    assert!(open_records(&model).typing.as_ref().unwrap().mistake.is_some());
    spool.press(&mut model, "esc .");
    let later = open_records(&model).cursor;
    assert!(later < 40);
    spool.press(&mut model, ",");
    assert!(open_records(&model).cursor > later);
}

#[test]
fn what_is_not_among_the_rows_is_said_to_be_looked_for_with_a_filter() {
    let (mut model, spool) = model_with_records(80, 24);
    let effects = spool.press(&mut model, ": key:nobody enter");
    let [Effect::Records(RecordsEffect::FindRow { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    update(&mut model, Message::Records(RecordsMessage::RowFound(Reply { request: *request, result: Ok(None) })));
    assert!(sentence(&model).contains("/ searches the whole archive"), "{}", sentence(&model));
}

#[test]
fn new_records_come_in_while_they_are_followed() {
    let (mut model, mut spool) = model_with_records(80, 24);
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { request, order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.stream, name("orders"));
    assert!(matches!(order.followed, Followed::Archive { .. }));
    let request = *request;
    let entries = spool.put(vec![record(500, b"{}")]);
    let status = FollowStatus { waiting: 3, ..FollowStatus::default() };
    let shards: std::sync::Arc<[String]> = std::sync::Arc::from([]);
    let followed = |entries: Vec<_>| {
        Message::Records(RecordsMessage::Followed(Reply {
            request,
            result: NewRecords { entries, shards: shards.clone(), status },
        }))
    };
    let effects = update(&mut model, followed(entries.clone()));
    spool.serve(&mut model, effects);
    assert_eq!(open_records(&model).rows.len(), 64);
    assert_eq!(open_records(&model).current().unwrap().id.sequence_number, record(500, b"").id.sequence_number);
    update(&mut model, followed(entries));
    assert_eq!(open_records(&model).rows.len(), 64, "what is there already does not come twice");
    assert_eq!(spool.press(&mut model, "f"), [Effect::Stop(request)]);
    assert_eq!(open_records(&model).following, Following::Off);
}

#[test]
fn following_begins_where_reading_began_and_not_when_it_is_asked_for() {
    let (mut model, spool) = model_with_records(80, 24);
    update(&mut model, Message::Ticked(now() + SignedDuration::from_secs(40)));
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { order, there, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.from, FollowFrom::At(now() - ARCHIVE_OVERLAP));
    assert_eq!(there.len(), 0, "no row arrived in those five minutes");
    assert!(open_records(&model).rows.gaps.is_empty());
}

#[test]
fn what_is_there_of_the_time_that_is_read_again_does_not_come_twice() {
    let late = |seconds: i64| {
        let arrival = ArrivalTime::parse(&(now().as_second() - seconds).to_string()).ok();
        Record::new(StoredItem { arrival, ..record(u32::try_from(seconds).unwrap(), b"{}").item })
    };
    let (mut model, spool, _) = model_with(80, 24, vec![late(20), late(200), late(400)]);
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { there, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(there.len(), 2);
}

#[test]
fn following_goes_on_where_it_was_stopped() {
    let (mut model, spool) = model_with_records(80, 24);
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let reached = Some(now() + SignedDuration::from_mins(90));
    let status = FollowStatus { reached, ..FollowStatus::default() };
    let shards: std::sync::Arc<[String]> = std::sync::Arc::from([]);
    update(
        &mut model,
        Message::Records(RecordsMessage::Followed(Reply {
            request: *request,
            result: NewRecords { entries: Vec::new(), shards, status },
        })),
    );
    spool.press(&mut model, "f");
    update(&mut model, Message::Ticked(now() + SignedDuration::from_mins(100)));
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.from, FollowFrom::At(now() + SignedDuration::from_mins(85)));
    assert!(open_records(&model).rows.gaps.is_empty());
}

#[test]
fn a_gap_that_is_too_long_to_be_closed_is_said_until_all_is_read_again() {
    let (mut model, mut spool) = model_with_records(80, 24);
    let later = now() + SignedDuration::from_hours(2);
    update(&mut model, Message::Ticked(later));
    for _ in 0..3 {
        spool.press(&mut model, "f");
    }
    let gap = Gap { from: now(), until: later - ARCHIVE_OVERLAP };
    assert_eq!(open_records(&model).rows.gaps, [gap]);
    spool.press(&mut model, "f");
    let request = read_request(&spool.press(&mut model, "F5"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Complete);
    assert!(open_records(&model).rows.gaps.is_empty());
}

#[test]
fn the_stream_itself_is_followed_on_a_screen_of_its_own() {
    let (mut model, spool) = model_with_records(80, 24);
    let effects = spool.press(&mut model, "F");
    let [Effect::Records(RecordsEffect::Follow { request, order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.followed, Followed::Stream);
    assert_eq!(open_records(&model).origin, Origin::Stream(name("orders")));
    assert_eq!(order.from, FollowFrom::Now);
    let effects = spool.press(&mut model, "esc");
    assert!(
        matches!(effects.as_slice(), [Effect::Stop(stopped), Effect::Records(RecordsEffect::DropSpool(_))] if stopped == request),
        "{effects:?}"
    );
}

#[test]
fn what_matches_is_exported_and_not_what_is_shown() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "e");
    assert_eq!(open_records(&model).typing.as_ref().unwrap().question, Question::Export);
    let effects = spool.press(&mut model, "enter");
    let [Effect::Export { request, order }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.path.to_str(), Some("orders.jsonl"));
    assert!(matches!(&order.what, Exports::Matching { except, .. } if except.is_empty()));
    let request = *request;
    spool.press(&mut model, "e enter");
    assert!(sentence(&model).contains("an export is already running"));
    let exported = Exported { records: 1_204_331, bytes: 400_000_000 };
    update(&mut model, Message::Export(ExportMessage::Ended(Reply { request, result: Ok(Some(exported)) })));
    assert_eq!(sentence(&model), "exported 1 204 331 records, 381 MiB, to orders.jsonl");
    spool.press(&mut model, "space e");
    let effects = spool.press(&mut model, "ctrl-u paid.csv enter");
    let [Effect::Export { order, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(matches!(&order.what, Exports::These { records, .. } if records.len() == 1));
}

#[test]
fn an_export_says_which_records_it_takes_and_how_many() {
    let (mut model, mut spool) = model_with_records(80, 24);
    assert_eq!(open_records(&model).taken(), "all 63 records, and those that came since");
    spool.press(&mut model, "down down space space");
    let keys: Vec<String> = match &open_records(&model).marks {
        Marks::Some(marked) => marked.keys().map(|id| id.partition_key.clone()).collect(),
        Marks::AllBut { .. } => panic!(),
    };
    assert_eq!(open_records(&model).taken(), "the 2 marked records");
    let request = read_request(&spool.press(&mut model, &format!("/ key:{} enter", keys[0])));
    assert_eq!(open_records(&model).hidden_marks(), 1);
    assert_eq!(open_records(&model).taken(), "the 2 marked records, 1 of them hidden by this filter");
    spool.press(&mut model, "u");
    assert_eq!(open_records(&model).taken(), "all that match: 0 in what was read so far");
    spool.read(&mut model, request, many(5));
    spool.end(&mut model, request, ReadEnding::Complete);
    assert_eq!(open_records(&model).taken(), "all 5 that match, and those that came since");
    spool.press(&mut model, "a space");
    assert_eq!(open_records(&model).taken(), "all 4 that match but 1, and those that came since");
}

#[test]
fn how_much_was_read_is_reckoned_by_items_and_never_all_before_the_end() {
    let mut model = model_with_streams(80, 24);
    let spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    assert_eq!(open_records(&model).share_read(), None);
    assert_eq!(open_records(&model).about_items, 1_204_331);
    let share = |model: &Model| open_records(model).share_read().map(|share| (share * 100.0).floor());
    let read = |model: &mut Model, read| {
        let shards: std::sync::Arc<[String]> = std::sync::Arc::from([]);
        let elapsed = std::time::Duration::from_secs(10);
        let progress = ReadProgress { read, segments: 8, segments_done: 4, ..ReadProgress::default() };
        update(
            model,
            Message::Records(RecordsMessage::Read(Reply {
                request,
                result: FoundRecords { entries: Vec::new(), shards, progress, elapsed },
            })),
        );
    };
    read(&mut model, 120_434);
    assert_eq!(share(&model), Some(10.0));
    assert_eq!(open_records(&model).time_left(), None, "it pauses by itself");
    press(&mut model, "M");
    assert_eq!(open_records(&model).time_left().map(|left| left.as_secs()), Some(89));
    read(&mut model, 1_204_331);
    assert_eq!(share(&model), Some(99.0));
    read(&mut model, 1_300_000);
    assert_eq!(share(&model), None, "it has grown since it was counted");
    spool.end(&mut model, request, ReadEnding::Complete);
    assert_eq!(share(&model), None);
}

#[test]
fn esc_undoes_the_filter_before_it_leaves_and_reads_nothing_again() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "down down down down down down down");
    let before = open_records(&model).current().unwrap().id.clone();
    let effects = spool.press(&mut model, &format!("/ key:{} enter", before.partition_key));
    let effects: Vec<Effect> = effects.into_iter().filter(|effect| !matches!(effect, Effect::Remember(_))).collect();
    spool.pick(&mut model, &effects, |record| record.id.partition_key == before.partition_key);
    assert_eq!(open_records(&model).rows.len(), 12);
    assert_eq!(open_records(&model).current().unwrap().id, before, "the cursor stays on its record");
    spool.press(&mut model, "down down");
    let picked = open_records(&model).current().unwrap().id.clone();
    assert_eq!(spool.press(&mut model, "esc"), [], "nothing is read, and nothing thrown away");
    assert_eq!((model.screens.len(), open_records(&model).rows.len()), (1, 63));
    assert_eq!(open_records(&model).current().unwrap().id, picked);
    assert_eq!(open_records(&model).reading, Reading::Complete);
    let effects = spool.press(&mut model, "esc");
    assert!(model.screens.is_empty());
    assert!(matches!(effects.as_slice(), [Effect::Records(RecordsEffect::DropSpool(_))]), "{effects:?}");
}

#[test]
fn another_filter_is_picked_from_all_that_was_read_and_an_empty_one_shows_it_again() {
    let (mut model, spool) = model_with_records(80, 24);
    for key in ["cust-1", "cust-2"] {
        let effects = spool.press(&mut model, &format!("/ ctrl-u key:{key} enter"));
        let effects: Vec<Effect> = effects.into_iter().filter(|effect| !matches!(effect, Effect::Remember(_))).collect();
        let [Effect::Records(RecordsEffect::Pick { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(order.entries.len(), 63);
        spool.pick(&mut model, &effects, |record| record.id.partition_key == key);
        assert!(open_records(&model).rows.len() < 15);
    }
    assert_eq!(spool.press(&mut model, "/ ctrl-u enter"), []);
    assert_eq!(open_records(&model).rows.len(), 63);
}

#[test]
fn a_part_that_was_read_comes_back_when_a_filter_is_undone_and_can_be_read_on() {
    let mut model = model_with_streams(80, 24);
    let mut spool = TestSpool::default();
    let first = read_request(&press(&mut model, "enter"));
    spool.read(&mut model, first, many(100));
    let effects = spool.press(&mut model, "/ key:cust-1 enter");
    assert!(effects.iter().any(|effect| *effect == Effect::Stop(first)), "{effects:?}");
    let second = read_request(&effects);
    spool.read(&mut model, first, vec![record(200, b"{}")]);
    spool.end(&mut model, first, ReadEnding::Stopped(middle()));
    spool.read(&mut model, second, many(3));
    spool.end(&mut model, second, ReadEnding::Complete);
    assert_eq!(open_records(&model).rows.len(), 3);
    let effects = spool.press(&mut model, "esc");
    assert!(matches!(effects.as_slice(), [Effect::Records(RecordsEffect::DropSpool(_))]), "{effects:?}");
    assert_eq!((open_records(&model).rows.len(), &open_records(&model).reading), (101, &Reading::Partial(middle())));
    let effects = spool.press(&mut model, "M");
    assert!(
        matches!(effects.as_slice(), [Effect::Records(RecordsEffect::Read { order, .. })] if order.from == middle() && order.filter.is_everything())
    );
}

#[test]
fn following_goes_on_without_a_gap_when_a_filter_is_typed_and_undone() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "f");
    let effects = spool.press(&mut model, "/ key:cust-1 enter");
    let from = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Records(RecordsEffect::Follow { order, .. }) => Some((order.from, order.filter.is_everything())),
            _ => None,
        })
    };
    assert_eq!(from(&effects), Some((FollowFrom::At(now() - ARCHIVE_OVERLAP), false)));
    let effects = spool.press(&mut model, "esc");
    assert_eq!(from(&effects), Some((FollowFrom::At(now() - ARCHIVE_OVERLAP), true)));
}

#[test]
fn a_file_is_opened_as_if_it_were_an_archive() {
    let mut model = model_with_streams(80, 24);
    let effects = press(&mut model, "o /tmp/orders.jsonl enter");
    let [Effect::Records(RecordsEffect::Read { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.source, Source::File("/tmp/orders.jsonl".into()));
    press(&mut model, "f");
    assert_eq!(sentence(&model), "a file does not grow");
}

#[test]
fn a_path_that_is_typed_may_begin_at_home_and_stays_to_be_mended_when_it_is_wrong() {
    let mut model = model_with_streams(80, 24);
    model.home = Some("/home/ana".into());
    assert_eq!(press(&mut model, "o ~bob/orders.jsonl enter"), []);
    assert!(sentence(&model).contains("~bob is not understood here"), "{}", sentence(&model));
    let effects = press(&mut model, "ctrl-u ~/orders.jsonl enter");
    let [Effect::Records(RecordsEffect::Read { order, request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.source, Source::File("/home/ana/orders.jsonl".into()));
    let failure = Failure::refused("read file /home/ana/orders.jsonl", "No such file or directory");
    update(
        &mut model,
        Message::Records(RecordsMessage::ReadEnded(Reply {
            request: *request,
            result: ReadEnd { ending: ReadEnding::Failed(failure, Position::Beginning), is_full: false },
        })),
    );
    press(&mut model, "esc o");
    assert_eq!(model.streams.opening.as_ref().map(Line::text), Some("~/orders.jsonl"));
    let effects = press(&mut model, "enter");
    let [Effect::Records(RecordsEffect::Read { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    update(
        &mut model,
        Message::Records(RecordsMessage::ReadEnded(Reply {
            request: *request,
            result: ReadEnd { ending: ReadEnding::Complete, is_full: false },
        })),
    );
    press(&mut model, "esc o");
    assert_eq!(model.streams.opening.as_ref().map(Line::text), Some(""));
}

#[test]
fn an_export_with_an_ending_that_no_export_has_is_refused_while_it_is_typed() {
    let (mut model, spool, _) = model_with(80, 24, vec![Record::new(StoredItem::default())]);
    model.home = Some("/home/ana".into());
    assert_eq!(spool.press(&mut model, "e ctrl-u ~/orders.xlsx enter"), []);
    let Some(Screen::Records(records)) = model.screens.last() else { panic!("no records") };
    let mistake = records.typing.as_ref().and_then(|typing| typing.mistake.clone()).unwrap().1;
    assert_eq!(mistake, "exports end in .jsonl, .ndjson or .json for JSON Lines, or in .csv; .xlsx is none of these");
    let effects = spool.press(&mut model, "ctrl-u ~/orders.csv enter");
    let [Effect::Export { order, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((order.path.to_str(), order.format), (Some("/home/ana/orders.csv"), ExportFormat::Csv));
}

#[test]
fn a_command_that_makes_no_sense_says_why() {
    let (mut model, spool, _) = model_with(80, 24, vec![Record::new(StoredItem::default())]);
    for (key, expected) in [
        ("m", "all is read"),
        ("u", "no record is marked"),
        ("]", "this is no aggregated record"),
        ("D", "no older record of this key is nearby"),
    ] {
        spool.press(&mut model, key);
        assert!(sentence(&model).contains(expected), "{key}: {}", sentence(&model));
    }
}

#[test]
fn an_archive_of_newest_records_says_what_there_is_to_compare_with() {
    let mut model = model_with_streams(80, 24);
    model.streams.selected = Some(name("device-status"));
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    spool.read(&mut model, request, vec![record(1, b"{}"), record(2, b"[]")]);
    spool.end(&mut model, request, ReadEnding::Complete);
    spool.press(&mut model, "D");
    let expected = "mode LATEST keeps only the newest record of each key; mark another record to compare with";
    assert_eq!(sentence(&model), expected);
    spool.press(&mut model, "space D");
    assert!(open_records(&model).is_compared);
}

#[test]
fn nothing_is_followed_while_all_is_read_again() {
    let (mut model, spool) = model_with_records(80, 24);
    read_request(&spool.press(&mut model, "F5"));
    assert_eq!(spool.press(&mut model, "f"), [], "what comes in would be looked for in a spool that is thrown away");
    assert!(sentence(&model).contains("wait before you follow new records"), "{}", sentence(&model));
}

#[test]
fn what_came_in_while_it_was_followed_is_not_there_twice_when_reading_goes_on() {
    let mut model = model_with_streams(80, 24);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    spool.read(&mut model, request, many(5_000));
    spool.end(&mut model, request, ReadEnding::Stopped(middle()));
    let effects = spool.press(&mut model, "f");
    let [Effect::Records(RecordsEffect::Follow { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let entries = spool.put(vec![record(6_000, b"{}")]);
    let shards: std::sync::Arc<[String]> = std::sync::Arc::from([]);
    update(
        &mut model,
        Message::Records(RecordsMessage::Followed(Reply {
            request: *request,
            result: NewRecords { entries, shards, status: FollowStatus::default() },
        })),
    );
    let request = read_request(&spool.press(&mut model, "M"));
    spool.read(&mut model, request, vec![record(6_000, b"{}"), record(5_500, b"{}")]);
    assert_eq!(open_records(&model).rows.len(), 5_002);
}

#[test]
fn single_marks_are_not_taken_from_all_that_match_another_filter() {
    let (mut model, mut spool) = model_with_records(80, 24);
    spool.press(&mut model, "a");
    let request = read_request(&spool.press(&mut model, "/ key:cust-1 enter"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Complete);
    spool.press(&mut model, "space");
    assert!(sentence(&model).contains("all records of another filter are marked"), "{}", sentence(&model));
    assert!(matches!(&open_records(&model).marks, Marks::AllBut { except, .. } if except.is_empty()));
}

#[test]
fn a_letter_with_alt_does_not_do_what_the_letter_does() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let (mut model, _) = model_with_records(80, 24);
    for letter in ['a', 'q', 'u'] {
        update(&mut model, Message::Terminal(TerminalMessage::KeyPressed(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::ALT))));
    }
    assert!(!model.quit && open_records(&model).marks.is_empty());
}
