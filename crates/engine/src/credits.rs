//! CPU credits: a task looks at all running instances of burstable types in turn, counts what they have earned and spent,
//! and holds those in the standard mode to what they have. While no daemon is there, each stays as it was held last, and
//! nothing is counted.

use std::collections::HashMap;
use std::time::Duration;

use cumulet_model::credits::{CreditBalance, CreditMode, CreditTerms};
use cumulet_model::state::{InstanceState, Machine};
use cumulet_model::{CloudError, ErrorCode, InstanceId, LaunchId};
use cumulet_store::{CreditRecord, InstanceRecord};
use tokio::time::Instant;
use tracing::warn;

use crate::cloud::{Cloud, Result, internal};

/// How many turns pass between two writes of balances; those of a machine that has ended are written at once.
const TURNS_A_WRITE: u32 = 12;

/// The CPU credits of an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Credits {
    /// What happens when it has none left.
    pub mode: CreditMode,
    /// What it has, as it was last written: at most a minute ago.
    pub balance: CreditBalance,
    /// How it earns them.
    pub terms: CreditTerms,
}

/// What the task knows of a machine that runs.
struct Watched {
    launch_id: LaunchId,
    /// When it was last looked at, and what it had used then.
    seen: Option<(Instant, Duration)>,
    balance: CreditBalance,
    /// What it was last held to, if that is known.
    held: Option<Option<u32>>,
}

impl Cloud {
    /// An instance's CPU credits; none if its type has none.
    pub async fn credits(&self, id: &InstanceId) -> Result<Option<Credits>> {
        let record = self.record(id).await?;
        let kept = self.inner.store.credits().await.map_err(internal)?;
        Ok(self.terms(&record).map(|terms| credits_of(terms, kept.get(id))))
    }

    /// The CPU credits of all instances that have any.
    pub async fn all_credits(&self) -> Result<HashMap<InstanceId, Credits>> {
        let kept = self.inner.store.credits().await.map_err(internal)?;
        let records = self.inner.store.instances().await.map_err(internal)?;
        let credits = records.into_iter().filter_map(|record| {
            let credits = credits_of(self.terms(&record)?, kept.get(&record.id));
            Some((record.id, credits))
        });
        Ok(credits.collect())
    }

    /// ModifyInstanceCreditSpecification for one instance. Running or stopped; a running one feels it within seconds.
    pub async fn modify_credit_mode(&self, id: &InstanceId, mode: CreditMode) -> Result<()> {
        let record = self.record(id).await?;
        let Some(terms) = self.terms(&record) else { return Err(no_credits(&record.instance_type)) };
        if !matches!(record.state(), InstanceState::Running | InstanceState::Stopped) {
            let text = format!("The instance '{id}' is {}, not running or stopped", record.state());
            return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text));
        }
        self.inner.store.set_credit_mode(id, mode, terms.at_launch()).await.map_err(internal)
    }

    /// The mode of a launch and what its instances have at first, when one was chosen.
    pub(crate) fn launch_credits(
        &self,
        instance_type: &str,
        mode: Option<CreditMode>,
    ) -> Result<Option<(CreditMode, CreditBalance)>> {
        let Some(mode) = mode else { return Ok(None) };
        let terms = self.instance_type(instance_type)?.credits;
        let terms = terms.ok_or_else(|| no_credits(instance_type))?;
        Ok(Some((mode, terms.at_launch())))
    }

    fn terms(&self, record: &InstanceRecord) -> Option<CreditTerms> {
        self.instance_type(&record.instance_type).ok()?.credits
    }

    /// Counts credits until the cloud is stopped.
    pub(crate) async fn count_credits(self) {
        let mut watched = HashMap::new();
        let every = self.inner.config.credit_turn;
        for turn in 0u32.. {
            tokio::select! {
                () = self.inner.stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.credit_turn(&mut watched, turn % TURNS_A_WRITE == 0).await {
                warn!(%error, "CPU credits could not be counted; instances stay as they are held");
            }
        }
    }

    async fn credit_turn(&self, watched: &mut HashMap<InstanceId, Watched>, write: bool) -> Result<()> {
        let records = self.inner.store.instances().await.map_err(internal)?;
        let kept = self.inner.store.credits().await.map_err(internal)?;
        let mut balances = Vec::new();
        let mut running = HashMap::new();
        for record in &records {
            let Some(terms) = self.terms(record) else { continue };
            let now = credits_of(terms, kept.get(&record.id));
            let before = watched.remove(&record.id);
            let launch_id = record.launch_id.clone().filter(|_| record.machine == Machine::On);
            let Some(launch_id) = launch_id else {
                // It has ended since the last turn, or while no daemon was there.
                let last = before.map_or(now.balance, |before| before.balance);
                let left = if record.machine == Machine::Off { terms.after_stop(last) } else { last };
                if left != now.balance && record.machine != Machine::Released {
                    balances.push((record.id.clone(), left));
                }
                continue;
            };
            let fresh =
                || Watched { launch_id: launch_id.clone(), seen: None, balance: now.balance, held: None };
            let mut machine = before.filter(|before| before.launch_id == launch_id).unwrap_or_else(fresh);
            self.tend(record, &now, &mut machine).await;
            if write && machine.balance != now.balance {
                balances.push((record.id.clone(), machine.balance));
            }
            running.insert(record.id.clone(), machine);
        }
        *watched = running;
        if balances.is_empty() {
            return Ok(());
        }
        self.inner.store.set_credit_balances(&balances).await.map_err(internal)
    }

    /// Counts for one machine, and holds it to what it has. What fails is tried again in the next turn.
    async fn tend(&self, record: &InstanceRecord, credits: &Credits, machine: &mut Watched) {
        let Ok(used) = self.inner.ports.vms.cpu_time(&record.id).await else { return };
        let now = Instant::now();
        if let Some((then, before)) = machine.seen.replace((now, used)) {
            let used = used.saturating_sub(before);
            machine.balance = credits.terms.account(credits.mode, machine.balance, now - then, used);
        }
        let next = self.inner.config.credit_turn;
        let allowed = credits.terms.allowance(credits.mode, machine.balance, next);
        if machine.held == Some(allowed) {
            return;
        }
        match self.inner.ports.vms.limit_cpu(&record.id, credits.terms.vcpus, allowed).await {
            Ok(()) => machine.held = Some(allowed),
            Err(error) => {
                warn!(instance = %record.id, error = error.chain(), "an instance could not be held to its CPU credits");
            }
        }
    }
}

fn credits_of(terms: CreditTerms, kept: Option<&CreditRecord>) -> Credits {
    let mode = kept.and_then(|kept| kept.mode).unwrap_or(terms.default_mode);
    let balance = kept.map_or_else(|| terms.at_launch(), |kept| kept.balance);
    Credits { mode, balance, terms }
}

fn no_credits(instance_type: &str) -> CloudError {
    let text =
        format!("The instance type '{instance_type}' has no CPU credits; those of the t families have");
    CloudError::new(ErrorCode::InstanceCreditSpecificationNotSupported, text)
}
