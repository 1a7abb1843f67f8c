use super::*;
use base64_simd::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;

/// Written by the Python package aws_kinesis_agg 1.2.3 of awslabs, and read back by it.
const REFERENCE: &str = "f3899ac20a06637573742d310a06637573742d320a056bc3b674741202343212273334303238323336363932303933383436333436\
    333337343630373433313736383231313435351a0c080010001a06706c616365641a0408011a001a0a08001a067061696420ff1a08080210011a02c3b6\
    45cea18e2316a63eb5c065cac0829e82";

type Put<'r> = (&'r str, Option<&'r str>, &'r [u8]);

const REFERENCE_RECORDS: [Put<'static>; 4] = [
    ("cust-1", Some("42"), b"placed"),
    ("cust-2", None, b""),
    ("cust-1", None, b"paid \xff"),
    ("kött", Some("340282366920938463463374607431768211455"), "ö".as_bytes()),
];

/// A table with one key, the same of explicit hash keys, and a record `x` under either.
const KEYS: &[u8] = b"\x0a\x06cust-1\x12\x0242";
const RECORD: &[u8] = b"\x1a\x07\x08\x00\x10\x00\x1a\x01x";

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What a payload holds, in the form in which it was put; all of it must point into the payload.
fn unpack(payload: &[u8]) -> Option<Vec<Put<'_>>> {
    let within = payload.as_ptr_range();
    let aggregate = Aggregate::parse(payload)?;
    let records: Vec<_> = aggregate.user_records().collect();
    assert!(!records.is_empty());
    for (place, record) in records.iter().enumerate() {
        assert_eq!(record.sub_sequence_number, place as u64);
        let hash_key = record.explicit_hash_key.unwrap_or(record.partition_key);
        for part in [record.partition_key.as_bytes(), hash_key.as_bytes(), record.data] {
            assert!(part.is_empty() || within.contains(&part.as_ptr()) && part.as_ptr_range().end <= within.end);
        }
    }
    Some(records.iter().map(|record| (record.partition_key, record.explicit_hash_key, record.data)).collect())
}

#[track_caller]
fn assert_unpacks(parts: &[&[u8]], expected: &[Put<'_>]) {
    assert_eq!(unpack(&with_magic_and_sum(&parts.concat())).as_deref(), Some(expected), "{:x?}", parts.concat());
}

#[track_caller]
fn assert_ordinary(parts: &[&[u8]]) {
    assert_eq!(unpack(&with_magic_and_sum(&parts.concat())), None, "{:x?}", parts.concat());
}

#[test]
fn what_another_implementation_packed_is_read() {
    assert_eq!(unpack(&bytes_of_hex(REFERENCE)).unwrap(), REFERENCE_RECORDS);
}

#[test]
fn records_are_packed_as_the_other_implementation_does() {
    assert_eq!(aggregate(&REFERENCE_RECORDS), bytes_of_hex(REFERENCE));
}

#[test]
fn the_first_characters_tell_what_may_be_an_aggregate() {
    for next in 0..=u8::MAX {
        assert!(may_be_aggregated(&STANDARD.encode_to_string([0xF3, 0x89, 0x9A, 0xC2, next])));
        assert_eq!(may_be_aggregated(&STANDARD.encode_to_string([0xF3, 0x89, 0x9A, next])), next == 0xC2, "{next:x}");
    }
    assert!(may_be_aggregated(&STANDARD.encode_to_string(MAGIC)));
    assert!(!may_be_aggregated("84maw") && !may_be_aggregated(""));
}

#[test]
fn a_payload_with_a_wrong_sum_is_an_ordinary_one() {
    let payload = bytes_of_hex(REFERENCE);
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 1;
        assert_eq!(unpack(&damaged), None, "at {at}");
    }
}

#[test]
fn a_payload_cut_short_is_an_ordinary_one_even_with_a_right_sum() {
    let payload = bytes_of_hex(REFERENCE);
    (0..payload.len()).for_each(|length| assert_eq!(unpack(&payload[..length]), None, "{length}"));
    let message = [KEYS, RECORD].concat();
    (0..message.len()).for_each(|length| assert_ordinary(&[&message[..length]]));
    assert_unpacks(&[&message], &[("cust-1", Some("42"), b"x")]);
}

#[test]
fn an_aggregate_of_nothing_is_an_ordinary_payload() {
    assert_ordinary(&[]);
    assert_ordinary(&[KEYS]);
}

#[test]
fn the_tables_may_follow_the_records_and_stand_between_them() {
    assert_unpacks(&[RECORD, KEYS, b"\x1a\x04\x1a\x00\x08\x00"], &[("cust-1", Some("42"), b"x"), ("cust-1", None, b"")]);
}

#[test]
fn fields_that_nobody_knows_are_passed_over() {
    let unknown: [&[u8]; 8] = [
        b"\x20\x05",
        b"\x21\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x22\x02hi",
        b"\x25\x01\x02\x03\x04",
        b"\xf8\xff\xff\xff\x0f\x00",                     // The highest field number.
        b"\x08\x07",                                     // A table, but as a number.
        b"\x1d\x01\x02\x03\x04",                         // A record, but of 32 bits.
        b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // The greatest number.
    ];
    assert_unpacks(&[&unknown.concat(), KEYS, &unknown.concat(), RECORD, &unknown.concat()], &[("cust-1", Some("42"), b"x")]);
    assert_unpacks(&[KEYS, b"\x1a\x10\x2a\x00\x08\x00\x22\x03tag\x0a\x00\x1a\x01x\x18\x01"], &[("cust-1", None, b"x")]);
}

