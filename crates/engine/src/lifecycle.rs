//! Start, stop, reboot, terminate: checked against the instances' states, all or none, then written as what is wanted.

use cumulet_model::instance::StateChange;
use cumulet_model::state::{Intent, Machine, Request, StateReason};
use cumulet_model::{CloudError, ErrorCode, InstanceId, SavedMachineId};
use cumulet_store::InstanceRecord;

use crate::capacity::DueAddresses;
use crate::cloud::{ChangeError, Cloud, Result, internal};
use crate::driver::transition_text;
use crate::hibernate::forget;

impl Cloud {
    /// StartInstances: each gets its public address again and is started. Capacity is checked for all together.
    pub async fn start_instances(&self, ids: &[InstanceId]) -> Result<Vec<StateChange>> {
        self.start_all(ids, false).await
    }

    /// The same, but hibernated instances boot from their disks; what their memory held is gone.
    pub async fn start_instances_without_memory(&self, ids: &[InstanceId]) -> Result<Vec<StateChange>> {
        self.start_all(ids, true).await
    }

    async fn start_all(&self, ids: &[InstanceId], discard_memory: bool) -> Result<Vec<StateChange>> {
        let _allocation = self.inner.allocation.lock().await;
        let records = self.checked(ids, Request::Start).await?;
        let stopped: Vec<_> =
            records.iter().filter(|r| r.machine == Machine::Off && r.intent != Intent::Run).collect();
        let wanted = stopped.iter().map(|record| (record.instance_type.as_str(), 1));
        self.check_capacity(wanted).await?;
        for record in &stopped {
            self.check_root(record).await?;
        }
        let stopped: Vec<_> = stopped.iter().map(|record| &record.id).collect();
        let addresses = self.due_addresses(&stopped).await?;
        let now = self.inner.clock.now();
        let memories: Vec<_> = match discard_memory {
            true => records.iter().filter_map(|record| record.saved.clone()).collect(),
            false => Vec::new(),
        };
        let changes = self.change_all_giving(ids, Request::Start, &addresses, |record| {
            if record.intent != Intent::Run {
                if discard_memory {
                    record.saved = None;
                }
                record.intent = Intent::Run;
                record.launch_time = now;
                record.reason = None;
                record.transition_reason = String::new();
            }
            Ok(())
        });
        let changes = changes.await?;
        for id in &memories {
            self.forget_memory(id).await?;
        }
        Ok(changes)
    }

    /// Removes the files of a memory that no row names any more.
    async fn forget_memory(&self, id: &SavedMachineId) -> Result<()> {
        let records = self.inner.store.instances().await.map_err(internal)?;
        if !records.iter().any(|record| record.saved.as_ref() == Some(id)) {
            forget(self, id).await;
        }
        Ok(())
    }

    /// StopInstances: by the power button, or at once with `force`.
    pub async fn stop_instances(&self, ids: &[InstanceId], force: bool) -> Result<Vec<StateChange>> {
        self.checked(ids, Request::Stop).await?;
        let now = self.inner.clock.now();
        self.change_all(ids, Request::Stop, |record| {
            if record.intent == Intent::Run {
                record.intent = Intent::Stop;
                record.reboot = false;
                record.transition_reason = transition_text(&StateReason::user_initiated(), now);
                record.reason = Some(StateReason::user_initiated());
            }
            record.force |= force && record.machine != Machine::Off;
            Ok(())
        })
        .await
    }

    /// StopInstances with Hibernate: the memory is kept, and the next start goes on from it. All must have been launched
    /// for it. One that can't be saved is stopped in the usual way, and its reason tells why.
    pub async fn hibernate_instances(&self, ids: &[InstanceId]) -> Result<Vec<StateChange>> {
        for record in self.checked(ids, Request::Stop).await? {
            if !record.hibernation {
                let text = format!(
                    "The instance can't be hibernated because it was not configured at launch for hibernation: {}",
                    record.id
                );
                return Err(CloudError::new(ErrorCode::UnsupportedHibernation, text));
            }
        }
        let now = self.inner.clock.now();
        let reason = StateReason::user_initiated_hibernate();
        self.change_all(ids, Request::Stop, |record| {
            if record.intent == Intent::Run {
                record.intent = Intent::Stop;
                record.reboot = false;
                record.hibernate = record.machine != Machine::Off;
                record.transition_reason = transition_text(&reason, now);
                record.reason = Some(reason.clone());
            }
            Ok(())
        })
        .await
    }

