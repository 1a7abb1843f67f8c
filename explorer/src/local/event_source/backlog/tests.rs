#![allow(clippy::unwrap_used)]

use super::*;
use archiver::function::response::BatchItemFailure;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn record(number: u64) -> StreamRecord {
    StreamRecord {
        partition_key: "cust-42".to_owned(),
        sequence_number: SequenceNumber::parse(number.to_string()).unwrap(),
        data: "SGVsbG8=".to_owned(),
        arrival_milliseconds: i64::try_from(number).unwrap() * 1_000,
    }
}

/// Numbers 8 to 8 + count, so that text order (`10` < `9`) and number order differ.
fn records(count: u64) -> Vec<StreamRecord> {
    (8..8 + count).map(record).collect()
}

fn numbers(records: &[StreamRecord]) -> Vec<u64> {
    records.iter().map(|record| record.sequence_number.as_str().parse().unwrap()).collect()
}

fn response(identifiers: &[&str]) -> Result<BatchResponse, String> {
    let failure = |identifier: &&str| BatchItemFailure { item_identifier: (*identifier).to_owned() };
    Ok(BatchResponse { batch_item_failures: identifiers.iter().map(failure).collect() })
}

fn error() -> Result<BatchResponse, String> {
    Err("table orders-archive-ALL does not exist".to_owned())
}

fn next(backlog: &Backlog) -> Vec<u64> {
    numbers(backlog.next().unwrap_or_default())
}

const LIMITED: RetryPolicy =
    RetryPolicy { maximum_retry_attempts: Some(2), maximum_record_age: None, bisect_batch_on_function_error: false };
const BISECTING: RetryPolicy = RetryPolicy { bisect_batch_on_function_error: true, ..LIMITED };

#[test]
fn an_answer_without_failures_acknowledges_the_batch() {
    let mut backlog = Backlog::new(LIMITED, records(3));
    assert_eq!(backlog.answered(&response(&[])).acknowledged.unwrap().as_str(), "10");
    assert_eq!(backlog.next(), None);
}

#[test]
fn delivery_restarts_at_the_lowest_reported_number_by_value() {
    let mut backlog = Backlog::new(LIMITED, records(5));
    let step = backlog.answered(&response(&["11", "9", "10"]));
    assert_eq!(step.acknowledged.unwrap().as_str(), "8");
    assert_eq!(step.failed_tries, 1);
    assert_eq!(next(&backlog), [9, 10, 11, 12]);
}

#[test]
fn an_empty_or_unknown_identifier_fails_the_whole_batch() {
    for identifier in ["", "7", "99", "09", "soon"] {
        let mut backlog = Backlog::new(LIMITED, records(3));
        let step = backlog.answered(&response(&["10", identifier]));
        assert_eq!(step.acknowledged, None, "{identifier:?}");
        assert_eq!(next(&backlog), [8, 9, 10], "{identifier:?}");
    }
}

#[test]
fn a_batch_is_given_up_after_its_last_retry_and_the_next_one_follows() {
    let mut backlog = Backlog::new(LIMITED, records(2));
    assert_eq!(backlog.answered(&error()).failed_tries, 1);
    assert_eq!(backlog.answered(&error()).failed_tries, 2);
    let given_up = backlog.answered(&error()).given_up.unwrap();
    assert_eq!(numbers(&given_up.records), [8, 9]);
    assert_eq!((given_up.condition, given_up.invocations), (GivenUpCondition::RetryAttemptsExhausted, 3));
    assert_eq!(backlog.next(), None);
}

#[test]
fn without_a_limit_nothing_is_given_up() {
    let mut backlog = Backlog::new(RetryPolicy::default(), records(2));
    for tries in 1..=1_000 {
        assert_eq!(backlog.answered(&error()), AnswerOutcome { failed_tries: tries, ..AnswerOutcome::default() });
    }
    assert_eq!(next(&backlog), [8, 9]);
}

#[test]
fn a_failed_batch_is_split_in_two_and_splitting_is_not_a_try() {
    let mut backlog = Backlog::new(BISECTING, records(4));
    assert_eq!(backlog.answered(&error()), AnswerOutcome::default());
    assert_eq!(next(&backlog), [8, 9]);
    backlog.answered(&response(&[]));
    assert_eq!(next(&backlog), [10, 11]);
}

