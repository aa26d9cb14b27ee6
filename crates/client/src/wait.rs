//! Waiters: poll until something is so, or can't come any more, or patience ends.

use std::time::Duration;

use cumulet_api_types::image::{Image, ImageState};
use cumulet_api_types::instance::{Instance, InstanceQuery, InstanceState};
use cumulet_api_types::network::NetworkInterface;
use cumulet_api_types::volume::Volume;
use tokio::time::Instant;

use crate::{Client, Error, Result};

/// How long to wait and how often to look.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long.
    pub limit: Duration,
    /// The longest pause between two looks. The first ones are shorter: what is quick is not waited for long.
    pub pause: Duration,
}

/// The first pause, and the part of the time waited that the next ones are.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const PART: u32 = 8;

impl Default for Patience {
    /// Ten minutes, twice a second.
    fn default() -> Self {
        Self { limit: Duration::from_secs(600), pause: Duration::from_millis(500) }
    }
}

/// Is told what is waited for at each look, with the time since the start: for progress shown to people.
pub type Progress<'a> = &'a mut (dyn FnMut(&str, Duration) + Send);

/// What a look found.
enum Look<T> {
    /// It is so.
    Done(T),
    /// Not yet; for people.
    NotYet(String),
    /// It can't come any more; for people.
    Never(String),
}

impl Client {
    /// Waits until all of `ids` are in `goal`, and gives them in that order. A state that EC2's waiters take for a
    /// failure (such as `terminated` when waiting for `running`) ends the wait with its reason.
    pub async fn wait_for_instances(
        &self,
        ids: &[String],
        goal: InstanceState,
        patience: Patience,
        progress: Progress<'_>,
    ) -> Result<Vec<Instance>> {
        let look = async || {
            let all = self.instances(&InstanceQuery::default()).await?;
            Ok(look_at_instances(ids, goal, all))
        };
        poll(look, patience, progress).await
    }

    /// Waits until a volume is in `goal` (`available` or `in-use`) with nothing on its way, and gives it.
    pub async fn wait_for_volume(
        &self,
        id: &str,
        goal: &str,
        patience: Patience,
        progress: Progress<'_>,
    ) -> Result<Volume> {
        let look = async || Ok(look_at_volume(self.volume(id).await?.volume, goal));
        poll(look, patience, progress).await
    }

    /// Waits until a volume's last modification is completed, and gives the volume.
    pub async fn wait_for_modification(
        &self,
        id: &str,
        patience: Patience,
        progress: Progress<'_>,
    ) -> Result<Volume> {
        let look = async || {
            let detail = self.volume(id).await?;
            Ok(match detail.modification {
                Some(modification) if modification.state == "modifying" => {
                    Look::NotYet(format!("{id} is being modified"))
                }
                Some(modification) if modification.state == "failed" => {
                    let reason = modification.message.unwrap_or_else(|| "no reason was given".into());
                    Look::Never(format!("{id} could not be modified: {reason}"))
                }
                _ => Look::Done(detail.volume),
            })
        };
        poll(look, patience, progress).await
    }

    /// Waits until a network interface has `goal` (`available` or `in-use`) as its status, and gives it.
    pub async fn wait_for_interface(
        &self,
        id: &str,
        goal: &str,
        patience: Patience,
        progress: Progress<'_>,
    ) -> Result<NetworkInterface> {
        let look = async || {
            let interface = self.network_interface(id).await?;
            Ok(match interface.status.as_str() {
                status if status == goal => Look::Done(interface),
                status @ ("attaching" | "detaching") => Look::NotYet(format!("{id} is {status}")),
                status => Look::Never(format!("{id} is {status}; the daemon's log tells why")),
            })
        };
        poll(look, patience, progress).await
    }

    /// Waits until an image is `available`, and gives it.
    pub async fn wait_for_image(
        &self,
        id: &str,
        patience: Patience,
        progress: Progress<'_>,
    ) -> Result<Image> {
        let look = async || {
            let image = self.image(id).await?;
            Ok(match image.state {
                ImageState::Available => Look::Done(image),
                ImageState::Pending => Look::NotYet(format!("{id} is pending")),
                ImageState::Failed => {
                    let reason = image.state_reason.unwrap_or_else(|| "no reason was given".into());
                    Look::Never(format!("{id} failed: {reason}"))
                }
            })
        };
        poll(look, patience, progress).await
    }
}

