//! What a figure should be.

use super::{Figure, Row};
use serde::Serialize;

/// What is asked of one of our rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Its median is at most this.
    Median(f64),
    /// Its 99th percentile is at most this.
    P99(f64),
    /// Its median is at most this share of a peer's.
    Share {
        /// The peer's row.
        of: &'static str,
        /// The share.
        share: f64,
    },
    /// Its median is at least as good as that of each peer that there is.
    AsGoodAsPeers,
}

/// A rule and whether it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The rule in words.
    pub goal: String,
    /// Whether it is kept; nothing if that can't be told from this run.
    pub met: Option<bool>,
}

impl Rule {
    /// Judges `row` of `figure`.
    pub fn judge(&self, figure: &Figure, row: &Row) -> Verdict {
        let ours = row.spread.as_ref();
        let unit = figure.unit;
        match *self {
            Self::Median(limit) => Verdict {
                goal: format!("{}: median at most {limit} {unit}", row.who),
                met: ours.map(|ours| ours.median <= limit),
            },
            Self::P99(limit) => Verdict {
                goal: format!("{}: 99 of 100 at most {limit} {unit}", row.who),
                met: ours.and_then(|ours| ours.p99).map(|p99| p99 <= limit),
            },
            Self::Share { of, share } => Verdict {
                goal: format!("{}: at most {share} of {of}", row.who),
                met: ours.zip(figure.median_of(of)).map(|(ours, theirs)| ours.median <= share * theirs),
            },
            Self::AsGoodAsPeers => {
                let peers: Vec<f64> = figure.peers().filter_map(|peer| figure.median_of(peer)).collect();
                let met = ours.filter(|_| !peers.is_empty()).map(|ours| {
                    peers.iter().all(|&theirs| match figure.less_is_better {
                        true => ours.median <= theirs,
                        false => ours.median >= theirs,
                    })
                });
                Verdict { goal: format!("{}: as good as the best peer", row.who), met }
            }
        }
    }
}
