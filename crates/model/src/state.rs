//! An instance's state: facts in, visible state out.
//!
//! The store keeps two facts of an instance: what is wanted of it ([`Intent`]) and what its machine is known to be
//! ([`Machine`]). The state that EC2's callers see is computed from both, never stored. What the guest does outranks
//! what was asked: a guest that powers itself off changes the intent.

use serde::{Deserialize, Serialize};

/// What is wanted of an instance: by its owner, or by its guest through a power-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// It shall run.
    Run,
    /// It shall be stopped and keep its volumes and private address.
    Stop,
    /// It shall be gone.
    Terminate,
}

/// What is known of an instance's machine, that is of its VMM process and what it holds on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machine {
    /// Nothing runs.
    Off,
    /// Launch steps are under way; a VMM may or may not be there.
    Starting,
    /// A VMM runs the guest.
    On,
    /// The guest was reset; its next VMM is on the way. The instance counts as running.
    Resetting,
    /// Nothing runs and everything that the instance held has been released; final.
    Released,
}

/// The state that EC2's callers see (EC2 guide, "Instance lifecycle").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being launched or started.
    Pending,
    /// Runs.
    Running,
    /// Being terminated.
    ShuttingDown,
    /// Gone; listed for an hour.
    Terminated,
    /// Being stopped.
    Stopping,
    /// Stopped, can be started.
    Stopped,
}

impl InstanceState {
    /// The state computed from the facts.
    pub fn of(intent: Intent, machine: Machine) -> Self {
        match (intent, machine) {
            (_, Machine::Released) => Self::Terminated,
            (Intent::Run, Machine::Off | Machine::Starting) => Self::Pending,
            (Intent::Run, Machine::On | Machine::Resetting) => Self::Running,
            (Intent::Stop, Machine::Off) => Self::Stopped,
            (Intent::Stop, _) => Self::Stopping,
            (Intent::Terminate, _) => Self::ShuttingDown,
        }
    }

    /// EC2's code of the state.
    pub fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// EC2's name of the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

impl std::fmt::Display for InstanceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an owner can ask of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// StartInstances.
    Start,
    /// StopInstances.
    Stop,
    /// RebootInstances.
    Reboot,
    /// TerminateInstances.
    Terminate,
}

impl InstanceState {
    /// Whether EC2 takes `request` of an instance in this state (EC2 guide, "Instance state change"). Requests for
    /// what is so already are taken: stop of a stopped instance, start of a running one, terminate of a terminated.
    pub fn takes(self, request: Request) -> bool {
        use InstanceState::*;
        match request {
            Request::Start => matches!(self, Stopped | Pending | Running),
            Request::Stop => matches!(self, Running | Stopping | Stopped | Pending),
            Request::Reboot => matches!(self, Running | Pending),
            Request::Terminate => true,
        }
    }
}

/// Why an instance came to its state, as `stateReason` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReason {
    /// Such as `Client.UserInitiatedShutdown`.
    pub code: String,
    /// Such as `Client.UserInitiatedShutdown: User initiated shutdown`.
    pub message: String,
}

impl StateReason {
    /// A reason whose message is EC2's `CODE: text`.
    pub fn new(code: &str, text: &str) -> Self {
        Self { code: code.to_owned(), message: format!("{code}: {text}") }
    }

    /// The owner asked for it.
    pub fn user_initiated() -> Self {
        Self::new("Client.UserInitiatedShutdown", "User initiated shutdown")
    }

    /// The owner asked for it, memory to be kept (EC2 guide, "Hibernate your instance").
    pub fn user_initiated_hibernate() -> Self {
        Self::new("Client.UserInitiatedHibernate", "User initiated hibernate")
    }

    /// The owner asked for the memory to be kept, which could not be done: a normal shutdown in its place.
    pub fn not_hibernated(why: &str) -> Self {
        let text = format!("User initiated shutdown; the instance could not be hibernated: {why}");
        Self::new("Client.UserInitiatedShutdown", &text)
    }

    /// The guest powered itself off.
    pub fn guest_initiated() -> Self {
        Self::new("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
    }

    /// A launch or start step failed; `why` says which and how.
    pub fn launch_failed(why: &str) -> Self {
        Self::new("Server.InternalError", why)
    }

    /// The machine ended by itself: a crash of the VMM or the host.
    pub fn machine_failed(why: &str) -> Self {
        Self::new("Server.UnexpectedShutdown", why)
    }
}

/// What happens when the guest powers itself off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownBehavior {
    /// The instance is stopped.
    #[default]
    Stop,
    /// The instance is terminated.
    Terminate,
}

impl ShutdownBehavior {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }

    /// What the guest's power-off makes of the intent.
    pub fn intent(self) -> Intent {
        match self {
            Self::Stop => Intent::Stop,
            Self::Terminate => Intent::Terminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_facts_has_the_state_the_guide_names() {
        use {InstanceState as S, Intent as I, Machine as M};
        let table = [
            (I::Run, M::Off, S::Pending),
            (I::Run, M::Starting, S::Pending),
            (I::Run, M::On, S::Running),
            (I::Run, M::Resetting, S::Running),
            (I::Stop, M::Off, S::Stopped),
            (I::Stop, M::Starting, S::Stopping),
            (I::Stop, M::On, S::Stopping),
            (I::Stop, M::Resetting, S::Stopping),
            (I::Terminate, M::Off, S::ShuttingDown),
            (I::Terminate, M::On, S::ShuttingDown),
            (I::Terminate, M::Released, S::Terminated),
        ];
        for (intent, machine, state) in table {
            assert_eq!(InstanceState::of(intent, machine), state, "{intent:?} {machine:?}");
        }
    }

    #[test]
    fn a_terminated_instance_takes_only_another_terminate() {
        let dead = InstanceState::Terminated;
        assert!(dead.takes(Request::Terminate));
        for request in [Request::Start, Request::Stop, Request::Reboot] {
            assert!(!dead.takes(request));
        }
    }
}