#[test]
fn of_a_field_that_is_there_twice_the_last_counts() {
    assert_unpacks(&[KEYS, b"\x1a\x0a\x08\x09\x1a\x01x\x08\x00\x1a\x01y"], &[("cust-1", None, b"y")]);
}

#[test]
fn a_number_may_be_padded_up_to_ten_bytes() {
    let padded = |last: &[u8]| [b"\x1a\x0d\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80", last, b"\x1a\x00"].concat();
    assert_unpacks(&[KEYS, &padded(b"\x00")], &[("cust-1", None, b"")]);
    for too_long in [b"\x80\x00".as_slice(), b"\x02", b"\x80"] {
        assert_ordinary(&[KEYS, &padded(too_long)]);
    }
}

#[test]
fn a_message_against_the_rules_is_an_ordinary_payload() {
    let broken: [(&str, &[u8]); 16] = [
        ("a partition key's index out of range", b"\x1a\x04\x08\x01\x1a\x00"),
        ("an explicit hash key's index out of range", b"\x1a\x06\x08\x00\x10\x01\x1a\x00"),
        ("the greatest index", b"\x1a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x00"),
        ("no partition key", b"\x1a\x02\x1a\x00"),
        ("no data", b"\x1a\x02\x08\x00"),
        ("an empty record", b"\x1a\x00"),
        ("a record longer than the message", b"\x1a\x05\x08\x00\x1a\x00"),
        ("data longer than the record, not than the message", b"\x1a\x04\x08\x00\x1a\x01\x20\x05"),
        ("a length of nearly 2^64", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("a length of 2^63", b"\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x08\x00"),
        ("a group", b"\x23\x24"),
        ("a wire type that does not exist", b"\x26\x00"),
        ("the field number 0", b"\x02\x00"),
        ("a field number too high", b"\x80\x80\x80\x80\x10\x00"),
        ("a 64 bit number cut short", b"\x21\x01\x02\x03"),
        ("a key that is no text", b"\x12\x01\xff"),
    ];
    for (what, fields) in broken {
        // After a good record as well as before it, with one more record so that the tables may grow.
        for parts in [[KEYS, RECORD, RECORD, fields], [KEYS, fields, RECORD, RECORD]] {
            assert_eq!(unpack(&with_magic_and_sum(&parts.concat())), None, "{what}");
        }
    }
}

#[test]
fn a_partition_key_is_one_that_kinesis_takes() {
    for (key, is_taken) in [("", false), ("ö".repeat(256).as_str(), true), ("o".repeat(257).as_str(), false)] {
        assert_eq!(unpack(&aggregate(&[(key, None, b"x")])).is_some(), is_taken, "{} bytes", key.len());
    }
}

#[test]
fn more_keys_than_records_are_refused_for_the_memory_they_take() {
    assert_ordinary(&[KEYS, b"\x0a\x06cust-2", RECORD]);
    assert_ordinary(&[&b"\x12\x00".repeat(1_000_000), KEYS, RECORD]);
}

#[test]
fn a_million_empty_fields_are_read_in_one_go() {
    assert_unpacks(&[&b"\x22\x00".repeat(1_000_000), KEYS, RECORD], &[("cust-1", Some("42"), b"x")]);
    let records = b"\x1a\x04\x08\x00\x1a\x00".repeat(100_000);
    assert_eq!(unpack(&with_magic_and_sum(&[KEYS, &records].concat())).unwrap().len(), 100_000);
    assert_ordinary(&[KEYS, &b"\x1a\x00".repeat(100_000)]);
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(puts in vec((".{1,20}", proptest::option::of("[0-9]{1,39}"), vec(any::<u8>(), 0..300)), 1..20)) {
        let puts: Vec<Put<'_>> = puts.iter().map(|(key, hash_key, data)| (&**key, hash_key.as_deref(), &**data)).collect();
        let payload = aggregate(&puts);
        prop_assert_eq!(unpack(&payload), Some(puts));
    }

    #[test]
    fn whatever_is_changed_in_a_message_nothing_outside_it_is_read(
        changes in vec((any::<proptest::sample::Index>(), 0_usize..3, vec(any::<u8>(), 0..4)), 1..8),
    ) {
        let reference = bytes_of_hex(REFERENCE);
        let mut message = reference[MAGIC.len()..reference.len() - DIGEST_BYTES].to_vec();
        for (at, removed, inserted) in changes {
            let at = at.index(message.len().max(1));
            let end = message.len().min(at + removed);
            message.splice(at.min(end)..end, inserted);
        }
        unpack(&with_magic_and_sum(&message));
    }

    #[test]
    fn any_bytes_are_read_or_refused(message in vec(prop_oneof![0_u8..0x30, any::<u8>()], 0..60), has_keys: bool) {
        let keys = if has_keys { [KEYS, RECORD].concat() } else { Vec::new() };
        unpack(&with_magic_and_sum(&[keys, message].concat()));
    }
}
