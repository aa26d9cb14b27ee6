//! One after the other, again and again: what the host does meanwhile falls on all alike.

use super::Bench;
use crate::error::Result;
use crate::machine::Vmm;
use crate::report::Figure;

/// After so many failures one is not asked any more.
const PATIENCE: usize = 3;

/// What one of those measured gave.
#[derive(Debug)]
pub struct Taken {
    /// Who.
    pub vmm: Vmm,
    /// In the order of the turns.
    pub values: Vec<f64>,
    failures: Vec<String>,
    gave_up: bool,
}

impl Taken {
    fn note(&self) -> Option<String> {
        let last = self.failures.last()?;
        match self.values.is_empty() {
            true => Some(last.clone()),
            false => Some(format!("{} failed, the last: {last}", self.failures.len())),
        }
    }
}

impl Bench<'_> {
    /// Has each of `who` measured by turns. A first round is not counted; who fails in it is left out, with the reason.
    pub(super) fn by_turns(
        &mut self,
        what: &str,
        who: &[Vmm],
        mut measure: impl FnMut(&mut Self, Vmm) -> Result<f64>,
    ) -> Vec<Taken> {
        let new = |vmm: &Vmm| Taken { vmm: *vmm, values: Vec::new(), failures: Vec::new(), gave_up: false };
        let mut all: Vec<Taken> = who.iter().map(new).collect();
        for turn in 0..=self.runs {
            for one in all.iter_mut().filter(|one| !one.gave_up) {
                (self.tell)(&format!("{what}: {}, {turn} of {}", one.vmm.name(), self.runs));
                match measure(self, one.vmm) {
                    Ok(value) if turn > 0 => one.values.push(value),
                    Ok(_) => {}
                    Err(error) => {
                        one.failures.push(error.explain());
                        one.gave_up = turn == 0 || one.failures.len() >= PATIENCE;
                    }
                }
            }
        }
        all
    }
}

impl Figure {
    /// With a row for each of those that were measured.
    pub(super) fn of(mut self, taken: &[Taken]) -> Self {
        for one in taken {
            self.row(one.vmm.name(), one.vmm.is_peer(), &one.values, one.note());
        }
        self
    }
}
