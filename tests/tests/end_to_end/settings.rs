//! A stream's tags choose the table, whatever the case of the tags or the table.

use end_to_end::endpoints::Endpoints;
use end_to_end::event::fixture;
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream};

in_both_ways!(
    the_table_in_the_other_case_is_used,
    a_stream_without_tags_is_archived_in_mode_latest,
    a_fan_out_consumer_delivers_to_the_archive_of_its_stream,
);

async fn the_table_in_the_other_case_is_used(way: Way) {
    let endpoints = Endpoints::start().await;
    for (tag, table, keys) in [
        ("all", "ALL", Keys::OfModeAll),
        ("ALL", "all", Keys::OfModeAll),
        ("latest", "LATEST", Keys::OfModeLatest),
        ("LATEST", "latest", Keys::OfModeLatest),
    ] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", tag)], table, keys).await;
        let function = Function::start(&endpoints, &way).await;

        function.archive(&fixture("three_orders.json", &stream)).await;

        assert_eq!(stream.items(table).await.len(), 3, "tag {tag}, table {table}");
        if let Function::Binary(bootstrap) = &function {
            let missing = stream.table(tag);
            let is_said = |line: &String| line.contains("the one spelled in the other case is used") && line.contains(&missing);
            assert_eq!(bootstrap.log().iter().filter(|line| is_said(line)).count(), 1, "{:#?}", bootstrap.log());
        }
    }
}

async fn a_stream_without_tags_is_archived_in_mode_latest(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::create(&endpoints, 1).await;
    stream.create_table("ALL", Keys::OfModeAll).await;
    stream.create_table("LATEST", Keys::OfModeLatest).await;
    let function = Function::start(&endpoints, &way).await;

    function.archive(&fixture("three_orders.json", &stream)).await;

    assert_eq!(stream.items("LATEST").await.len(), 3);
    assert_eq!(stream.items("ALL").await, vec![]);
}

async fn a_fan_out_consumer_delivers_to_the_archive_of_its_stream(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    let function = Function::start(&endpoints, &way).await;

    function.archive(&fixture("from_a_fan_out_consumer.json", &stream)).await;

    assert_eq!(stream.items("ALL").await.len(), 1);
}
