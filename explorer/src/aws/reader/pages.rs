//! Pages of items, by Query or Scan, with as much of the filter as DynamoDB can check.

use crate::aws::archive::{cursor_attributes, cursor_of, items_of};
use crate::aws::conditions::Conditions;
use crate::aws::connect::Connection;
use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::ArchiveSource;
use crate::domain::reading::page::PageCursor;
use archiver::aws::failure::AwsFailure;
use archiver::format::item::Attributes;
use archiver::format::table::attribute;
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use jiff::Timestamp;

/// Which items of a table to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slice {
    /// The items of the filter's key, newest first.
    Key,
    /// The items of a segment, in no order.
    Segment {
        /// Its index, from 0.
        segment: usize,
        /// The number of segments.
        total: usize,
    },
}

/// A page of items, unprocessed.
pub(super) struct ItemPage {
    /// Items that pass DynamoDB's conditions.
    pub(super) items: Vec<Attributes>,
    /// Items that DynamoDB read for it.
    pub(super) read: u64,
    /// Read units that it used.
    pub(super) units: f64,
    /// Where the next page begins.
    pub(super) next: Option<PageCursor>,
}

/// Checks that pages move forward; a reader in a loop would never end.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// A position seen before, replaced after 1, 2, 4, 8, … pages, so that a loop of any length is noticed.
    seen: Option<PageCursor>,
    pages: u64,
    until: u64,
}

impl Progress {
    /// Notes where the next page begins.
    ///
    /// # Errors
    /// When that position was seen before.
    pub(super) fn step(&mut self, table: &str, next: Option<&PageCursor>) -> Result<(), Failure> {
        if next.is_some() && self.seen.as_ref() == next {
            return Err(Failure::refused(format!("read table {table}"), "DynamoDB returns the same pages again and again"));
        }
        self.pages += 1;
        if self.pages > self.until {
            self.seen = next.cloned();
            self.until = self.pages * 2;
        }
        Ok(())
    }
}

/// The pages of one table under one filter.
pub(super) struct Pages {
    client: aws_sdk_dynamodb::Client,
    table: String,
    conditions: Conditions,
}

/// The common parts of both calls' answers.
struct PageAnswer {
    items: Option<Vec<Attributes>>,
    count: i32,
    scanned: i32,
    last: Option<Attributes>,
    capacity: Option<ConsumedCapacity>,
}

impl Pages {
    /// The table.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn new(connection: &Connection, source: &ArchiveSource, filter: &RecordFilter, now: Timestamp) -> Self {
        Self {
            client: connection.dynamodb.clone(),
            table: source.table.clone(),
            conditions: Conditions::of(filter, source.mode, now),
        }
    }

    /// Reads a page: up to 1 MB or this many items. Retries as needed.
    pub(super) async fn read(&self, slice: Slice, from: Option<&PageCursor>, limit: Option<i32>) -> Result<ItemPage, Failure> {
        let operation = || format!("read table {}", self.table);
        let answer = with_retries(|| async {
            let start = from.map(cursor_attributes);
            match slice {
                Slice::Key => {
                    let answer = self.query(start, limit).await;
                    answer.map_err(|failure| Failure::of_call(operation(), "dynamodb:Query", failure))
                }
                Slice::Segment { segment, total } => {
                    let answer = self.scan((segment, total), start, limit).await;
                    answer.map_err(|failure| Failure::of_call(operation(), "dynamodb:Scan", failure))
                }
            }
        });
        let PageAnswer { items, count, scanned, last, capacity } = answer.await?;
        let next = match last {
            Some(last) => {
                Some(cursor_of(&last).ok_or_else(|| Failure::refused(operation(), "its keys are not those of an archive"))?)
            }
            None => None,
        };
        let call = match slice {
            Slice::Key => "Query",
            Slice::Segment { .. } => "Scan",
        };
        let items = items_of(items, count, call, attribute::PARTITION_KEY).map_err(|fault| Failure::refused(operation(), fault))?;
        // Without a filter, these are all that were read; an emulator may count one more that did not fit.
        let read = if self.conditions.others.is_none() { items.len() as u64 } else { u64::try_from(scanned).unwrap_or(0) };
        Ok(ItemPage { items, read, units: capacity.and_then(|capacity| capacity.capacity_units).unwrap_or(0.0), next })
    }

    async fn query(&self, start: Option<Attributes>, limit: Option<i32>) -> Result<PageAnswer, AwsFailure> {
        let Conditions { key, others, names, values } = self.conditions.clone();
        let call = self.client.query().table_name(&self.table).set_limit(limit).set_exclusive_start_key(start);
        let call = call.set_key_condition_expression(key.map(Into::into)).scan_index_forward(false).set_filter_expression(others);
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let page = call.set_expression_attribute_names(names).set_expression_attribute_values(values).send().await?;
        Ok(PageAnswer {
            items: page.items,
            count: page.count,
            scanned: page.scanned_count,
            last: page.last_evaluated_key,
            capacity: page.consumed_capacity,
        })
    }

    async fn scan(
        &self,
        (segment, total): (usize, usize),
        start: Option<Attributes>,
        limit: Option<i32>,
    ) -> Result<PageAnswer, AwsFailure> {
        let Conditions { key: _, others, names, values } = self.conditions.clone();
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let call = self.client.scan().table_name(&self.table).set_limit(limit).set_exclusive_start_key(start);
        let call = call.segment(number(segment)).total_segments(number(total)).set_filter_expression(others);
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let page = call.set_expression_attribute_names(names).set_expression_attribute_values(values).send().await?;
        Ok(PageAnswer {
            items: page.items,
            count: page.count,
            scanned: page.scanned_count,
            last: page.last_evaluated_key,
            capacity: page.consumed_capacity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursor(place: u32) -> PageCursor {
        PageCursor { partition_key: format!("cust-{place}"), sequence_number: None }
    }

    proptest! {
        #[test]
        fn pages_that_lead_back_end_with_an_error_and_others_do_not(lead in 0..40_u32, ring in 1..40_u32) {
            let mut progress = Progress::default();
            let mut failed_after = None;
            for page in 0..400 {
                let place = if page < lead { page } else { lead + (page - lead) % ring };
                if progress.step("orders-archive-ALL", Some(&cursor(place))).is_err() {
                    failed_after = Some(page);
                    break;
                }
            }
            prop_assert!(failed_after.is_some_and(|page| page >= lead.min(1) && page <= 4 * (lead + ring) + 4), "{failed_after:?}");
            let mut progress = Progress::default();
            for place in 0..lead + ring {
                prop_assert!(progress.step("orders-archive-ALL", Some(&cursor(place))).is_ok());
            }
            prop_assert!(progress.step("orders-archive-ALL", None).is_ok());
        }
    }
}
