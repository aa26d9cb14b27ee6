//! A question from its words, and its answer.

use std::net::IpAddr;

use cumulet_model::error::parse_id;
use cumulet_model::insights::{Findings, KernelFinding, PathAsk, PathFilter};
use cumulet_model::{CloudError, ErrorCode, InstanceId, InterfaceId, VpcId};
use cumulet_ports::network::NetworkSpec;
use cumulet_reach::{Analysis, Asked, Endpoint, Outside, Question, Sieve, analyse, compare, legs};
use tracing::warn;

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Which way traffic takes through the network as it is desired, or what stops it; and what the kernel does.
    pub async fn trace(&self, ask: &PathAsk) -> Result<Findings> {
        let question = self.question(ask).await?;
        let spec = self.inner.keeper.spec().await.map_err(internal)?;
        let network = &self.inner.ports.network;
        let pools = vec![network.public_pool().into(), network.ipv6_pool().into()];
        let outside = Outside { pools, ..Outside::default() };
        // A network with many rules takes a while to be searched.
        let asked = tokio::task::spawn_blocking(move || {
            let analysis = analyse(&spec, &outside, &question);
            (spec, analysis)
        });
        let (spec, analysis) = asked.await.map_err(|_| CloudError::internal("the analysis has failed"))?;
        let kernel = self.kernel(&spec, &analysis).await;
        Ok(self.finder(&spec).await?.findings(&analysis, kernel))
    }

    /// What the kernel does; `None` where nothing is sent, or what it holds can't be read.
    async fn kernel(&self, spec: &NetworkSpec, analysis: &Analysis) -> Option<KernelFinding> {
        let legs = legs(spec, analysis);
        if legs.is_empty() {
            return None;
        }
        let walked = match self.inner.ports.network.walk(&legs).await {
            Ok(walked) => walked,
            Err(error) => {
                warn!(error = %error.chain(), "what the kernel holds could not be compared");
                return None;
            }
        };
        let comparison = compare(spec, analysis, &walked);
        let decided = comparison.decided.map(|step| {
            let (namespace, place, rule) = (step.namespace, step.place, step.rule);
            format!("{namespace} {place}: {rule}")
        });
        let (verdict, agrees) = (comparison.kernel.to_string(), comparison.agrees);
        Some(KernelFinding { verdict, agrees, decided })
    }

    /// The question, whose ends must exist.
    pub(super) async fn question(&self, ask: &PathAsk) -> Result<Question> {
        let destination = match &ask.destination {
            Some(text) => Some(self.endpoint("Destination", text).await?),
            None => None,
        };
        if destination.is_none()
            && ask.at_source.destination.is_none()
            && ask.at_destination.destination.is_none()
        {
            return Err(CloudError::missing("Destination"));
        }
        Ok(Question {
            source: self.endpoint("Source", &ask.source).await?,
            destination,
            asked: protocol(&ask.protocol)?,
            at_source: sieve(&ask.at_source),
            at_destination: sieve(&ask.at_destination),
        })
    }

    async fn endpoint(&self, parameter: &str, text: &str) -> Result<Endpoint> {
        let text = text.rsplit('/').next().unwrap_or_default();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Endpoint::Address(address));
        }
        match text.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
            "i" => {
                let id: InstanceId = parse_id(text)?;
                self.record(&id).await?;
                Ok(Endpoint::Instance(id))
            }
            "eni" => {
                let id: InterfaceId = parse_id(text)?;
                self.network_interface(&id).await?;
                Ok(Endpoint::Interface(id))
            }
            "vpc" => {
                let id: VpcId = parse_id(text)?;
                let known = self.vpcs().await?.iter().any(|vpc| vpc.id == id);
                let missing = || CloudError::not_found(ErrorCode::InvalidVpcIdNotFound, "vpc ID", &id);
                if known { Ok(Endpoint::InternetGateway(id)) } else { Err(missing()) }
            }
            "igw" => self.gateways_vpc(text).await.map(Endpoint::InternetGateway),
            _ => {
                let text: String = text.chars().take(64).collect();
                Err(CloudError::invalid_value(format!(
                    "Value ({text}) for parameter {parameter} is invalid. It must be an instance, a network \
                     interface, an internet gateway or an address"
                )))
            }
        }
    }
}

fn protocol(text: &str) -> Result<Asked> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" | "6" => Ok(Asked::Tcp),
        "udp" | "17" => Ok(Asked::Udp),
        "icmp" | "icmpv6" | "ping" | "1" | "58" => Ok(Asked::Ping),
        number => number.parse().map(Asked::Other).map_err(|_| {
            let text: String = text.chars().take(64).collect();
            CloudError::invalid_value(format!(
                "Value ({text}) for parameter Protocol is invalid. Expected tcp, udp, icmp or a protocol's number"
            ))
        }),
    }
}

fn sieve(filter: &PathFilter) -> Sieve {
    Sieve {
        source: filter.source,
        source_ports: filter.source_ports,
        destination: filter.destination,
        destination_ports: filter.destination_ports,
    }
}
