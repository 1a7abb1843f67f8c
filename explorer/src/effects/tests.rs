//! The screens' effects on the emulators.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::app::model::Model;
use crate::app::records::Reading;
use crate::app::tests::fixtures::{model_with_streams, open_records, overview, press};
use crate::app::update;
use crate::aws::follow::follow;
use crate::aws::follow::tests::{archived, make_table, put, with_stream};
use crate::domain::reading::following::{FollowBatch, FollowFrom, FollowOrder, Followed};
use crate::domain::record::{Record, RecordId};
use crate::domain::stream::overview::Configuration;
use archiver::format::settings::{ArchiveMode, ArchiveSettings};
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// More than anything needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A model whose effects are run.
struct Screen {
    model: Model,
    runner: Runner,
    messages: mpsc::Receiver<Message>,
}

impl Screen {
    fn new(connection: &Connection) -> Self {
        let (sender, messages) = mpsc::channel(64);
        let mut model = model_with_streams(120, 200);
        model.times.now = Timestamp::now();
        Self { model, runner: Runner::new(connection.clone(), sender), messages }
    }

    fn press(&mut self, keys: &str) {
        self.model.times.now = Timestamp::now();
        press(&mut self.model, keys).into_iter().for_each(|effect| self.runner.run(effect));
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Model) -> bool) {
        let take = async {
            while !is_so(&self.model) {
                let message = self.messages.recv().await.unwrap();
                update(&mut self.model, message).into_iter().for_each(|effect| self.runner.run(effect));
            }
        };
        let taken = tokio::time::timeout(PATIENCE, take).await;
        assert!(taken.is_ok(), "timed out: {what}");
    }

    /// The records shown; all of them are loaded.
    fn shown(&self) -> Vec<RecordId> {
        let rows = &open_records(&self.model).rows;
        (0..rows.len()).map(|rank| rows.get(rank).unwrap().id.clone()).collect()
    }
}

/// This many records of the stream.
async fn of_stream(connection: &Connection, count: usize) -> Vec<Record> {
    let (batches, mut coming) = mpsc::channel::<FollowBatch>(1);
    let (_stop, stopped) = watch::channel(false);
    let order = FollowOrder {
        stream: StreamName::parse("orders").unwrap(),
        followed: Followed::Stream,
        filter: Default::default(),
        recipe: Default::default(),
        from: FollowFrom::At(Timestamp::now() - jiff::SignedDuration::from_hours(1)),
    };
    let gather = async {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(coming.recv().await.unwrap().records);
        }
        records
    };
    tokio::select! {
        _ = follow(connection, &order, batches, stopped) => panic!("following has ended"),
        records = tokio::time::timeout(PATIENCE, gather) => records.unwrap(),
    }
}

/// Archives what is in the stream and not archived yet.
async fn archive(connection: &Connection, table: &str, records: &[Record]) {
    for record in records {
        connection.dynamodb.put_item().table_name(table).set_item(Some(archived(record))).send().await.unwrap();
    }
}

#[tokio::test]
async fn what_arrives_between_reading_and_following_is_neither_left_out_nor_there_twice() {
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let (_emulators, connection) = with_stream(2).await;
        let Followed::Archive { table, .. } = make_table(&connection, mode).await else { panic!() };
        put(&connection, 0..10).await;
        let first = of_stream(&connection, 10).await;
        // Two of them are archived only after the archive was read.
        archive(&connection, &table, &first[..8]).await;
        let mut screen = Screen::new(&connection);
        let orders = screen.model.streams.rows.iter_mut().find(|row| row.name.as_str() == "orders").unwrap();
        let configuration = Configuration::Archived(ArchiveSettings::new(mode, None));
        orders.overview = Some(overview("orders", configuration, Some((mode, 10))));
        screen.press("enter");
        screen
            .until("all is read", |model| open_records(model).reading == Reading::Complete && open_records(model).rows.len() == 8)
            .await;
        put(&connection, 10..16).await;
        let all = of_stream(&connection, 16).await;
        let late: Vec<Record> = all.iter().filter(|record| !first[..8].contains(record)).cloned().collect();
        archive(&connection, &table, &late).await;
        screen.press("f");
        screen.until("all has come", |model| open_records(model).rows.len() >= 16).await;
        put(&connection, 16..17).await;
        let all = of_stream(&connection, 17).await;
        archive(&connection, &table, &all).await;
        // Once the last record is there, nothing came twice before it.
        screen.until("the last has come", |model| open_records(model).rows.len() >= 17).await;
        screen.until("they are loaded", |model| (0..17).all(|rank| open_records(model).rows.get(rank).is_some())).await;
        let shown = screen.shown();
        let expected: BTreeSet<RecordId> = all.iter().map(|record| record.id.clone()).collect();
        assert_eq!((shown.len(), shown.into_iter().collect::<BTreeSet<_>>()), (17, expected), "{mode}");
        screen.press("esc");
    }
}

#[tokio::test]
async fn a_filter_over_all_that_was_read_asks_the_table_for_nothing() {
    let (_emulators, connection) = with_stream(2).await;
    let Followed::Archive { table, mode } = make_table(&connection, ArchiveMode::All).await else { panic!() };
    put(&connection, 0..40).await;
    let records = of_stream(&connection, 40).await;
    archive(&connection, &table, &records).await;
    let mut screen = Screen::new(&connection);
    let orders = screen.model.streams.rows.iter_mut().find(|row| row.name.as_str() == "orders").unwrap();
    orders.overview = Some(overview("orders", Configuration::Archived(ArchiveSettings::new(mode, None)), Some((mode, 10))));
    screen.press("enter");
    screen
        .until("all is read", |model| open_records(model).reading == Reading::Complete && open_records(model).rows.len() == 40)
        .await;
    // A call to the archive would now fail.
    connection.dynamodb.delete_table().table_name(&table).send().await.unwrap();
    screen.press("/ key:cust-3 space text:3 enter");
    let expected = records.iter().filter(|record| {
        let payload = String::from_utf8(record.payload().unwrap().unwrap()).unwrap();
        record.id.partition_key == "cust-3" && payload.contains('3')
    });
    let expected = expected.count();
    assert!(expected > 0);
    let is_picked = |model: &Model| open_records(model).reading == Reading::Complete && open_records(model).rows.len() == expected;
    screen.until("what matches is picked", is_picked).await;
    screen.press("esc");
    screen.until("all is shown again", |model| open_records(model).rows.len() == 40).await;
    assert_eq!(open_records(&screen.model).reading, Reading::Complete);
}
