use super::recipe::tests::any_recipe;
use super::*;
use crate::domain::text::json_text::BYTE_ORDER_MARK;
use archiver::format::aggregate::aggregate;
use archiver::format::envelope::Separator;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use std::io::Write as _;

/// A value of a format, and the JSON that shows the same.
pub(super) fn any_value<V>(
    null: V,
    list: fn(Vec<V>) -> V,
    map: fn(Vec<(V, V)>) -> V,
) -> impl Strategy<Value = (V, serde_json::Value)>
where
    V: Clone + std::fmt::Debug + for<'t> From<&'t str> + From<bool> + From<i64> + From<u64> + From<f64> + 'static,
{
    let leaf = prop_oneof![
        Just((null, serde_json::Value::Null)),
        any::<bool>().prop_map(|word| (word.into(), word.into())),
        any::<i64>().prop_map(|number| (number.into(), number.into())),
        any::<u64>().prop_map(|number| (number.into(), number.into())),
        (-1e300..1e300_f64).prop_map(|number| (number.into(), number.into())),
        ".{0,40}".prop_map(|text| (text.as_str().into(), text.into())),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(move |values| {
                let (ours, theirs): (Vec<_>, Vec<_>) = values.into_iter().unzip();
                (list(ours), theirs.into())
            }),
            proptest::collection::btree_map(".{0,6}", inner, 0..20).prop_map(move |values| {
                let ours = values.iter().map(|(key, (value, _))| (key.as_str().into(), value.clone())).collect();
                (map(ours), values.into_iter().map(|(key, (_, value))| (key, value)).collect())
            })
        ]
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}

fn envelope() -> Envelope {
    Envelope {
        original_approximate_arrival_timestamp: "1545084650.987".to_owned(),
        original_shard_id: "shardId-000000000006".to_owned(),
        original_sequence_number: "4959".to_owned(),
        original_stream_name: None,
    }
}

fn replayed(payload: &[u8]) -> Vec<u8> {
    envelope().wrap(&Separator::default(), payload).unwrap()
}

