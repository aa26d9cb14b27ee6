//! One figure: what was measured, until what event, of whom.

use super::{Rule, Spread, Verdict};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// What one of the measured has to show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Who was measured.
    pub who: String,
    /// Whether it is a peer, which ours are compared with.
    pub is_peer: bool,
    /// The values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Why there are none, or fewer than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// For programs: stays the same.
    pub id: String,
    /// What is measured.
    pub title: String,
    /// In what.
    pub unit: &'static str,
    /// From where to where, or how.
    pub stop: String,
    /// Whether a smaller value is the better one.
    pub less_is_better: bool,
    /// Ours first.
    pub rows: Vec<Row>,
    /// What rows should be: the name of the row, and the rule.
    pub goals: Vec<(&'static str, Rule)>,
}

/// One of our rows beside a peer's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// Ours.
    pub who: String,
    /// The peer.
    pub to: String,
    /// Our median by theirs.
    pub ratio: f64,
}

impl Figure {
    /// A figure without rows, of which less is better.
    pub fn new(id: &str, title: &str, unit: &'static str, stop: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            unit,
            stop: stop.to_owned(),
            less_is_better: true,
            rows: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// More is better of this one.
    pub fn more_is_better(mut self) -> Self {
        self.less_is_better = false;
        self
    }

    /// With something asked of the row `who`.
    pub fn goal(mut self, who: &'static str, rule: Rule) -> Self {
        self.goals.push((who, rule));
        self
    }

    /// Adds a row; `note` says why there are no values, or fewer than asked for.
    pub fn row(&mut self, who: &str, is_peer: bool, values: &[f64], note: Option<String>) {
        self.rows.push(Row { who: who.to_owned(), is_peer, spread: Spread::of(values), note });
    }

    /// The same figure without anything to show, for this reason.
    pub fn left_out(mut self, who: &str, why: impl Into<String>) -> Self {
        self.row(who, false, &[], Some(why.into()));
        self
    }

    /// The peers' rows by name.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter(|row| row.is_peer).map(|row| row.who.as_str())
    }

    /// The median of a row, if it has one.
    pub fn median_of(&self, who: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.who == who)?;
        row.spread.as_ref().map(|spread| spread.median)
    }

    /// Each of our rows by each peer's.
    pub fn ratios(&self) -> Vec<Ratio> {
        let ours = self.rows.iter().filter(|row| !row.is_peer);
        ours.flat_map(|row| self.peers().filter_map(|peer| self.ratio(&row.who, peer))).collect()
    }

    fn ratio(&self, who: &str, to: &str) -> Option<Ratio> {
        let (ours, theirs) = (self.median_of(who)?, self.median_of(to)?);
        (theirs > 0.0).then(|| Ratio { who: who.to_owned(), to: to.to_owned(), ratio: ours / theirs })
    }

    /// The goals, judged.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let judged = self.goals.iter().filter_map(|(who, rule)| {
            let row = self.rows.iter().find(|row| row.who == *who)?;
            Some(rule.judge(self, row))
        });
        judged.collect()
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Figure", 8)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("title", &self.title)?;
        out.serialize_field("unit", self.unit)?;
        out.serialize_field("stop", &self.stop)?;
        out.serialize_field("less_is_better", &self.less_is_better)?;
        out.serialize_field("rows", &self.rows)?;
        out.serialize_field("ratios", &self.ratios())?;
        out.serialize_field("goals", &self.verdicts())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(ours: &[f64], theirs: &[f64]) -> Figure {
        let mut figure = Figure::new("boot", "boot", "ms", "init")
            .goal("cumulet", Rule::Share { of: "peer", share: 0.5 })
            .goal("cumulet", Rule::Median(40.0))
            .goal("cumulet", Rule::AsGoodAsPeers);
        figure.row("cumulet", false, ours, None);
        figure.row("peer", true, theirs, None);
        figure
    }

    fn met(figure: &Figure) -> Vec<Option<bool>> {
        figure.verdicts().into_iter().map(|verdict| verdict.met).collect()
    }

    #[test]
    fn a_goal_is_met_missed_or_not_to_be_told() {
        assert_eq!(met(&figure(&[40.0], &[80.0])), [Some(true), Some(true), Some(true)]);
        assert_eq!(met(&figure(&[41.0], &[40.0])), [Some(false), Some(false), Some(false)]);
        assert_eq!(met(&figure(&[40.0], &[])), [None, Some(true), None]);
        assert_eq!(met(&figure(&[], &[40.0])), [None, None, None]);
        assert_eq!(met(&figure(&[50.0], &[40.0]).more_is_better())[2], Some(true));
    }

    #[test]
    fn ratios_are_of_medians_and_only_where_there_are_two() {
        let ratios = figure(&[10.0, 20.0, 30.0], &[40.0]).ratios();
        assert_eq!(ratios, [Ratio { who: "cumulet".into(), to: "peer".into(), ratio: 0.5 }]);
        assert!(figure(&[1.0], &[]).ratios().is_empty());
        assert!(figure(&[1.0], &[0.0]).ratios().is_empty());
    }
}
