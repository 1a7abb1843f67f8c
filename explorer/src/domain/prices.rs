//! What AWS bills, in US dollars in the region us-east-1. The only file with prices: if you check them against the price lists, change
//! the date below.
//!
//! Sources: Kinesis Data Streams pricing; DynamoDB pricing, on-demand capacity. As of November 2026.

/// Bytes of a payload unit, by which puts into a stream of provisioned capacity are billed.
pub const PAYLOAD_UNIT_BYTES: u64 = 25 * 1024;
/// Dollars for a payload unit.
pub const DOLLARS_PER_PAYLOAD_UNIT: f64 = 0.014 / 1_000_000.0;
/// Bytes to which a record is rounded up in a stream of on-demand capacity.
pub const ON_DEMAND_BYTES: u64 = 1024;
/// Dollars for a byte put into a stream of on-demand capacity.
pub const DOLLARS_PER_ON_DEMAND_BYTE: f64 = 0.08 / (1024.0 * 1024.0 * 1024.0);
/// Dollars for a read unit of a table of on-demand capacity.
pub const DOLLARS_PER_READ_UNIT: f64 = 0.125 / 1_000_000.0;
/// Less is not worth an exact number.
pub const LEAST_DOLLARS: f64 = 0.0001;