/// A frame of Zstandard that is so many blocks of 128 KiB of one byte. Source: RFC 8878, section 3.1.1.
fn zstd_bomb(blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 1..=blocks {
        let header = 0x20000_u32 << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A frame of Zstandard with one block of 20 KB that would be 655 MB: each of its sequences repeats a byte 65,539 times.
fn zstd_bomb_in_a_block() -> Vec<u8> {
    const SEQUENCES: u16 = 10_000;
    let literals = 1 | 3 << 2 | u32::from(SEQUENCES) << 4;
    let mut block = literals.to_le_bytes()[..3].to_vec();
    let [high, low] = SEQUENCES.to_be_bytes();
    // One byte repeated as literals; the count; one code each for lengths of literals, offsets and lengths of matches.
    block.extend([b'x', high | 0x80, low, 0x54, 1, 0, 52]);
    block.extend(vec![0; 2 * usize::from(SEQUENCES)]);
    block.push(1);
    let header = u32::try_from(block.len()).unwrap() << 3 | 2 << 1 | 1;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend(block);
    frame
}

const LOGS: &[u8] = br#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/orders","logStream":"2026/11/20","subscriptionFilters":["all"],"logEvents":[{"id":"1","timestamp":1763632800123,"message":"START\n"},{"id":"2","timestamp":1763632800456,"message":"END"}]}"#;
const MESSAGE_PACK: &[u8] = b"\x82\xa2id\x01\xa4name\xa3two";
const CBOR: &[u8] = b"\xa2\x62id\x01\x64name\x63two";
const PROTOBUF: &[u8] = b"\x08\x96\x01\x12\x07testing";
const RENDERED: &str = r#"{"id":1,"name":"two"}"#;

/// A payload of each kind, and its breadcrumb.
fn payloads() -> Vec<(Vec<u8>, &'static str)> {
    let json = b"{\"id\":1}";
    let two = aggregate(&[("a", None, json), ("b", None, b"text")]);
    vec![
        (json.to_vec(), "JSON"),
        (b"{\"id\":1}\n{\"id\":2}\n".to_vec(), "JSON"),
        (b"{\"id\":1} tail".to_vec(), "text"),
        (b"plain text\n".to_vec(), "text"),
        (b"x\x9c is no zlib".to_vec(), "text"),
        (b"x\x9c\0 is no zlib".to_vec(), "binary"),
        (b"x^2 is no zlib".to_vec(), "text"),
        (vec![0, 159, 146, 150], "binary"),
        (vec![], "text"),
        (gzip(json), "gzip › JSON"),
        (zlib(json), "zlib › JSON"),
        (zstd(json), "zstd › JSON"),
        (gzip(&zlib(&zstd(b"text"))), "gzip › zlib › zstd › text"),
        (vec![0x1f, 0x8b, 1, 2], "binary"),
        ([gzip(json), b"\n".to_vec()].concat(), "gzip › JSON"),
        ([zlib(json), b" \0".to_vec()].concat(), "zlib › JSON"),
        ([zstd(json), b"tail".to_vec()].concat(), "zstd › JSON"),
        (gzip(json)[..20].to_vec(), "gzip › JSON"),
        (gzip(json)[..15].to_vec(), "gzip › text"),
        (b"\xef\xbb\xbf{\"id\":1}".to_vec(), "JSON"),
        (utf16("{\"id\":1}"), "UTF-16 › JSON"),
        (b"{\"id\":NaN,\"a\":-Infinity}".to_vec(), "JSON"),
        (br#"{"id":"\ud83d"}"#.to_vec(), "JSON"),
        (b"{\"id\":1}\0\0".to_vec(), "JSON"),
        (br#""{\"id\":1}""#.to_vec(), "JSON string › JSON"),
        (br#""just a text""#.to_vec(), "text"),
        (b"\x1b[32mINFO\x1b[0m order 42 paid\n".to_vec(), "text"),
        (b"it\xc2\x92s paid \xc2\x96 ok".to_vec(), "text"),
        (b"done\x07".to_vec(), "text"),
        (b"M\xfcller paid".to_vec(), "text"),
        ([GLUE, json].concat(), "Glue schema registry, version 12345678-1234-4321-8765-0123456789ab › JSON"),
        (
            [b"\x03\x05", &GLUE[2..], &zlib(json)].concat(),
            "Glue schema registry, version 12345678-1234-4321-8765-0123456789ab › zlib › JSON",
        ),
        ([GLUE, b"\x02\x08paid"].concat(), "Glue schema registry, version 12345678-1234-4321-8765-0123456789ab › binary"),
        ([b"\0\0\0\0\x07", json.as_slice()].concat(), "Confluent schema registry, schema 7 › JSON"),
        (b"\0\0\0\0\x07\x02\x08paid".to_vec(), "binary"),
        (b"\x08\x08\x01\x12\x04paid\x08\x08\x01\x12\x04paid".to_vec(), "protobuf messages"),
        (b"\x08\x08\x01\x12\x04paid".to_vec(), "protobuf messages"),
        (b"\x08\x01\x12\x04paid".to_vec(), "protobuf"),
        (b"\x0a\x0a\x08order-41\x0a\x0a\x08order-42".to_vec(), "binary"),
        (b"\x81\xa2id\x01\x81\xa2id\x02".to_vec(), "MessagePack"),
        (b"\xa1bid\x01\xa1bid\x02".to_vec(), "CBOR"),
        (gzip(LOGS), "gzip › CloudWatch Logs › JSON"),
        (gzip(&[LOGS, LOGS].concat()), "gzip › CloudWatch Logs › JSON"),
        (replayed(json), "replay envelope › JSON"),
        (replayed(&gzip(json)), "replay envelope › gzip › JSON"),
        (two.clone(), "KPL 1/2 › JSON"),
        (aggregate(&[("a", None, &gzip(LOGS))]), "KPL 1/1 › gzip › CloudWatch Logs › JSON"),
        (aggregate(&[("a", None, &two)]), "KPL 1/1 › binary"),
        (replayed(&two), "replay envelope › KPL 1/2 › JSON"),
        (MESSAGE_PACK.to_vec(), "MessagePack"),
        (CBOR.to_vec(), "CBOR"),
        (PROTOBUF.to_vec(), "protobuf"),
        (zstd(MESSAGE_PACK), "zstd › MessagePack"),
        (br#""\"{\\\"id\\\":1}\"""#.to_vec(), "JSON string › JSON string › JSON"),
        ([b"\x50\x2a\x4d\x18\x04\0\0\0abcd", zstd(json).as_slice()].concat(), "zstd › JSON"),
        (two[..two.len() - 3].to_vec(), "binary"),
        (zlib(&MESSAGE_PACK.repeat(20))[..20].to_vec(), "binary"),
        ("Zahlung ü".as_bytes()[..9].to_vec(), "text"),
        (b"{\"a\":\"\xff\",\"status\":\"paid\"}".to_vec(), "text"),
        (b"\x81\xa1a\x01\n".to_vec(), "binary"),
        ([MESSAGE_PACK, &MESSAGE_PACK[..7]].concat(), "binary"),
        (b"\x08paid\x0aalice".to_vec(), "text"),
    ]
}

/// A payload of any kind, wrapped, cut, changed and lengthened.
pub(in super::super) fn any_damaged_payload() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just(r#"{"id":1,"status":"paid","f":[1.5,NaN,-Infinity],"note":"ä \ud83d"}"#.to_owned()),
        Just("\u{1b}[32mINFO\u{1b}[0m order 42 paid\n".to_owned()),
        Just("it\u{92}s paid \u{96} ok".to_owned()),
        ".{0,60}",
    ];
    let content = prop_oneof![
        4 => proptest::sample::select(payloads()).prop_map(|(payload, _)| payload),
        3 => text.prop_map(String::into_bytes),
        1 => Just(b"M\xfcller, it\x92s paid".to_vec()),
        1 => Just(b"\x0a\x0a\x08order-41\x0a\x0a\x08order-42".to_vec()),
        2 => any::<Vec<u8>>(),
    ];
    let wrap = proptest::sample::select(vec![
        (|inner| gzip(&inner)) as fn(Vec<u8>) -> Vec<u8>,
        |inner| zlib(&inner),
        |inner| zstd(&inner),
        |inner| replayed(&inner),
        |inner| aggregate(&[("a", None, &inner), ("b", None, b"{}")]),
        |inner| [BYTE_ORDER_MARK.as_slice(), &inner].concat(),
        |inner| serde_json::to_vec(&String::from_utf8_lossy(&inner)).unwrap(),
        |inner| [b"\0\0\0\0\x07", inner.as_slice()].concat(),
        |inner| [GLUE, inner.as_slice()].concat(),
        |inner| [b"\x03\x05", &GLUE[2..], &zlib(&inner)].concat(),
        |inner| utf16(&String::from_utf8_lossy(&inner)),
    ]);
    let damage = prop_oneof![
        2 => (Just(0), any::<proptest::sample::Index>(), Just(0)),
        1 => (Just(1), any::<proptest::sample::Index>(), Just(0)),
        1 => (Just(2), any::<proptest::sample::Index>(), any::<u8>()),
        1 => (Just(3), any::<proptest::sample::Index>(), proptest::sample::select(vec![0, b'\n', b' ', b'}', 0xff])),
    ];
    (content, proptest::collection::vec((wrap, damage), 0..4)).prop_map(|(mut payload, wraps)| {
        for (wrap, (kind, at, byte)) in wraps {
            payload = wrap(payload);
            let at = at.index(payload.len().max(1));
            match (kind, payload.get_mut(at)) {
                (1, _) => payload.truncate(at),
                (2, Some(place)) => *place = byte,
                (3, _) => payload.extend(vec![byte; at % 5 + 1]),
                _ => {}
            }
        }
        payload
    })
}

const GLUE: &[u8] = b"\x03\0\x12\x34\x56\x78\x12\x34\x43\x21\x87\x65\x01\x23\x45\x67\x89\xab";

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn recipe(text: &str) -> Recipe {
    Recipe::parse(text).unwrap()
}

fn decoded_as(text: &str, payload: &[u8]) -> Decoded {
    decode_with(payload.to_vec(), false, &recipe(text), 0)
}

/// All that a search sees.
fn visited(payload: &[u8], recipe: &Recipe) -> Vec<Vec<u8>> {
    let mut visited = Vec::new();
    let ended = visit_contents(payload, recipe, &mut |content| {
        visited.push(content.bytes().to_vec());
        visited.extend(content.rendition().map(|text| text.as_bytes().to_vec()));
        ControlFlow::Continue(())
    });
    assert!(ended.is_continue());
    visited
}

/// All that is shown.
fn shown(payload: &[u8], recipe: &Recipe) -> Vec<Vec<u8>> {
    let count = usize::try_from(user_record_count(payload, recipe).unwrap_or(1)).unwrap();
    let decoded = (0..count).map(|place| decode_with(payload.to_vec(), false, recipe, place));
    decoded.flat_map(|decoded| [Some(decoded.content), decoded.rendition.map(String::into_bytes)]).flatten().collect()
}

#[test]
fn layers_are_recognised_and_named() {
    for (payload, breadcrumb) in payloads() {
        let decoded = decode(&STANDARD.encode(&payload));
        assert_eq!(decoded.breadcrumb(), breadcrumb, "{:?}", decoded.note);
        assert_eq!(decoded.payload_size, Some(payload.len() as u64));
    }
    let not_base64 = decode("héllo!");
    assert_eq!(not_base64.text(), Some("héllo!"));
    assert!(not_base64.note.unwrap().contains("not base64"));
}

#[test]
fn what_is_found_on_the_way_is_kept() {
    assert_eq!(decode_payload(replayed(b"{}")).envelope, Some(envelope()));
    assert_eq!(decode_payload(MESSAGE_PACK.to_vec()).text(), Some(RENDERED));
    assert_eq!(decode_payload(CBOR.to_vec()).text(), Some(RENDERED));
    assert_eq!(decode_payload(PROTOBUF.to_vec()).text(), Some(r#"{"1":150,"2":"testing"}"#));
    assert_eq!(
        decode_payload(vec![0x1f, 0x8b, 1, 2]).note.unwrap().split(':').next(),
        Some("looks like gzip, but cannot be unpacked")
    );
}

#[test]
fn each_user_record_is_decoded_by_its_place() {
    let three = aggregate(&[("a", None, b"{}"), ("b", None, &gzip(b"text")), ("a", None, MESSAGE_PACK)]);
    let decoded: Vec<Decoded> = (0..5).map(|place| decode_with(three.clone(), false, &Recipe::default(), place)).collect();
    let breadcrumbs: Vec<String> = decoded.iter().map(Decoded::breadcrumb).collect();
    let last = "KPL 3/3 › MessagePack";
    assert_eq!(breadcrumbs, ["KPL 1/3 › JSON", "KPL 2/3 › gzip › text", last, last, last]);
    let place = UserRecordPlace { place: 1, count: 3, partition_key: "b".to_owned() };
    assert_eq!(decoded[1].user_record.as_ref(), Some(&place));
    assert_eq!(user_records(&three, &Recipe::default(), 1, 1), [place]);
    assert_eq!(user_record_count(&three, &Recipe::default()), Some(3));
    assert_eq!(user_record_count(b"{}", &Recipe::default()), None);
    let mut looked_at = 0;
    let ended = visit_contents(&three, &Recipe::default(), &mut |content| {
        looked_at += 1;
        if content.bytes() == b"text" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(ended.is_break() && looked_at == 2, "it stops where the visitor breaks off");
}

#[test]
fn what_cannot_be_read_whole_says_so() {
    let whole = |payload: &[u8], recipe: &str| {
        let mut whole = Vec::new();
        let ended = visit_contents(payload, &Recipe::parse(recipe).unwrap(), &mut |content| {
            whole.push(content.is_whole());
            ControlFlow::Continue(())
        });
        assert!(ended.is_continue());
        whole
    };
    let large = gzip(&vec![b' '; MAX_SEARCHED_BYTES / 2 + 1]);
    assert_eq!(whole(b"{}", "detected"), [true]);
    assert_eq!(whole(&gzip(b"{}"), "gzip > json"), [true]);
    assert_eq!(whole(b"{}", "gzip"), [false], "a step that failed");
    assert_eq!(whole(b"plain", "json"), [false], "a format that it is not in");
    assert_eq!(whole(&[GLUE, b"{}"].concat(), "detected"), [true]);
    assert_eq!(whole(&[GLUE, b"\x02\x08paid"].concat(), "detected"), [false], "only its schema says what it holds");
    assert_eq!(whole(b"\x0a\x0a\x08order-41\x0a\x0a\x08order-42", "detected"), [false], "it can be two things");
    assert_eq!(whole(&aggregate(&[("a", None, b"{}"), ("a", None, &large), ("a", None, &large)]), "detected"), [true, true, false]);
}

/// Whether a payload is whole for whoever searches it, which is what its detail says too; and the detail.
fn read_whole(payload: &[u8]) -> (bool, Decoded) {
    let mut is_whole = true;
    let ended = visit_contents(payload, &Recipe::Detected, &mut |content| {
        is_whole &= content.is_whole();
        ControlFlow::Continue(())
    });
    assert!(ended.is_continue());
    (is_whole, decode_payload(payload.to_vec()))
}

fn assert_not_whole(payload: &[u8], breadcrumb: &str, note: &str) {
    let (is_whole, decoded) = read_whole(payload);
    assert_eq!(decoded.breadcrumb(), breadcrumb, "{payload:x?}");
    assert!(decoded.note.as_deref().is_some_and(|said| said.contains(note)), "{:?} {payload:x?}", decoded.note);
    assert!(!is_whole && !decoded.is_whole, "{payload:x?}");
}

#[test]
fn an_aggregated_record_that_is_damaged_is_not_whole() {
    let note = "looks like an aggregated record, but its MD5 does not match";
    let two = aggregate(&[("a", None, b"{\"id\":1}"), ("b", None, b"text")]);
    for at in [10, two.len() - 3] {
        let mut damaged = two.clone();
        damaged[at] ^= 1;
        assert_not_whole(&damaged, "binary", note);
        assert_not_whole(&gzip(&damaged), "gzip › binary", note);
        assert_not_whole(&replayed(&damaged), "replay envelope › binary", note);
    }
    for bytes in [&two[..5], &two[..two.len() / 2], &two[..two.len() - 1], &[&two, &b"\n"[..]].concat()] {
        assert_not_whole(bytes, "binary", note);
    }
    assert_not_whole(&aggregate(&[]), "binary", "looks like an aggregated record, but its contents cannot be read");
    let again = aggregate(&[("a", None, &two)]);
    assert_not_whole(&again, "KPL 1/1 › binary", "an aggregated record inside a user record is not taken apart");
    assert!(read_whole(&two).0);
}

#[test]
fn zlib_that_is_cut_or_damaged_is_not_whole_whatever_it_holds() {
    let message = MESSAGE_PACK.repeat(20);
    for content in [b"{\"id\":1,\"status\":\"paid\"}".as_slice(), MESSAGE_PACK, &message] {
        let whole = zlib(content);
        for end in 2..whole.len() {
            for cut in [whole[..end].to_vec(), gzip(&whole[..end]), aggregate(&[("a", None, &whole[..end])])] {
                let (is_whole, decoded) = read_whole(&cut);
                assert!(!is_whole && !decoded.is_whole && decoded.note.is_some(), "{end} {:?}", decoded.layers);
            }
        }
        let mut wrong_sum = whole.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        assert!(!read_whole(&wrong_sum).0);
        assert!(read_whole(&whole).0);
    }
    for text in [&b"x^2 is no zlib"[..], b"x\x9c is no zlib", b"\x08\x1d\x12\x04paid", b"x"] {
        assert!(read_whole(text).0, "{text:x?}");
    }
}

#[test]
fn json_that_was_encoded_several_times_is_taken_out() {
    let mut json = "{\"id\":1,\"status\":\"paid\"}".to_owned();
    for times in 1..5 {
        json = serde_json::to_string(&json).unwrap();
        let (is_whole, decoded) = read_whole(json.as_bytes());
        assert!(is_whole && decoded.text() == Some("{\"id\":1,\"status\":\"paid\"}"), "{times} {:?}", decoded.layers);
        for cut in [json.len() / 2, json.len() - 1] {
            assert!(!read_whole(&json.as_bytes()[..cut]).0, "{times} {cut}");
        }
    }
}

#[test]
fn a_text_of_which_a_character_is_cut_off_or_broken_is_not_whole() {
    for text in ["Zahlung ü", "order 42 é", "Preis €", "日本", "{\"status\":\"paé", "\n\u{9}öäü€"] {
        let cut = &text.as_bytes()[..text.len() - 1];
        assert_not_whole(cut, "text", "its last character is cut off, or it is not UTF-8");
        assert_not_whole(&gzip(cut), "gzip › text", "its last character is cut off");
    }
    assert_not_whole(&[&b"naive text ".repeat(1_000)[..], b"\xc3"].concat(), "text", "its last character is cut off");
    assert_not_whole(b"Z\xc3\xbcrich, K\xc3\xb6ln, B\xfcrn", "text", "it is not all UTF-8");
    for json in [&b"{\"a\":\"\xff\",\"status\":\"paid\"}"[..], b"[{\"a\":\"\xff\xfe\",\"status\":\"paid\"}]"] {
        assert_not_whole(json, "text", "it is not all UTF-8");
    }
    assert!(read_whole(b"M\xfcller").0, "all of it can be read");
}

#[test]
fn what_says_what_it_is_and_cannot_be_read_is_not_whole() {
    let described = [b"\xd9\xd9\xf7", CBOR].concat();
    assert!(read_whole(&described).0);
    assert_not_whole(&described[..described.len() - 1], "binary", "looks like CBOR, but it ends too early");
    let cut = "what follows its first value is cut off";
    for (bytes, name) in [(MESSAGE_PACK, "MessagePack"), (CBOR, "CBOR")] {
        assert_not_whole(&[bytes, &bytes[..9]].concat(), "binary", &format!("looks like {name}, but {cut}"));
        assert_not_whole(&[bytes, bytes, b"\n"].concat(), "binary", "more bytes follow its end");
    }
    let glue = "Glue schema registry, version 12345678-1234-4321-8765-0123456789ab › binary";
    assert_not_whole(&[b"\x03\x05", &GLUE[2..], b"\x28\xb5\x2f"].concat(), glue, "looks like glue, but cannot be unpacked");
    let skipped = [b"\x50\x2a\x4d\x18\x04\0\0\0abcd", zstd(b"{\"id\":1}").as_slice()].concat();
    let (is_whole, decoded) = read_whole(&skipped);
    assert_eq!((is_whole, decoded.breadcrumb().as_str()), (true, "zstd › JSON"));
    let (is_whole, decoded) = read_whole(b"\x82\x92\x01\x02\xa1x\xa6status\xa4paid");
    assert_eq!((is_whole, decoded.text()), (true, Some(r#"{"[1,2]":"x","status":"paid"}"#)));
}

#[test]
fn what_may_be_one_format_or_another_is_called_neither() {
    for (payload, note) in [
        (&b"\x81\xa1a\x01\n"[..], "it can be read as CBOR and as MessagePack"),
        (b"\x81\x01\n", "it can be read as MessagePack and as CBOR"),
        (b"\x92\x01\x02", "it may be MessagePack"),
        (b"\x82\x01\x02", "it may be CBOR"),
        (b"\x08\x01\x10\x02", "it may be protobuf"),
        (b"\x96\x0e\x08\x01\x02\x03\x04", "it may be MessagePack"),
    ] {
        assert_not_whole(payload, "binary", note);
    }
    assert_eq!(decode_payload(b"\x08paid\x0aalice".to_vec()).kind(), Layer::Text, "strings after their lengths");
}

#[test]
fn log_lines_are_those_of_all_envelopes() {
    let lines = log_lines(&decode_payload(gzip(&[LOGS, LOGS].concat()))).unwrap();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1], (1_763_632_800_456, "END".to_owned()));
    assert_eq!(log_lines(&decode_payload(b"{\"logEvents\":[]}".to_vec())), None);
    let control =
        br#"{"messageType":"CONTROL_MESSAGE","logGroup":"","logEvents":[{"timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#;
    assert_eq!(log_lines(&decode_payload(control.to_vec())).unwrap().len(), 1);
}

#[test]
fn a_recipe_is_followed() {
    for (text, payload, breadcrumb) in [
        ("hex", b"{}".to_vec(), "binary"),
        ("text", b"{}".to_vec(), "text"),
        ("text", b"\x01\x02".to_vec(), "text"),
        ("json", b"17".to_vec(), "JSON"),
        ("gzip", gzip(&gzip(b"{}")), "gzip › binary"),
        ("gzip > hex", gzip(b"{}"), "gzip › binary"),
        ("base64 > gzip", STANDARD.encode(gzip(b"{}")).into_bytes(), "base64 › gzip › JSON"),
        ("base64", b" aGVsbG8\n".to_vec(), "base64 › text"),
        ("base64 > hex", b"-_-_".to_vec(), "base64 › binary"),
        ("kpl > text", aggregate(&[("a", None, b"{}")]), "KPL 1/1 › text"),
        ("envelope > zlib > msgpack", replayed(&zlib(MESSAGE_PACK)), "replay envelope › zlib › MessagePack"),
        ("zstd > cbor", zstd(b"\x01"), "zstd › CBOR"),
        ("protobuf", b"\x08\x01".to_vec(), "protobuf"),
        ("delimited", b"\x02\x08\x01".to_vec(), "protobuf messages"),
        ("skip 5 > json", b"abcde{}".to_vec(), "skip 5 › JSON"),
        ("skip 2", b"ab".to_vec(), "skip 2 › text"),
        ("glue > json", [GLUE, b"{}"].concat(), "Glue schema registry, version 12345678-1234-4321-8765-0123456789ab › JSON"),
        ("confluent > hex", b"\0\0\0\0\x07ab".to_vec(), "Confluent schema registry, schema 7 › binary"),
        ("unquote > text", br#""a\tb""#.to_vec(), "JSON string › text"),
        ("utf16", utf16("{}"), "UTF-16 › JSON"),
        ("gzip > cloudwatch", gzip(LOGS), "gzip › CloudWatch Logs › JSON"),
        ("gzip > cloudwatch > text", gzip(LOGS), "gzip › CloudWatch Logs › text"),
    ] {
        let decoded = decoded_as(text, &payload);
        assert_eq!((decoded.breadcrumb().as_str(), decoded.note), (breadcrumb, None), "{text}");
    }
}

#[test]
fn a_step_that_fails_leaves_what_came_before() {
    for (text, payload, breadcrumb, note) in [
        ("gzip > msgpack", b"{}".to_vec(), "JSON", "gzip: "),
        ("gzip > zlib > json", gzip(b"text"), "gzip › text", "zlib: "),
        ("json", b"plain".to_vec(), "text", "json: "),
        ("text", vec![0xff, 0], "binary", "text: it is not UTF-8"),
        ("kpl", b"{}".to_vec(), "JSON", "kpl: it is not an aggregated record"),
        ("kpl > kpl", aggregate(&[("a", None, b"{}")]), "KPL 1/1 › JSON", "kpl: a user record is not taken apart"),
        ("envelope", b"{}".to_vec(), "JSON", "envelope: there is none"),
        ("cloudwatch", b"{}".to_vec(), "JSON", "cloudwatch: it is not"),
        ("base64", b"{}".to_vec(), "JSON", "base64: "),
        ("skip 3", b"{}".to_vec(), "JSON", "skip 3: there are only 2 bytes"),
        ("glue", b"{}".to_vec(), "JSON", "glue: there is no such header"),
        ("unquote", b"{}".to_vec(), "JSON", "unquote: it is not a JSON string"),
        ("cbor", MESSAGE_PACK[..5].to_vec(), "binary", "cbor: "),
        ("msgpack", MESSAGE_PACK[..5].to_vec(), "binary", "msgpack: it ends too early"),
    ] {
        let decoded = decoded_as(text, &payload);
        assert_eq!(decoded.breadcrumb(), breadcrumb, "{text}");
        assert!(decoded.note.as_ref().unwrap().starts_with(note), "{text}: {:?}", decoded.note);
    }
}

#[test]
fn a_bomb_is_unpacked_only_so_far() {
    let zeros = vec![0; MAX_SHOWN_BYTES + 10];
    for bomb in [gzip(&zeros), zlib(&zeros), zstd(&zeros), zstd_bomb(100_000), gzip(&gzip(&zeros)), replayed(&zlib(&zeros))] {
        let decoded = decode_payload(bomb);
        assert!(decoded.content.len() <= MAX_SHOWN_BYTES && decoded.content.len() >= MAX_SHOWN_BYTES / 2);
        assert_eq!(decoded.kind(), Layer::Binary);
        assert!(decoded.note.unwrap().contains("only the first 64 MiB of the record are unpacked"));
    }
    let text = decode_payload(gzip(&"ä€".repeat(MAX_SHOWN_BYTES / 4).into_bytes()));
    assert_eq!(text.kind(), Layer::Text, "a cut through a character does not make text bytes");
    assert!(text.content.len() > MAX_SHOWN_BYTES - 4);
}

#[test]
fn what_is_odd_is_said_and_nothing_is_lost_for_it() {
    let json = b"{\"id\":1}";
    let mut wrong_sum = gzip(json);
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    for (payload, text, is_whole, note) in [
        ([gzip(json), b"\n".to_vec()].concat(), "{\"id\":1}", true, "1 byte follows the end of the gzip (0a)"),
        ([zstd(json), vec![0; 9]].concat(), "{\"id\":1}", true, "9 bytes follow the end of the zstd (00 00 00 00 00 00 00 00 …)"),
        ([zlib(json), b"more".to_vec()].concat(), "{\"id\":1}", false, "4 bytes follow the end of the zlib (6d 6f 72 65)"),
        (gzip(json)[..20].to_vec(), "{\"id\":1}", false, "the gzip is cut off: only the beginning can be read"),
        (wrong_sum, "{\"id\":1}", false, "the gzip is damaged (incorrect data check): only the beginning can be read"),
        (b"\xef\xbb\xbf{\"id\":1}".to_vec(), "{\"id\":1}", true, "a byte order mark precedes it"),
        (b"{\"id\":1}\0".to_vec(), "{\"id\":1}", true, "a zero byte follows it"),
        (b"{\"id\":1}\n\0\0".to_vec(), "{\"id\":1}\n", true, "2 zero bytes follow it"),
        (b"{\"id\":NaN}".to_vec(), "{\"id\":NaN}", true, "it has NaN or Infinity for a number, as Python writes them"),
        (br#"{"a":"\uD83d"}"#.to_vec(), r#"{"a":"\uD83d"}"#, true, "a text in it has half a character, which some readers refuse"),
        ([GLUE, b"\x02\x08paid"].concat(), "", true, "these bytes cannot be read without their schema"),
        (b"done\x07".to_vec(), "done\u{7}", true, "symbols stand for its control characters"),
        (b"M\xfcller".to_vec(), "Müller", true, "it is not UTF-8, but shown as Windows-1252"),
        (br#""{\"id\":1"#.to_vec(), "{\"id\":1", false, "the string is cut off: only the beginning can be read"),
    ] {
        let decoded = decode_payload(payload.clone());
        assert_eq!(decoded.text().unwrap_or_default(), text, "{note}");
        assert_eq!((decoded.is_whole, decoded.note.as_deref()), (is_whole, Some(note)));
        assert_eq!(decoded.clone().into_text().as_deref(), decoded.text());
    }
    for (payload, note) in [
        (
            &b"\x0a\x0a\x08order-41\x0a\x0a\x08order-42"[..],
            "it can be read as protobuf and as protobuf messages: name the right step",
        ),
        (b"\x93abc", "it can be read as MessagePack and as text: name the right step"),
        (b"\0\0\0\0\x07\x02\x08paid", "it may begin with a schema registry's header: Confluent schema registry, schema 7"),
    ] {
        let decoded = decode_payload(payload.to_vec());
        assert_eq!(decoded.text(), None);
        assert!(decoded.note.unwrap().starts_with(note));
    }
    assert_eq!(decode_payload([GLUE, json].concat()).schema().unwrap().id(), "12345678-1234-4321-8765-0123456789ab");
}

#[test]
fn short_payloads_are_not_called_what_they_may_only_be() {
    for byte in 0..=u8::MAX {
        let kind = decode_payload(vec![byte]).kind();
        let is_text = matches!(byte, b' '..=b'~' | b'\t'..=b'\r');
        assert_eq!(kind, if is_text { Layer::Text } else { Layer::Binary }, "{byte:x}");
    }
    for payload in [&b"7"[..], b"1234567890", b"true", b"null", b"\"a\"", b"paid", b"a1 b2"] {
        assert_eq!(decode_payload(payload.to_vec()).kind(), Layer::Text);
    }
    for payload in
        [&b"7\0"[..], b"\x80\x80", b"\x90\x90", b"\x08\x01", b"\x01\x08", b"\0\0\0\x01", b"\xff\xfe", b"\xe9", b"\x93abc"]
    {
        assert_eq!(decode_payload(payload.to_vec()).kind(), Layer::Binary, "{payload:x?}");
    }
}

#[test]
fn all_that_a_record_holds_is_unpacked_to_one_bound() {
    let bomb = gzip(&gzip(&vec![b' '; 60 << 20]));
    let records: Vec<(&str, Option<&str>, &[u8])> = vec![("a", None, &bomb); 100];
    let payload = aggregate(&records);
    assert!(payload.len() < 50_000);
    let decoder = Decoder::default();
    let unpacked = (0..100).map(|place| decoder.decode(payload.clone(), false, &Recipe::default(), place).content.len());
    assert!(unpacked.sum::<usize>() <= MAX_SHOWN_BYTES);
    let mut seen = 0;
    let ended = visit_contents(&payload, &Recipe::default(), &mut |content| {
        seen += content.bytes().len();
        ControlFlow::Continue(())
    });
    assert!(ended.is_continue() && seen <= MAX_SEARCHED_BYTES);
}

#[test]
fn layers_without_end_are_left_on() {
    let nested = (0..20).fold(b"{}".to_vec(), |inner, _| gzip(&inner));
    let decoded = decode_payload(nested);
    assert_eq!(decoded.layers.len(), 10);
    assert_eq!(decoded.note.unwrap(), "only the first 8 layers are removed");
}

#[test]
fn a_frame_that_asks_for_much_memory_is_refused() {
    // Window descriptors of 128 MiB and of 3.75 TiB, and an empty block.
    for window in [0x88, 0xff] {
        let decoded = decode_payload(vec![0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0]);
        assert_eq!(decoded.breadcrumb(), "binary");
        assert!(decoded.note.unwrap().starts_with("looks like zstd, but cannot be unpacked"));
    }
}

#[test]
fn a_block_that_grows_beyond_what_a_block_may_be_is_refused() {
    let decoded = decode_payload(zstd_bomb_in_a_block());
    assert_eq!(decoded.breadcrumb(), "binary");
    assert!(decoded.note.unwrap().starts_with("looks like zstd, but cannot be unpacked"));
}

#[test]
fn random_bytes_are_hardly_ever_taken_for_a_format() {
    const TIMES: usize = 50_000;
    for length in [8, 16, 32, 64, 200] {
        let mut random = fastrand::Rng::with_seed(42);
        let mut taken = std::collections::BTreeMap::<&str, usize>::new();
        for _ in 0..TIMES {
            let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            *taken.entry(format::detect(&bytes, MAX_SHOWN_BYTES).kind.as_str()).or_default() += 1;
        }
        let wrong = TIMES - taken["binary"];
        assert!(length < 32 || wrong * 100 < TIMES, "{length} bytes: {taken:?}");
    }
}

proptest! {
    #[test]
    fn any_payload_is_decoded(payload: Vec<u8>) {
        let mut decoded = decode(&STANDARD.encode(&payload));
        prop_assert_eq!(decoded.payload_size, Some(payload.len() as u64));
        let layers = decoded.layers.split_off(1);
        let stored = decode_with(payload, true, &Recipe::default(), 0);
        prop_assert_eq!(&stored.layers[..2], [Layer::Base64, Layer::StoredGzip]);
        prop_assert_eq!((&stored.layers[2..], stored.content), (layers.as_slice(), decoded.content));
    }

    #[test]
    fn any_recipe_is_followed_on_any_payload(payload: Vec<u8>, recipe in any_recipe(), user_record: usize) {
        let decoded = decode_with(payload.clone(), false, &recipe, user_record);
        prop_assert!(decoded.text().is_none_or(|text| text.len() <= payload.len() * 20 + 100));
        prop_assert_eq!(visited(&payload, &recipe), shown(&payload, &recipe));
    }

    #[test]
    fn what_is_searched_is_what_is_shown(
        which in 0..payloads().len(),
        recipe in any_recipe(),
        damage in proptest::option::of((any::<proptest::sample::Index>(), any::<u8>())),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut payload = payloads().swap_remove(which).0;
        if let Some((at, byte)) = damage && !payload.is_empty() {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Some(cut) = cut && !payload.is_empty() {
            payload.truncate(cut.index(payload.len()));
        }
        for recipe in [&Recipe::Detected, &recipe] {
            prop_assert_eq!(visited(&payload, recipe), shown(&payload, recipe));
        }
        for is_whole in [true, false] {
            prop_assert!(Beginnings::default().of(&payload, is_whole).content.len() <= 64 * 1024);
        }
    }
}
