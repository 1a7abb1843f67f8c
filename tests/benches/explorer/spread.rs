//! Statistics of repeated measurements.

use std::time::Duration;

/// Sorted values.
#[derive(Clone, Debug)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    /// From these values, at least one.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        assert!(!values.is_empty(), "something was measured");
        Self(values)
    }

    /// From a JSON array.
    pub(crate) fn of_json(values: &serde_json::Value) -> Self {
        Self::of(values.as_array().expect("an array").iter().map(|value| value.as_f64().expect("a number")))
    }

    /// The minimum.
    pub(crate) fn least(&self) -> f64 {
        self.0[0]
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The 99th percentile.
    pub(crate) fn p99(&self) -> f64 {
        self.0[(self.0.len() * 99).div_ceil(100) - 1]
    }

    /// The maximum.
    pub(crate) fn most(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Milliseconds, for JSON.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
