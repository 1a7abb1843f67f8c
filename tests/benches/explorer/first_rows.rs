//! How soon something is visible: from an effect to the first message with entries, and looking up one record.

use crate::items;
use crate::process;
use crate::spread::milliseconds;
use crate::table::{TABLE, Table};
use archiver::format::settings::ArchiveMode;
use explorer::app::effect::{Effect, RecordsEffect};
use explorer::app::ids::{RequestId, SpoolId};
use explorer::app::message::{Message, RecordsMessage};
use explorer::aws::archive;
use explorer::aws::connect::Connection;
use explorer::effects::Runner;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::sync::mpsc;

/// Times in milliseconds, for every round: the first rows over new and over open connections, the rows of one key, and one record.
pub(crate) async fn measure(table: &Table, rounds: usize) -> Value {
    let (mut new, mut open, mut key_rows, mut record) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let number = round * table.items / rounds;
        let key = items::key_of(number);
        let connection = table.connect();
        let (sender, mut messages) = mpsc::channel(256);
        let mut runner = Runner::new(connection.clone(), sender);
        let mut request = 0;
        for (filter, measured) in [("", &mut new), ("", &mut open), (&format!("key:{key}"), &mut key_rows)] {
            request += 1;
            quiet(&connection, request, &key).await;
            let started = Instant::now();
            let order = Box::new(table.order(filter));
            runner.run(Effect::Records(RecordsEffect::Read { request: RequestId(request), spool: SpoolId(request), order }));
            first_entries(&mut messages).await;
            measured.push(milliseconds(started.elapsed()));
            runner.run(Effect::Stop(RequestId(request)));
            ended(&mut messages, RequestId(request)).await;
            runner.run(Effect::Records(RecordsEffect::DropSpool(SpoolId(request))));
        }
        let started = Instant::now();
        let sequence_number = items::sequence_number_of(number);
        let found = archive::get(&connection, TABLE, ArchiveMode::All, &key, Some(&sequence_number)).await;
        record.push(milliseconds(started.elapsed()));
        assert_eq!(found.expect("an answer").expect("a record").id.sequence_number, sequence_number);
    }
    json!({
        "first rows, new connection": new,
        "first rows": open,
        "rows of one key": key_rows,
        "one record by key": record,
        "peak memory": process::peak_memory_bytes(std::process::id()),
    })
}

/// Waits until the emulator, which is sequential, has finished pages that nothing waits for any more. The first reading uses new
/// connections, so there are none before it.
async fn quiet(connection: &Connection, request: u64, key: &str) {
    for _ in 1..request {
        let found = archive::get(connection, TABLE, ArchiveMode::All, key, None).await;
        assert!(found.expect("an answer").is_some(), "the key has records");
    }
}

async fn first_entries(messages: &mut mpsc::Receiver<Message>) {
    loop {
        match messages.recv().await.expect("the runner goes on") {
            Message::Records(RecordsMessage::Read(reply)) if !reply.result.entries.is_empty() => return,
            Message::Records(RecordsMessage::ReadEnded(reply)) => panic!("nothing was read: {:?}", reply.result),
            _ => {}
        }
    }
}

async fn ended(messages: &mut mpsc::Receiver<Message>, wanted: RequestId) {
    while let Some(message) = messages.recv().await {
        if matches!(message, Message::Records(RecordsMessage::ReadEnded(reply)) if reply.request == wanted) {
            return;
        }
    }
}
