//! Instances.

use std::time::Duration;

use cumulet_api_types::fork::ForkInstance;
use cumulet_api_types::instance::Instance;
use cumulet_api_types::instance::{
    InstanceDetail, InstanceList, InstanceQuery, ModifyInstance, StartQuery, StateChange, StopQuery, UserData,
};
use cumulet_api_types::instance_type::{InstanceType, InstanceTypeList};
use cumulet_api_types::run::{Launched, RunInstances};
use hyper::Method;

use crate::client::{segment, with_query};
use crate::{Client, Result};

/// Orders answer at once, as they don't wait for the machine.
const LIMIT: Duration = Duration::from_secs(75);

fn path(id: &str, rest: &str) -> String {
    format!("/v1/instances/{}{rest}", segment(id))
}

impl Client {
    /// Instances that `query` takes, oldest launch first.
    pub async fn instances(&self, query: &InstanceQuery) -> Result<Vec<Instance>> {
        Ok(self.search::<InstanceList>("/v1/instances", query).await?.instances)
    }

    /// One instance.
    pub async fn instance(&self, id: &str) -> Result<InstanceDetail> {
        self.get(&path(id, "")).await
    }

    /// Launches instances; they come `pending`.
    pub async fn run_instances(&self, request: &RunInstances) -> Result<Launched> {
        self.post("/v1/instances", request).await
    }

    /// Makes instances that begin where a running one is; they come `pending`.
    pub async fn fork_instance(&self, id: &str, request: &ForkInstance) -> Result<Launched> {
        self.post(&path(id, "/fork"), request).await
    }

    /// Starts a stopped instance.
    pub async fn start_instance(&self, id: &str, how: &StartQuery) -> Result<StateChange> {
        self.post_empty(&with_query(&path(id, "/start"), how)?, LIMIT).await
    }

    /// Stops an instance.
    pub async fn stop_instance(&self, id: &str, how: &StopQuery) -> Result<StateChange> {
        self.post_empty(&with_query(&path(id, "/stop"), how)?, LIMIT).await
    }

    /// Reboots an instance.
    pub async fn reboot_instance(&self, id: &str) -> Result<()> {
        self.order(Method::POST, &path(id, "/reboot"), None::<&()>).await
    }

    /// Terminates an instance.
    pub async fn terminate_instance(&self, id: &str) -> Result<StateChange> {
        self.post_empty(&path(id, "/terminate"), LIMIT).await
    }

    /// Changes an instance.
    pub async fn modify_instance(&self, id: &str, request: &ModifyInstance) -> Result<Instance> {
        self.patch(&path(id, ""), request).await
    }

    /// The user data that an instance was launched with.
    pub async fn user_data(&self, id: &str) -> Result<UserData> {
        self.get(&path(id, "/user-data")).await
    }

    /// The catalogue of instance types.
    pub async fn instance_types(&self) -> Result<Vec<InstanceType>> {
        Ok(self.get::<InstanceTypeList>("/v1/instance-types").await?.instance_types)
    }
}
