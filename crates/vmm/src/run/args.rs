//! The command line: `cumulet-vmm --spec PLACE --run-dir PLACE [--stdio]`, where a place is a path or `fd:N` for an
//! inherited descriptor.

use cumulet_vmm_protocol::Source;

/// How to call it.
pub const USAGE: &str = "\
usage: cumulet-vmm --spec PLACE --run-dir PLACE [--stdio] [--process PID:START:BOOT] [--no-seccomp]
       cumulet-vmm --version

PLACE is a path, or fd:N for an inherited descriptor.
  --spec      the machine, one JSON document (see cumulet-vmm-protocol)
  --run-dir   directory for lock, identity.json, control.sock, console.log and exit.json
  --stdio     also connect the serial console to standard input and output
  --process   it runs in a jail: its process id and start time as the host has them, and the host's boot id
  --no-seccomp  filter no system calls; for looking for errors, and said in the log";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunArgs {
    /// The specification.
    pub spec: Source,
    /// The run directory.
    pub run_dir: Source,
    /// Whether the console is connected to standard input and output.
    pub stdio: bool,
    /// Who the process is for the host, which a jailed one can't see by itself.
    pub process: Option<HostProcess>,
    /// Whether system calls are filtered.
    pub seccomp: bool,
}

/// A process as the host has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProcess {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since the host's boot.
    pub start_time: u64,
    /// The host's boot.
    pub boot_id: String,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// `--help`.
    #[error("{USAGE}")]
    Help,
    /// `--version`.
    #[error("cumulet-vmm {}", env!("CARGO_PKG_VERSION"))]
    Version,
    /// Not an option.
    #[error("unknown option {0}\n{USAGE}")]
    Unknown(String),
    /// An option without its value, or a required one that is not there.
    #[error("{0} is missing or lacks its value\n{USAGE}")]
    Missing(&'static str),
    /// Neither a path nor a descriptor.
    #[error("{0} is neither a path nor fd:N with N of 3 or more")]
    Place(String),
    /// Not a process of the host.
    #[error("{0} is not PID:START:BOOT")]
    Process(String),
}

impl RunArgs {
    /// Reads a command line without the program's name.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let (mut spec, mut run_dir, mut stdio) = (None, None, false);
        let (mut process, mut seccomp) = (None, true);
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--spec" => spec = Some(place(args.next().ok_or(ArgsError::Missing("--spec"))?)?),
                "--run-dir" => run_dir = Some(place(args.next().ok_or(ArgsError::Missing("--run-dir"))?)?),
                "--stdio" => stdio = true,
                "--process" => {
                    process = Some(host_process(args.next().ok_or(ArgsError::Missing("--process"))?)?);
                }
                "--no-seccomp" => seccomp = false,
                "--help" | "-h" => return Err(ArgsError::Help),
                "--version" | "-V" => return Err(ArgsError::Version),
                _ => return Err(ArgsError::Unknown(arg)),
            }
        }
        let spec = spec.ok_or(ArgsError::Missing("--spec"))?;
        let run_dir = run_dir.ok_or(ArgsError::Missing("--run-dir"))?;
        Ok(Self { spec, run_dir, stdio, process, seccomp })
    }
}

fn host_process(text: String) -> Result<HostProcess, ArgsError> {
    let mut parts = text.splitn(3, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (pid, start_time, boot_id) = (next().parse(), next().parse(), next().to_owned());
    match (pid, start_time) {
        (Ok(pid @ 1..), Ok(start_time)) if !boot_id.is_empty() => {
            Ok(HostProcess { pid, start_time, boot_id })
        }
        _ => Err(ArgsError::Process(text)),
    }
}

fn place(text: String) -> Result<Source, ArgsError> {
    match text.strip_prefix("fd:") {
        Some(number) => match number.parse() {
            Ok(fd) if fd >= 3 => Ok(Source::Fd(fd)),
            _ => Err(ArgsError::Place(text)),
        },
        None if text.is_empty() => Err(ArgsError::Place(text)),
        None => Ok(Source::Path(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<RunArgs, ArgsError> {
        RunArgs::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn places_are_paths_or_descriptors() {
        let args = parse("--spec fd:5 --run-dir /run/x --stdio").unwrap();
        assert_eq!(
            args,
            RunArgs {
                spec: Source::Fd(5),
                run_dir: Source::Path("/run/x".into()),
                stdio: true,
                process: None,
                seccomp: true,
            }
        );
    }

    #[test]
    fn a_jailed_vmm_is_told_who_it_is() {
        let args = parse("--spec fd:5 --run-dir /run --process 77:1234:51f6-a --no-seccomp").unwrap();
        let process = HostProcess { pid: 77, start_time: 1234, boot_id: "51f6-a".into() };
        assert_eq!((args.process, args.seccomp), (Some(process), false));
        for wrong in ["77:1234", "77:x:b", "0:1:b", "77:1:"] {
            let error = parse(&format!("--spec fd:5 --run-dir /run --process {wrong}"));
            assert_eq!(error, Err(ArgsError::Process(wrong.into())));
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        assert_eq!(parse("--spec"), Err(ArgsError::Missing("--spec")));
        assert_eq!(parse("--spec a"), Err(ArgsError::Missing("--run-dir")));
        assert_eq!(parse("--spec fd:1 --run-dir b"), Err(ArgsError::Place("fd:1".into())));
        assert_eq!(parse("--boot"), Err(ArgsError::Unknown("--boot".into())));
    }
}
