//! What the agent in an instance's guest is asked: a greeting, a program to run, a stream of files or of a connection;
//! and a fork's new identity, before the fork is anything to anybody.
//!
//! The agent is optional, and the guest may be in anybody's hands: what it answers is bounded by its protocol, each
//! wait has a limit, and what it says of a failure goes to the caller as the guest's words.

use std::net::Ipv4Addr;
use std::time::Duration;

use cumulet_agent_client::protocol::{
    self as wire, AgentMessage, Command, FailureCode, Greeting, HostKey, HostKeys, Identity, IdentityDone,
    WallClock,
};
use cumulet_agent_client::{
    AgentError, Finished, FrameReader, FrameWriter, OutputLimits, ask, hello, identity, run,
};
use cumulet_model::key::{KeyFormat, KeyType};
use cumulet_model::state::InstanceState;
use cumulet_model::{CloudError, ErrorCode, InstanceId, MacAddr};
use cumulet_ports::{BoxedGuestStream, VmHost};
use jiff::Timestamp;
use rand::Rng;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, timeout};

use crate::clock::Clock;
use crate::cloud::{Cloud, Result, port_failed};
use crate::keygen;

/// How long the agent may take for its first answer. It may wait for a connection that it was asked to make.
const FIRST_ANSWER: Duration = Duration::from_secs(20);

/// The pause before a fork's agent is asked once more.
const RETRY: Duration = Duration::from_millis(2);

/// Bytes of entropy for a fork.
const ENTROPY: usize = 256;

/// A stream that the agent has agreed to.
pub struct AgentStream {
    /// Its first answer.
    pub first: AgentMessage,
    /// What comes from it.
    pub reader: FrameReader<ReadHalf<BoxedGuestStream>>,
    /// What goes to it.
    pub writer: FrameWriter<WriteHalf<BoxedGuestStream>>,
}

impl Cloud {
    /// Who the agent of an instance is.
    pub async fn agent_greeting(&self, id: &InstanceId) -> Result<Greeting> {
        let stream = self.agent(id).await?;
        hello(stream, FIRST_ANSWER).await.map_err(|error| failed(id, error))
    }

    /// Runs a program in an instance to its end.
    pub async fn agent_run(
        &self,
        id: &InstanceId,
        exec: wire::Exec,
        stdin: &[u8],
        limits: OutputLimits,
    ) -> Result<Finished> {
        let stream = self.agent(id).await?;
        run(stream, exec, stdin, limits).await.map_err(|error| failed(id, error))
    }

    /// Asks the agent of an instance for something that is a stream.
    pub async fn agent_stream(&self, id: &InstanceId, command: Command) -> Result<AgentStream> {
        let (reader, writer) = tokio::io::split(self.agent(id).await?);
        let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
        let answer = timeout(FIRST_ANSWER, ask(&mut reader, &mut writer, command)).await;
        let answer = answer.unwrap_or(Err(AgentError::TimedOut(FIRST_ANSWER)));
        let first = answer.map_err(|error| failed(id, error))?;
        Ok(AgentStream { first, reader, writer })
    }

    async fn agent(&self, id: &InstanceId) -> Result<BoxedGuestStream> {
        let state = self.record(id).await?.state();
        if state != InstanceState::Running {
            let text =
                format!("The instance '{id}' is {state}; its agent can be reached while it is running");
            return Err(CloudError::new(ErrorCode::IncorrectInstanceState, text));
        }
        let stream = self.inner.ports.vms.connect_guest(id, wire::PORT).await.map_err(port_failed)?;
        stream.ok_or_else(|| silent(id))
    }
}

/// A fork's network interface, and its source's.
#[derive(Debug, Clone, Copy)]
pub struct ForkInterface {
    /// Its hardware address.
    pub mac: MacAddr,
    /// The source's, by which the guest knows the interface.
    pub source_mac: MacAddr,
    /// Its private address.
    pub address: Ipv4Addr,
    /// The length of the subnet's prefix.
    pub prefix: u8,
    /// The subnet's router, where the interface has the default route.
    pub gateway: Option<Ipv4Addr>,
}

/// A new identity: the facts as given, and everything random and the clock new.
pub fn new_identity(
    id: &InstanceId,
    hostname: &str,
    interfaces: &[ForkInterface],
    now: Timestamp,
) -> Result<Identity> {
    let key = keygen::generate(KeyType::Ed25519, KeyFormat::Pem, hostname)?;
    let mut random = [0; ENTROPY];
    rand::rng().fill_bytes(&mut random);
    let mut machine_id: [u8; 16] = rand::random();
    // machine-id(5): in the form of a UUID of version 4.
    machine_id[6] = machine_id[6] & 0x0f | 0x40;
    machine_id[8] = machine_id[8] & 0x3f | 0x80;
    Ok(Identity {
        instance_id: Some(id.to_string()),
        hostname: Some(hostname.to_owned()),
        machine_id: Some(machine_id.iter().map(|byte| format!("{byte:02x}")).collect()),
        interfaces: interfaces.iter().map(interface).collect(),
        host_keys: HostKeys::Replace(vec![HostKey {
            kind: "ed25519".into(),
            private: key.private_key,
            public: key.public.line,
        }]),
        clock: Some(wall_clock(now)),
        entropy: random.to_vec(),
    })
}