#[test]
fn records_too_old_are_given_up_before_they_are_delivered() {
    let policy = RetryPolicy { maximum_record_age: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
    let mut backlog = Backlog::new(policy, records(4));
    let given_up = backlog.give_up_old(70_000).unwrap();
    assert_eq!(numbers(&given_up.records), [8, 9]);
    assert_eq!((given_up.condition, given_up.invocations), (GivenUpCondition::RecordAgeExceeded, 0));
    assert_eq!(next(&backlog), [10, 11]);
    assert_eq!(backlog.give_up_old(70_000), None);
    assert_eq!(numbers(&backlog.give_up_old(1_000_000).unwrap().records), [10, 11]);
    assert_eq!(backlog.next(), None);
}

#[test]
fn a_batch_fits_into_an_invocation() {
    let large = |number| StreamRecord { data: "A".repeat(2_500_000), ..record(number) };
    let too_large = StreamRecord { data: "A".repeat(7_000_000), ..record(11) };
    let backlog = Backlog::new(LIMITED, vec![large(8), large(9), large(10), too_large, record(12)]);
    let batches: Vec<Vec<u64>> = backlog.batches.iter().map(|batch| numbers(&batch.records)).collect();
    assert_eq!(batches, [vec![8, 9], vec![10], vec![11], vec![12]]);
}

/// What a function does with one invocation.
#[derive(Clone, Debug)]
enum Behaviour {
    Succeed,
    Throw,
    /// Reports the records at these places, modulo the batch's length.
    Report(Vec<prop::sample::Index>),
    Garbage,
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        Just(Behaviour::Succeed),
        Just(Behaviour::Throw),
        prop::collection::vec(any::<prop::sample::Index>(), 1..4).prop_map(Behaviour::Report),
        Just(Behaviour::Garbage),
    ]
}

fn answer(behaviour: &Behaviour, batch: &[StreamRecord]) -> Result<BatchResponse, String> {
    match behaviour {
        Behaviour::Succeed => response(&[]),
        Behaviour::Throw => error(),
        Behaviour::Report(places) => {
            let numbers: Vec<&str> = places.iter().map(|place| place.get(batch).sequence_number.as_str()).collect();
            response(&numbers)
        }
        Behaviour::Garbage => response(&["not a number"]),
    }
}

proptest! {
    #[test]
    fn every_record_is_acknowledged_or_given_up_once_and_in_order(
        count in 1_u64..40,
        maximum in 0_u32..3,
        bisect: bool,
        behaviours in prop::collection::vec(behaviour(), 1..30),
    ) {
        let policy = RetryPolicy {
            maximum_retry_attempts: Some(maximum),
            bisect_batch_on_function_error: bisect,
            ..RetryPolicy::default()
        };
        let mut backlog = Backlog::new(policy, records(count));
        let mut left: VecDeque<u64> = (8..8 + count).collect();
        let mut behaviours = behaviours.iter().cycle();
        let mut invocations = 0;
        while let Some(batch) = backlog.next() {
            prop_assert_eq!(batch[0].sequence_number.as_str(), left[0].to_string(), "delivered out of order");
            let answer = answer(behaviours.next().unwrap(), batch);
            let step = backlog.answered(&answer);
            if let Some(through) = step.acknowledged {
                let through: u64 = through.as_str().parse().unwrap();
                while left.front().is_some_and(|number| *number <= through) {
                    left.pop_front();
                }
            }
            for number in step.given_up.map(|given_up| numbers(&given_up.records)).unwrap_or_default() {
                prop_assert_eq!(left.pop_front(), Some(number), "given up out of order");
            }
            invocations += 1;
            prop_assert!(invocations < 10_000, "does not end");
        }
        prop_assert!(left.is_empty(), "lost {:?}", left);
    }

    #[test]
    fn splitting_gives_up_the_bad_records_and_no_other(
        count in 1_u64..60,
        bad in prop::collection::btree_set(8_u64..68, 0..6),
        reports: bool,
    ) {
        let bad: BTreeSet<u64> = bad.into_iter().filter(|number| *number < 8 + count).collect();
        let mut backlog = Backlog::new(BISECTING, records(count));
        let mut given_up = BTreeSet::new();
        while let Some(batch) = backlog.next() {
            let bad_here: Vec<String> = numbers(batch).iter().filter(|number| bad.contains(number)).map(u64::to_string).collect();
            let answer = match bad_here.is_empty() {
                true => response(&[]),
                false if reports => response(&bad_here.iter().map(String::as_str).collect::<Vec<_>>()),
                false => error(),
            };
            if let Some(step) = backlog.answered(&answer).given_up {
                given_up.extend(numbers(&step.records));
            }
        }
        prop_assert_eq!(given_up, bad);
    }
}
