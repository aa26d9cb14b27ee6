//! A set of measured values in short.

use serde::Serialize;

/// From how many values on a 99th percentile says something.
const ENOUGH_FOR_P99: usize = 50;

/// Values by their order. Percentiles are values that were measured (the nearest rank), not between two of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// How many values there are.
    pub n: usize,
    /// The least.
    pub least: f64,
    /// A tenth is not above it.
    pub p10: f64,
    /// The median.
    pub median: f64,
    /// Nine tenths are not above it.
    pub p90: f64,
    /// 99 of 100 are not above it; not told of fewer than 50 values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// Of these values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted[rank.clamp(1, sorted.len()) - 1]
        };
        Some(Self {
            n: sorted.len(),
            least: *sorted.first()?,
            p10: rank(0.1),
            median: rank(0.5),
            p90: rank(0.9),
            p99: (sorted.len() >= ENOUGH_FOR_P99).then(|| rank(0.99)),
            most: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_by_rank() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&values).unwrap();
        assert_eq!((spread.least, spread.p10, spread.median), (1.0, 10.0, 50.0));
        assert_eq!((spread.p90, spread.p99, spread.most), (90.0, Some(99.0), 100.0));
    }

    #[test]
    fn few_values_have_no_99th_percentile_and_none_no_spread() {
        let spread = Spread::of(&[3.0]).unwrap();
        assert_eq!((spread.n, spread.p10, spread.median, spread.p90, spread.p99), (1, 3.0, 3.0, 3.0, None));
        assert_eq!(Spread::of(&[]), None);
    }
}
