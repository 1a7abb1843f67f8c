//! The scenarios: every mode with every size of batch, payload and kind of keys, and a few others.

use crate::events::{EventShape, Keys};
use archiver::format::settings::ArchiveMode;
use std::fmt;

/// Records of a batch.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// The one size of a quick run.
pub(crate) const QUICK_SIZE: usize = 1_000;
/// Bytes of a payload.
const PAYLOADS: [usize; 2] = [200, 5_000];

/// Batches of one kind, archived in one mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The stream's mode.
    pub(crate) mode: ArchiveMode,
    /// Every batch's shape.
    pub(crate) shape: EventShape,
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = if self.shape.payload_bytes < 1_000 {
            format!("{} B", self.shape.payload_bytes)
        } else {
            format!("{} KB", self.shape.payload_bytes / 1_000)
        };
        let keys = match self.shape.keys {
            Keys::Distinct => "distinct keys",
            Keys::Hot => "10 hot keys",
            Keys::New => "new keys",
        };
        write!(formatter, "{} {} x {payload}, {keys}", self.mode, self.shape.records)
    }
}

/// All scenarios. In mode ALL keys are never new: every record is written, whatever the table holds.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let keys: &[Keys] = match mode {
            ArchiveMode::All => &[Keys::Distinct, Keys::Hot],
            ArchiveMode::Latest => &[Keys::Distinct, Keys::New, Keys::Hot],
        };
        for payload_bytes in PAYLOADS {
            for records in SIZES {
                let shapes = keys.iter().map(|keys| EventShape { records, payload_bytes, keys: *keys });
                scenarios.extend(shapes.map(|shape| Scenario { mode, shape }));
            }
        }
    }
    scenarios
}