    /// RebootInstances: by the power button, by force when the guest takes too long. Keeps all.
    pub async fn reboot_instances(&self, ids: &[InstanceId]) -> Result<()> {
        self.checked(ids, Request::Reboot).await?;
        self.change_all(ids, Request::Reboot, |record| {
            record.reboot = record.machine == Machine::On;
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// TerminateInstances.
    pub async fn terminate_instances(&self, ids: &[InstanceId]) -> Result<Vec<StateChange>> {
        self.checked(ids, Request::Terminate).await?;
        let now = self.inner.clock.now();
        self.change_all(ids, Request::Terminate, |record| {
            if record.intent != Intent::Terminate {
                record.intent = Intent::Terminate;
                record.reboot = false;
                record.transition_reason = transition_text(&StateReason::user_initiated(), now);
                record.reason = Some(StateReason::user_initiated());
            }
            Ok(())
        })
        .await
    }

    /// The rows of `ids`, when all exist and take the request.
    async fn checked(&self, ids: &[InstanceId], request: Request) -> Result<Vec<InstanceRecord>> {
        let mut records = Vec::new();
        let mut unknown = Vec::new();
        for (nth, id) in ids.iter().enumerate() {
            if ids[..nth].contains(id) {
                continue;
            }
            match self.inner.store.instance(id).await.map_err(internal)? {
                Some(record) => records.push(record),
                None => unknown.push(id.as_str()),
            }
        }
        if !unknown.is_empty() {
            let text = match unknown.as_slice() {
                [one] => format!("The instance ID '{one}' does not exist"),
                many => format!("The instance IDs '{}' do not exist", many.join(", ")),
            };
            return Err(CloudError::new(ErrorCode::InvalidInstanceIdNotFound, text));
        }
        for record in &records {
            permits(record, request)?;
        }
        Ok(records)
    }

    /// An instance whose root volume was detached can't be started.
    async fn check_root(&self, record: &InstanceRecord) -> Result<()> {
        let volumes = self.inner.store.volumes_of(&record.id).await.map_err(internal)?;
        let devices = volumes.iter().filter_map(|volume| volume.attachment.as_ref()).map(|a| &a.device);
        if devices.into_iter().any(|device| *device == record.root_device_name) {
            return Ok(());
        }
        let (id, device) = (&record.id, &record.root_device_name);
        Err(CloudError::new(
            ErrorCode::IncorrectInstanceState,
            format!(
                "Invalid value '{id}' for instanceId. Instance does not have a volume attached at root ({device})"
            ),
        ))
    }

    /// Changes each instance and pokes its driver.
    async fn change_all(
        &self,
        ids: &[InstanceId],
        request: Request,
        change: impl Fn(&mut InstanceRecord) -> std::result::Result<(), CloudError> + Send + Sync,
    ) -> Result<Vec<StateChange>> {
        self.change_all_giving(ids, request, &DueAddresses::new(), change).await
    }

    /// The same, with public addresses for those that are then to run.
    async fn change_all_giving(
        &self,
        ids: &[InstanceId],
        request: Request,
        addresses: &DueAddresses,
        change: impl Fn(&mut InstanceRecord) -> std::result::Result<(), CloudError> + Send + Sync,
    ) -> Result<Vec<StateChange>> {
        let mut changes = Vec::new();
        for (nth, id) in ids.iter().enumerate() {
            if ids[..nth].contains(id) {
                continue;
            }
            let addresses = addresses.get(id).map_or(&[][..], Vec::as_slice);
            let done = self.inner.store.change_instance_giving::<ChangeError>(id, addresses, |record| {
                // Checked again with the write: another call may have come in between.
                permits(record, request)?;
                Ok(change(record)?)
            });
            let done = done.await?;
            self.poke(id);
            changes.push(StateChange {
                instance_id: id.clone(),
                previous: done.previous,
                current: done.record.state(),
            });
        }
        Ok(changes)
    }
}

/// Whether the instance's state and its protections let the request through.
fn permits(record: &InstanceRecord, request: Request) -> Result<()> {
    takes(record, request)?;
    let (held, what, attribute) = match request {
        Request::Stop => (record.disable_api_stop, "stopped", "disableApiStop"),
        Request::Terminate => {
            let alive = record.machine != Machine::Released;
            (record.disable_api_termination && alive, "terminated", "disableApiTermination")
        }
        Request::Start | Request::Reboot => (false, "", ""),
    };
    if !held {
        return Ok(());
    }
    Err(CloudError::new(
        ErrorCode::OperationNotPermitted,
        format!(
            "The instance '{}' may not be {what}. Modify its '{attribute}' instance attribute and try again.",
            record.id
        ),
    ))
}

fn takes(record: &InstanceRecord, request: Request) -> Result<()> {
    let state = record.state();
    if state.takes(request) {
        return Ok(());
    }
    let what = match request {
        Request::Start => "started",
        Request::Stop => "stopped",
        Request::Reboot => "rebooted",
        Request::Terminate => "terminated",
    };
    Err(CloudError::new(
        ErrorCode::IncorrectInstanceState,
        format!("The instance '{}' is not in a state from which it can be {what}: it is {state}", record.id),
    ))
}
