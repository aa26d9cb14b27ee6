//! Making flow logs: one of each resource, and what is wrong with one resource is no hindrance for the others.

use cumulet_model::flow_log::{FlowLog, FlowLogResource};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, FlowLogId, VpcId};
use tracing::info;

use crate::api::flow_log::{CreateFlowLogs, MadeFlowLogs};
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::idempotent::token_of;

/// The most flow logs of one resource. Each costs the host an account of its own.
const MOST_OF_A_RESOURCE: usize = 10;
/// The most flow logs of this cloud.
const MOST: usize = 200;
/// EC2's choices of the longest interval, in seconds.
const INTERVALS: [u32; 2] = [60, 600];

impl Cloud {
    /// Makes flow logs, which record when this returns. The same client token with the same parameters gives the same
    /// logs.
    pub async fn create_flow_logs(&self, request: CreateFlowLogs) -> Result<MadeFlowLogs> {
        check_tags(&request.tags)?;
        if !INTERVALS.contains(&request.aggregation_seconds) {
            let text = format!("Invalid Flow Log Max Aggregation Interval: {}", request.aggregation_seconds);
            return Err(CloudError::new(ErrorCode::InvalidParameter, text));
        }
        let made = {
            let _allocation = self.inner.allocation.lock().await;
            let token = token_of("CreateFlowLogs", request.client_token.as_deref(), &request);
            if let Some(ids) = self.made_before(token.as_ref()).await? {
                return made_then(&ids);
            }
            let (logs, made) = self.new_flow_logs(&request).await?;
            self.inner.store.add_flow_logs(&logs, token.as_ref()).await.map_err(internal)?;
            made
        };
        for id in &made.made {
            info!(log = %id, "made a flow log");
        }
        if !made.made.is_empty() {
            self.inner.keeper.sync().await.map_err(port_failed)?;
        }
        Ok(made)
    }

    async fn new_flow_logs(&self, request: &CreateFlowLogs) -> Result<(Vec<FlowLog>, MadeFlowLogs)> {
        let mut held = self.inner.store.flow_logs().await.map_err(internal)?;
        let (mut logs, mut made) = (Vec::new(), MadeFlowLogs::default());
        for resource in &request.resources {
            let new = match self.vpc_of(resource).await? {
                Ok(vpc_id) => self.new_flow_log(request, resource, vpc_id, &held),
                Err(unknown) => Err(unknown),
            };
            match new {
                Ok(log) => {
                    made.made.push(log.id.clone());
                    held.push(log.clone());
                    logs.push(log);
                }
                Err(refusal) => made.refused.push((resource.as_str().to_owned(), refusal)),
            }
        }
        Ok((logs, made))
    }

    fn new_flow_log(
        &self,
        request: &CreateFlowLogs,
        resource: &FlowLogResource,
        vpc_id: VpcId,
        held: &[FlowLog],
    ) -> Result<FlowLog> {
        let same = |log: &&FlowLog| {
            log.resource == *resource
                && log.traffic == request.traffic
                && log.format == request.format
                && log.aggregation_seconds == request.aggregation_seconds
                && log.destination == request.destination
        };
        if held.iter().any(|log| same(&log)) {
            let text = "There is an existing Flow Log with the same configuration and log destination.";
            return Err(CloudError::new(ErrorCode::FlowLogAlreadyExists, text));
        }
        let of_resource = held.iter().filter(|log| log.resource == *resource).count();
        if of_resource >= MOST_OF_A_RESOURCE || held.len() >= MOST {
            let text = format!(
                "You have reached the limit of {MOST_OF_A_RESOURCE} flow logs of a resource, or of {MOST} in all"
            );
            return Err(CloudError::new(ErrorCode::FlowLogsLimitExceeded, text));
        }
        Ok(FlowLog {
            id: FlowLogId::random(&mut rand::rng()),
            resource: resource.clone(),
            vpc_id,
            traffic: request.traffic,
            format: request.format.clone(),
            aggregation_seconds: request.aggregation_seconds,
            destination: request.destination.clone(),
            role: request.role.clone(),
            created: self.inner.clock.now(),
            tags: request.tags.clone(),
        })
    }

    /// The VPC of a resource, or what is wrong with it.
    async fn vpc_of(&self, resource: &FlowLogResource) -> Result<Result<VpcId>> {
        let store = &self.inner.store;
        let id = resource.as_str();
        let (found, code, noun) = match resource {
            FlowLogResource::Vpc(vpc) => {
                let found = store.vpc(vpc).await.map_err(internal)?;
                (found.map(|vpc| vpc.id), ErrorCode::InvalidVpcIdNotFound, "vpc ID")
            }
            FlowLogResource::Subnet(subnet) => {
                let all = store.subnets().await.map_err(internal)?;
                let found = all.into_iter().find(|held| held.subnet.id == *subnet);
                (found.map(|held| held.subnet.vpc_id), ErrorCode::InvalidSubnetIdNotFound, "subnet ID")
            }
            FlowLogResource::Interface(interface) => {
                let found = store.interface(interface).await.map_err(internal)?;
                let noun = "networkInterface ID";
                (found.map(|held| held.interface.vpc_id), ErrorCode::InvalidInterfaceNotFound, noun)
            }
        };
        Ok(found.ok_or_else(|| CloudError::not_found(code, noun, id)))
    }
}

fn made_then(ids: &str) -> Result<MadeFlowLogs> {
    let parsed = ids.split(',').map(str::parse).collect::<std::result::Result<_, _>>();
    let made = parsed.map_err(|_| CloudError::internal("a request's token is damaged"))?;
    Ok(MadeFlowLogs { made, refused: vec![] })
}