fn look_at_volume(volume: Volume, goal: &str) -> Look<Volume> {
    let on_its_way = volume.attachment.as_ref().map(|attachment| attachment.state.clone());
    let on_its_way = on_its_way.filter(|state| state != "attached");
    if let Some(state) = on_its_way {
        return Look::NotYet(format!("{} is {state}", volume.id));
    }
    match volume.state.as_str() {
        state if state == goal => Look::Done(volume),
        state @ ("creating" | "deleting") => Look::NotYet(format!("{} is {state}", volume.id)),
        state => {
            let reason = volume.state_reason.as_deref().unwrap_or("the daemon's log tells why");
            Look::Never(format!("{} is {state}: {reason}", volume.id))
        }
    }
}

fn look_at_instances(ids: &[String], goal: InstanceState, all: Vec<Instance>) -> Look<Vec<Instance>> {
    let mut found = Vec::new();
    for id in ids {
        let Some(instance) = all.iter().find(|instance| instance.id == *id) else {
            // A terminated instance leaves the list after an hour.
            if goal == InstanceState::Terminated {
                continue;
            }
            return Look::Never(format!("{id} does not exist"));
        };
        if is_dead_end(instance.state, goal) {
            let reason = instance.state_reason.as_ref();
            let reason = reason.map(|reason| format!(": {}", reason.message)).unwrap_or_default();
            return Look::Never(format!("{id} is {}{reason}", instance.state));
        }
        found.push(instance.clone());
    }
    match found.iter().find(|instance| instance.state != goal) {
        Some(waiting) => Look::NotYet(format!("{} is {}", waiting.id, waiting.state)),
        None => Look::Done(found),
    }
}

/// The states that EC2's waiters take for a failure (botocore's `waiters-2.json`), and `stopped` where `running` is
/// waited for: a start that failed ends there. A stop may be waited for while the machine still starts.
fn is_dead_end(state: InstanceState, goal: InstanceState) -> bool {
    use InstanceState::*;
    match goal {
        Running => matches!(state, Stopping | Stopped | ShuttingDown | Terminated),
        Stopped => matches!(state, ShuttingDown | Terminated),
        _ => false,
    }
}

async fn poll<T>(
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
    patience: Patience,
    progress: Progress<'_>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let what = match look().await? {
            Look::Done(value) => return Ok(value),
            Look::Never(what) => return Err(Error::WontHappen { what }),
            Look::NotYet(what) => what,
        };
        let elapsed = start.elapsed();
        if elapsed >= patience.limit {
            return Err(Error::GaveUp { what, after: elapsed });
        }
        progress(&what, elapsed);
        tokio::time::sleep((elapsed / PART).max(FIRST_PAUSE).min(patience.pause)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_early_where_ec2_waiters_fail() {
        use InstanceState::*;
        for (state, goal, dead) in [
            (Pending, Running, false),
            (Running, Running, false),
            (Terminated, Running, true),
            (Stopped, Running, true),
            (Stopping, Stopped, false),
            (Terminated, Stopped, true),
            (Running, Terminated, false),
        ] {
            assert_eq!(is_dead_end(state, goal), dead, "{state} while waiting for {goal}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_says_what_is_still_so() {
        let mut told = 0;
        let patience = Patience { limit: Duration::from_secs(10), pause: Duration::from_secs(1) };
        let ended =
            poll(async || Ok(Look::<()>::NotYet("it is pending".into())), patience, &mut |_, _| told += 1)
                .await;
        assert!(matches!(ended, Err(Error::GaveUp { ref what, .. }) if what == "it is pending"), "{ended:?}");
        assert!((10..100).contains(&told), "{told}");
    }

    #[test]
    fn an_instance_that_left_the_list_is_terminated() {
        let ids = ["i-1".to_owned()];
        assert!(matches!(look_at_instances(&ids, InstanceState::Terminated, vec![]), Look::Done(_)));
        assert!(matches!(look_at_instances(&ids, InstanceState::Running, vec![]), Look::Never(_)));
    }
}
