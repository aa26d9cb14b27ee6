//! The metadata service of each VPC: its listener from the network, its facts from the engine, its keys from the
//! store, so that tokens and signatures outlive the daemon.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use cumulet_engine::{Cloud, InstanceFacts};
use cumulet_imds::{
    IdentityKey, InstanceMetadata, MetadataService, MetadataSource, PublicKey, SourceError, TokenKey,
};
use cumulet_model::VpcId;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::compose::Running;

/// Serves in every VPC.
pub async fn serve_all(
    running: &Running,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let cloud = &running.cloud;
    let source = Arc::new(Source { cloud: cloud.clone() });
    let service = MetadataService::new(
        source,
        token_key(cloud).await?,
        identity_key(cloud).await?,
        Arc::new(Timestamp::now),
    );
    for vpc in cloud.vpcs().await? {
        let listener = running.ports.network.metadata_listener(&vpc.id).await;
        let listener =
            listener.with_context(|| format!("can't listen for the metadata service of {}", vpc.id))?;
        let (service, stop) = (service.clone(), stop.clone());
        tasks.spawn(async move {
            let served = service.serve(listener, vpc.id.clone(), stop).await;
            served.with_context(|| format!("the metadata service of {} failed", vpc.id))
        });
    }
    Ok(())
}

async fn token_key(cloud: &Cloud) -> anyhow::Result<TokenKey> {
    let text = cloud.installation_secret("metadata-tokens").await?;
    let byte = |i: usize| text.get(2 * i..2 * i + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let mut key = [0; 32];
    for (i, place) in key.iter_mut().enumerate() {
        *place =
            byte(i).ok_or_else(|| anyhow!("the key of the metadata tokens in the database is damaged"))?;
    }
    Ok(TokenKey::new(key))
}

async fn identity_key(cloud: &Cloud) -> anyhow::Result<IdentityKey> {
    let pem = match cloud.installation_value("identity-key").await? {
        Some(pem) => pem,
        None => {
            // An RSA key takes a while to find: not on a thread that serves others.
            let made = tokio::task::spawn_blocking(|| IdentityKey::generate().and_then(|key| key.to_pem()));
            let fresh = made.await?.context("can't make an identity key")?;
            cloud.installation_value_or("identity-key", &fresh).await?
        }
    };
    IdentityKey::from_pem(&pem).context("the identity key in the database is damaged")
}

/// The facts, from the engine.
struct Source {
    cloud: Cloud,
}

#[async_trait]
impl MetadataSource for Source {
    async fn by_address(
        &self,
        vpc: &VpcId,
        address: IpAddr,
    ) -> Result<Option<InstanceMetadata>, SourceError> {
        let IpAddr::V4(address) = address else { return Ok(None) };
        let facts = self.cloud.instance_at(vpc, address).await.map_err(|error| SourceError(error.into()))?;
        Ok(facts.map(|facts| metadata(&self.cloud, facts)))
    }
}

fn metadata(cloud: &Cloud, facts: InstanceFacts) -> InstanceMetadata {
    let names = facts.instance.key_name.iter().cloned();
    let public_keys =
        names.zip(facts.public_key).map(|(name, openssh)| PublicKey { name, openssh }).collect();
    InstanceMetadata {
        account_id: cloud.account_id().to_owned(),
        region: cloud.region().clone(),
        vpc: facts.vpc,
        subnets: facts.subnets,
        architecture: "x86_64".into(),
        public_keys,
        user_data: facts.user_data,
        instance: facts.instance,
    }
}
