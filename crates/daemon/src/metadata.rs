//! The metadata service of each VPC: its listener from the network, its facts from the engine, its keys from the
//! store, so that tokens and signatures outlive the daemon.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use cumulet_engine::{Cloud, InstanceFacts};
use cumulet_imds::{
    IdentityKey, InstanceMetadata, MetadataService, MetadataSource, PublicKey, SourceError, TokenKey,
};
use cumulet_model::VpcId;
use cumulet_ports::Network;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::compose::Running;

/// How long a VPC waits whose service could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Serves in every VPC: those that are there when this returns, and those that come later.
pub async fn serve_all(
    running: &Running,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let cloud = running.cloud.clone();
    let source = Arc::new(Source { cloud: cloud.clone() });
    let service = MetadataService::new(
        source,
        token_key(&cloud).await?,
        identity_key(&cloud).await?,
        Arc::new(Timestamp::now),
    );
    let network = running.ports.network.clone();
    let mut keeper =
        Keeper { cloud, network, service, stop: stop.clone(), served: HashMap::new(), tasks: JoinSet::new() };
    keeper.look().await?;
    tasks.spawn(keeper.keep());
    Ok(())
}

/// Has a listener in each VPC that there is, and in no other: an open listener would keep a VPC's network alive.
struct Keeper {
    cloud: Cloud,
    network: Arc<dyn Network>,
    service: MetadataService,
    stop: CancellationToken,
    served: HashMap<VpcId, CancellationToken>,
    tasks: JoinSet<VpcId>,
}

impl Keeper {
    async fn keep(mut self) -> anyhow::Result<()> {
        let mut complete = true;
        while !self.stop.is_cancelled() {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.network.networks_changed() => {}
                () = tokio::time::sleep(TRY_AGAIN), if !complete => {}
                Some(ended) = self.tasks.join_next() => {
                    // One that failed is begun again, but not at once.
                    if let Ok(vpc) = ended {
                        self.served.remove(&vpc);
                    }
                    complete = false;
                    continue;
                }
            }
            let looked = self.look().await;
            complete = looked.is_ok();
            if let Err(error) = looked {
                warn!(error = format!("{error:#}"), "not every VPC has its metadata service");
            }
        }
        while self.tasks.join_next().await.is_some() {}
        Ok(())
    }

    /// Begins and ends to serve as VPCs come and go; goes on through errors and gives the last of them.
    async fn look(&mut self) -> anyhow::Result<()> {
        let vpcs: Vec<VpcId> = self.cloud.vpcs().await?.into_iter().map(|vpc| vpc.id).collect();
        for (_, end) in self.served.extract_if(|vpc, _| !vpcs.contains(vpc)) {
            end.cancel();
        }
        let mut result = Ok(());
        for vpc in vpcs {
            if !self.served.contains_key(&vpc) {
                let begun = self.begin(vpc.clone()).await;
                let begun = begun.with_context(|| format!("can't listen for the metadata service of {vpc}"));
                result = begun.and(result);
            }
        }
        result
    }

    async fn begin(&mut self, vpc: VpcId) -> anyhow::Result<()> {
        let listener = self.network.metadata_listener(&vpc).await?;
        let (service, end) = (self.service.clone(), self.stop.child_token());
        self.served.insert(vpc.clone(), end.clone());
        self.tasks.spawn(async move {
            if let Err(error) = service.serve(listener, vpc.clone(), end).await {
                warn!(%vpc, %error, "the metadata service failed");
            }
            vpc
        });
        Ok(())
    }
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
