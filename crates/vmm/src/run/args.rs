//! The command line: `cumulet-vmm --spec PLACE --run-dir PLACE [--stdio]`, where a place is a path or `fd:N` for an
//! inherited descriptor.

use cumulet_vmm_protocol::Source;

/// How to call it.
pub const USAGE: &str = "\
usage: cumulet-vmm --spec PLACE --run-dir PLACE [--stdio]
       cumulet-vmm --version

PLACE is a path, or fd:N for an inherited descriptor.
  --spec      the machine, one JSON document (see cumulet-vmm-protocol)
  --run-dir   directory for lock, identity.json, control.sock, console.log and exit.json
  --stdio     also connect the serial console to standard input and output";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunArgs {
    /// The specification.
    pub spec: Source,
    /// The run directory.
    pub run_dir: Source,
    /// Whether the console is connected to standard input and output.
    pub stdio: bool,
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
}

impl RunArgs {
    /// Reads a command line without the program's name.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let (mut spec, mut run_dir, mut stdio) = (None, None, false);
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--spec" => spec = Some(place(args.next().ok_or(ArgsError::Missing("--spec"))?)?),
                "--run-dir" => run_dir = Some(place(args.next().ok_or(ArgsError::Missing("--run-dir"))?)?),
                "--stdio" => stdio = true,
                "--help" | "-h" => return Err(ArgsError::Help),
                "--version" | "-V" => return Err(ArgsError::Version),
                _ => return Err(ArgsError::Unknown(arg)),
            }
        }
        let spec = spec.ok_or(ArgsError::Missing("--spec"))?;
        Ok(Self { spec, run_dir: run_dir.ok_or(ArgsError::Missing("--run-dir"))?, stdio })
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
            RunArgs { spec: Source::Fd(5), run_dir: Source::Path("/run/x".into()), stdio: true }
        );
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        assert_eq!(parse("--spec"), Err(ArgsError::Missing("--spec")));
        assert_eq!(parse("--spec a"), Err(ArgsError::Missing("--run-dir")));
        assert_eq!(parse("--spec fd:1 --run-dir b"), Err(ArgsError::Place("fd:1".into())));
        assert_eq!(parse("--boot"), Err(ArgsError::Unknown("--boot".into())));
    }
}