fn interface(facts: &ForkInterface) -> wire::Interface {
    let cidr = |address: Ipv4Addr, prefix| wire::Cidr { address: address.into(), prefix };
    let default = facts.gateway.map(|gateway| wire::Route {
        destination: cidr(Ipv4Addr::UNSPECIFIED, 0),
        gateway: Some(gateway.into()),
        metric: None,
    });
    wire::Interface {
        mac: wire::Mac(facts.mac.0),
        previous_mac: Some(wire::Mac(facts.source_mac.0)),
        addresses: vec![cidr(facts.address, facts.prefix)],
        routes: default.into_iter().collect(),
    }
}

/// Gives a machine that was made from another one its identity, `limit` for all of it. Asks until it is answered: the
/// guest learns of the restore itself at this moment, and drops the connections that it had, which this one may seem
/// to be. Doing it twice is well.
pub async fn give_identity(
    vms: &dyn VmHost,
    id: &InstanceId,
    wanted: &Identity,
    limit: Duration,
) -> Result<IdentityDone> {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match give_identity_once(vms, id, wanted, left).await? {
            Some(done) => return Ok(done),
            None if Instant::now() < until => sleep(RETRY).await,
            None => return Err(silent(id)),
        }
    }
}

/// Sets the wall clock of a guest, whose agent may need a moment to notice that it stood still.
pub async fn set_clock(
    vms: &dyn VmHost,
    id: &InstanceId,
    clock: &dyn Clock,
    limit: Duration,
) -> Result<IdentityDone> {
    let until = Instant::now() + limit;
    loop {
        let wanted = Identity { clock: Some(wall_clock(clock.now())), ..Identity::default() };
        let left = until.saturating_duration_since(Instant::now());
        match give_identity_once(vms, id, &wanted, left).await? {
            Some(done) => return Ok(done),
            None if Instant::now() < until => sleep(RETRY).await,
            None => return Err(silent(id)),
        }
    }
}

/// Nothing where the guest is not to be reached yet.
async fn give_identity_once(
    vms: &dyn VmHost,
    id: &InstanceId,
    wanted: &Identity,
    left: Duration,
) -> Result<Option<IdentityDone>> {
    let attempt = async {
        match vms.connect_guest(id, wire::PORT).await.map_err(port_failed)? {
            Some(stream) => match identity(stream, wanted.clone(), left).await {
                Ok(done) => Ok(Some(done)),
                Err(AgentError::Closed | AgentError::Io(_)) => Ok(None),
                Err(error) => Err(failed(id, error)),
            },
            None => Ok(None),
        }
    };
    timeout(left, attempt).await.unwrap_or_else(|_| Err(silent(id)))
}

fn wall_clock(now: Timestamp) -> WallClock {
    WallClock { seconds: now.as_second(), nanoseconds: u32::try_from(now.subsec_nanosecond()).unwrap_or(0) }
}

fn silent(id: &InstanceId) -> CloudError {
    let text = format!(
        "The instance '{id}' has no agent that answers: it still starts, or its image lacks cumulet-agent (the image \
         micro has it)"
    );
    CloudError::new(ErrorCode::AgentUnavailable, text)
}

/// What the caller is told of an agent's failure.
fn failed(id: &InstanceId, error: AgentError) -> CloudError {
    match error {
        AgentError::Failed(failure) => {
            let code = match failure.code {
                FailureCode::NotFound => ErrorCode::AgentNotFound,
                FailureCode::Invalid => ErrorCode::InvalidParameterValue,
                FailureCode::Busy => ErrorCode::RequestLimitExceeded,
                FailureCode::Version => ErrorCode::AgentUnavailable,
                FailureCode::System | FailureCode::Other => ErrorCode::AgentFailed,
            };
            // Whatever it says, it is one line of a bearable length.
            let text = failure.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000);
            CloudError::new(code, text.collect::<String>())
        }
        AgentError::Closed | AgentError::Io(_) => silent(id),
        AgentError::TimedOut(limit) => {
            let text = format!("The agent of '{id}' did not finish within {} s", limit.as_secs());
            CloudError::new(ErrorCode::Unavailable, text)
        }
        AgentError::Frame(_) | AgentError::Unexpected => {
            let text = format!("The agent of '{id}' answers in a form that this daemon does not know");
            CloudError::new(ErrorCode::AgentUnavailable, text)
        }
    }
}
