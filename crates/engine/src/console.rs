//! The serial console of an instance.

use cumulet_model::{CloudError, ErrorCode, InstanceId};
use cumulet_vmm_protocol::control::MAX_CONSOLE_CHUNK;

use crate::api::instance::{ConsoleOutput, ConsolePiece, Reachability};
use crate::cloud::{Cloud, Result, port_failed};
use cumulet_model::state::InstanceState;

impl Cloud {
    /// GetConsoleOutput: the last 64 KiB; nothing for an instance that has not run or is terminated.
    pub async fn console_output(&self, id: &InstanceId) -> Result<ConsoleOutput> {
        let record = self.record(id).await?;
        let output = if record.launch_id.is_some() || record.has_run && record.terminated.is_none() {
            let piece = self.inner.ports.vms.console(id, None, MAX_CONSOLE_CHUNK as u32, false).await;
            piece.map(|piece| piece.data).unwrap_or_default()
        } else {
            Vec::new()
        };
        Ok(ConsoleOutput { timestamp: self.inner.clock.now(), output })
    }

    /// Reads on from `offset`, or the last 64 KiB. With `wait` and nothing to read, answers when there is something,
    /// or empty after some seconds.
    pub async fn console_read(
        &self,
        id: &InstanceId,
        offset: Option<u64>,
        wait: bool,
    ) -> Result<ConsolePiece> {
        self.record(id).await?;
        let chunk = self
            .inner
            .ports
            .vms
            .console(id, offset, MAX_CONSOLE_CHUNK as u32, wait)
            .await
            .map_err(port_failed)?;
        Ok(ConsolePiece {
            offset: chunk.offset,
            next: chunk.offset + chunk.data.len() as u64,
            data: chunk.data,
        })
    }

    /// Types into the console; gives how many bytes the guest had room for.
    pub async fn console_write(&self, id: &InstanceId, data: &[u8]) -> Result<u64> {
        let record = self.record(id).await?;
        if record.state() != InstanceState::Running {
            return Err(CloudError::new(
                ErrorCode::IncorrectInstanceState,
                format!("The console of instance '{id}' takes input only while it is running"),
            ));
        }
        self.inner.ports.vms.console_write(id, data).await.map_err(port_failed)
    }

    /// What the status check of an instance says: it has passed once the guest's kernel has sent something or asked
    /// for something through its network interface.
    pub async fn reachability(&self, id: &InstanceId) -> Result<Reachability> {
        if self.record(id).await?.state() != InstanceState::Running {
            return Ok(Reachability::NotApplicable);
        }
        match self.inner.ports.vms.metrics(id).await {
            Ok(metrics) if metrics.nets.iter().any(|net| net.tx_packets > 0) => Ok(Reachability::Passed),
            Ok(metrics) if metrics.nets.is_empty() => Ok(Reachability::Passed),
            _ => Ok(Reachability::Initializing),
        }
    }
}
