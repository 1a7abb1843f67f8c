//! The part of a batch that is carried out, and an answer that combines its results with errors for the rest.

use super::call::Call;
use super::refusal::Refusal;
use crate::upstream::Answer;
use serde_json::{Value, json};

/// The operation whose statements succeed or fail one by one.
pub(super) const BATCH_OF_STATEMENTS: &str = "BatchExecuteStatement";

/// A call, and which of its items or statements are carried out.
#[derive(Debug)]
pub(super) struct Part<'c> {
    call: &'c Call,
    is_done: Vec<bool>,
}

/// The part with the chosen places.
pub(super) fn of(call: &Call, is_done: impl Fn(usize) -> bool) -> Part<'_> {
    Part { call, is_done: (0..call.items).map(is_done).collect() }
}

impl Part<'_> {
    /// The request for the part; `None` if it is empty.
    pub(super) fn request(&self) -> Option<Value> {
        if !self.is_done.contains(&true) {
            return None;
        }
        let mut request = self.call.body.clone();
        match self.call.operation.as_str() {
            BATCH_OF_STATEMENTS => request["Statements"] = self.chosen(&self.call.body["Statements"], true),
            "BatchWriteItem" => {
                let table = self.call.table();
                request["RequestItems"][table] = self.chosen(&self.call.body["RequestItems"][table], true);
            }
            _ => {}
        }
        Some(request)
    }

    /// The answer to the whole call, built from the part's answer.
    pub(super) fn merge(&self, answer: Option<Answer>, call: &Call, refusal: Refusal) -> Answer {
        if answer.as_ref().is_some_and(|answer| !answer.status.is_success()) || !self.is_done.contains(&false) {
            return answer.expect("where nothing is refused, something is done");
        }
        let mut merged = answer.as_ref().map_or_else(|| json!({}), Answer::to_json);
        match self.call.operation.as_str() {
            BATCH_OF_STATEMENTS => {
                let mut done = merged["Responses"].as_array().cloned().unwrap_or_default().into_iter();
                let responses = self.is_done.iter().enumerate().map(|(place, is_done)| {
                    if *is_done { done.next().expect("an answer for each statement") } else { refusal.of_statement(call, place) }
                });
                merged["Responses"] = responses.collect();
            }
            "BatchWriteItem" => {
                let table = self.call.table();
                let mut left = self.chosen(&self.call.body["RequestItems"][table], false);
                let also = merged["UnprocessedItems"][table].as_array().cloned().unwrap_or_default();
                left.as_array_mut().expect("a list").extend(also);
                merged["UnprocessedItems"] = json!({ table: left });
            }
            _ => return refusal.answer(call),
        }
        Answer::json(&merged)
    }

    fn chosen(&self, all: &Value, is_done: bool) -> Value {
        let all = all.as_array().expect("a list").iter().zip(&self.is_done);
        all.filter(|(_, done)| **done == is_done).map(|(one, _)| one.clone()).collect()
    }
}
