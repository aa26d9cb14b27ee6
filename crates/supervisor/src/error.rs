//! Why the supervisor could not do what it was asked.

use std::io;
use std::path::PathBuf;

use cumulet_model::InstanceId;
use cumulet_ports::PortError;
use cumulet_ports::vm_host::VmEnd;
use cumulet_vmm_protocol::ExitReason;

use crate::control::ControlError;

/// What can go wrong with machines.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A control socket's address would not fit into `sun_path` (unix(7): 108 bytes with the final zero).
    #[error("the run directory {} is not absolute or longer than {limit} bytes", path.display())]
    RunDirTooLong {
        /// The directory.
        path: PathBuf,
        /// The longest that does.
        limit: usize,
    },
    /// There is no jailer.
    #[error("the jailer {} is not there, and no machine is started without one", .0.display())]
    NoJailer(PathBuf),
    /// The host's file system or process table failed.
    #[error("can't {what}")]
    Io {
        /// What was tried: a verb and its object.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file that the machine needs can't be opened.
    #[error("can't open the {what}")]
    Open {
        /// What the file is for, such as `disk vol-0123`.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A volume without a file.
    #[error("the disk {0} has no layers")]
    NoLayers(String),
    /// A disk in more files than a command can carry.
    #[error("the disk {disk} has more than {limit} layers; it can be attached to a stopped instance only")]
    TooManyLayers {
        /// The disk.
        disk: String,
        /// The most.
        limit: usize,
    },
    /// Recovery hasn't been.
    #[error("the machines of this host were not taken up yet")]
    NotRecovered,
    /// There is a VMM already, or one is being started or removed.
    #[error("a machine of {0} runs already, or is being started or removed")]
    Taken(InstanceId),
    /// There is no VMM.
    #[error("no machine of {0} runs")]
    NotRunning(InstanceId),
    /// It was saved, and is to be ended or resumed.
    #[error("the machine of {0} stands still")]
    Standing(InstanceId),
    /// There is neither a VMM nor a console left by one.
    #[error("there is no console of {0}")]
    NoConsole(InstanceId),
    /// The VMM ended before its vCPUs ran.
    #[error("the machine did not start: {}", describe(end))]
    EndedAtStart {
        /// How.
        end: VmEnd,
        /// What it said last.
        #[source]
        log: VmmLog,
    },
    /// The VMM did not come up in time.
    #[error("the machine did not start within {seconds} seconds")]
    SlowStart {
        /// The limit.
        seconds: u64,
        /// What it said last.
        #[source]
        log: VmmLog,
    },
    /// The process that answers is not the one that was started.
    #[error("the VMM's identity is not that of the process that was started: its {field} differs")]
    WrongIdentity {
        /// The field.
        field: &'static str,
    },
    /// The control socket failed.
    #[error("the machine's VMM does not answer as it should")]
    Control(#[from] ControlError),
    /// It doesn't go away.
    #[error("the VMM of {0} is still there after it was killed")]
    Unkillable(InstanceId),
}

/// The end of a VMM's log, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{}", if .0.is_empty() { "the VMM left no log" } else { .0 })]
pub struct VmmLog(pub String);

impl SupervisorError {
    /// For `map_err`: an error of the host's file system or process table.
    pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::NotRecovered | Self::Taken(_) | Self::SlowStart { .. } => true,
            Self::Control(error) => error.is_transient(),
            _ => false,
        }
    }
}

impl From<SupervisorError> for PortError {
    fn from(error: SupervisorError) -> Self {
        let (what, transient) = (error.to_string(), error.is_transient());
        let mut port = match error {
            SupervisorError::Io { source, .. } | SupervisorError::Open { source, .. } => {
                Self::new(what, source)
            }
            SupervisorError::EndedAtStart { log, .. } | SupervisorError::SlowStart { log, .. } => {
                Self::new(what, log)
            }
            SupervisorError::Control(source) => Self::new(what, source),
            _ => Self::plain(what),
        };
        port.transient = transient;
        port
    }
}

/// How a VMM ended, in words.
pub fn describe(end: &VmEnd) -> String {
    let VmEnd::Recorded(reason) = end else {
        return "the VMM ended without a word".to_owned();
    };
    match reason {
        ExitReason::GuestPoweroff { .. } => "the guest powered itself off".to_owned(),
        ExitReason::GuestReset => "the guest reset itself".to_owned(),
        ExitReason::Killed => "it was killed".to_owned(),
        ExitReason::ParentDied => "the VMM's parent died".to_owned(),
        ExitReason::TripleFault { vcpu } => format!("vCPU {vcpu} had a triple fault"),
        ExitReason::GuestCrash { how } => format!("the guest crashed: {how}"),
        ExitReason::DeviceError { device, message } => format!("the device {device} failed: {message}"),
        ExitReason::StartFailed { what, message } => format!("{what}: {message}"),
        ExitReason::BadSpec { message } => format!("its specification is not valid: {message}"),
        ExitReason::InternalError { message } => format!("the VMM failed: {message}"),
    }
}
