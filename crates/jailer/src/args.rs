//! The command line: `cumulet-jailer --uid N --run-dir DIR --name NAME [...] --vmm PROGRAM -- ARGUMENTS`.

use std::ffi::OsString;
use std::path::PathBuf;

/// How to call it.
pub const USAGE: &str = "\
usage: cumulet-jailer --uid N --run-dir DIR --name NAME [--cgroup DIR]... [--threads N] --vmm PROGRAM -- ARGUMENT...
       cumulet-jailer --version

Becomes PROGRAM in a jail. Needs root, and to be the first process of a process id namespace.
  --uid       user and group id of the program, not 0
  --run-dir   the one directory that it can write to; it is /run in the jail
  --name      host name in the jail
  --cgroup    directory of a control group to join; may be given several times
  --threads   most threads of the user
  --vmm       the program; its descriptors are inherited. It gets the ARGUMENTs, and after them
              --run-dir /run --process PID:START:BOOT (its process id and start time as the host has them)";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JailArgs {
    /// User and group id.
    pub uid: u32,
    /// The run directory.
    pub run_dir: PathBuf,
    /// Host name in the jail.
    pub name: String,
    /// Control groups to join.
    pub cgroups: Vec<PathBuf>,
    /// Most threads of the user.
    pub threads: Option<u64>,
    /// The program.
    pub vmm: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// `--help`.
    #[error("{USAGE}")]
    Help,
    /// `--version`.
    #[error("cumulet-jailer {}", env!("CARGO_PKG_VERSION"))]
    Version,
    /// Not an option.
    #[error("unknown option {}\n{USAGE}", .0.display())]
    Unknown(OsString),
    /// An option without its value, or a required one that is not there.
    #[error("{0} is missing or lacks its value\n{USAGE}")]
    Missing(&'static str),
    /// A value that is not what the option takes.
    #[error("{option} is {rule}, not {}", value.display())]
    Value {
        /// The option.
        option: &'static str,
        /// What it takes.
        rule: &'static str,
        /// What it was given.
        value: OsString,
    },
}

impl JailArgs {
    /// Reads a command line without the program's name.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let (mut uid, mut run_dir, mut name, mut vmm, mut threads) = (None, None, None, None, None);
        let (mut cgroups, mut arguments) = (Vec::new(), Vec::new());
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut value = |option| args.next().ok_or(ArgsError::Missing(option));
            match arg.to_str() {
                Some("--uid") => {
                    uid = Some(number("--uid", "a number from 1 to 4294967294", value("--uid")?)?)
                }
                Some("--run-dir") => run_dir = Some(value("--run-dir")?.into()),
                Some("--name") => name = Some(host_name(value("--name")?)?),
                Some("--cgroup") => cgroups.push(value("--cgroup")?.into()),
                Some("--threads") => threads = Some(number("--threads", "a number", value("--threads")?)?),
                Some("--vmm") => vmm = Some(value("--vmm")?.into()),
                Some("--") => arguments = args.by_ref().collect(),
                Some("--help" | "-h") => return Err(ArgsError::Help),
                Some("--version" | "-V") => return Err(ArgsError::Version),
                _ => return Err(ArgsError::Unknown(arg)),
            }
        }
        Ok(Self {
            uid: uid.ok_or(ArgsError::Missing("--uid"))?,
            run_dir: run_dir.ok_or(ArgsError::Missing("--run-dir"))?,
            name: name.ok_or(ArgsError::Missing("--name"))?,
            cgroups,
            threads: threads.map(u64::from),
            vmm: vmm.ok_or(ArgsError::Missing("--vmm"))?,
            arguments,
        })
    }
}

/// Neither 0, which would be root, nor the number that means "unchanged" to the kernel.
fn number(option: &'static str, rule: &'static str, value: OsString) -> Result<u32, ArgsError> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.filter(|&number| number != 0 && number != u32::MAX).ok_or(ArgsError::Value { option, rule, value })
}

fn host_name(value: OsString) -> Result<String, ArgsError> {
    let is_name = |name: &&str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match value.to_str().filter(is_name) {
        Some(name) => Ok(name.to_owned()),
        None => Err(ArgsError::Value { option: "--name", rule: "1 to 64 letters, digits and dashes", value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<JailArgs, ArgsError> {
        JailArgs::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_program_gets_all_that_follows_the_two_dashes() {
        let args =
            parse("--uid 7 --run-dir /r --name i-1 --cgroup /a --cgroup /b --vmm /v -- --spec fd:5 --");
        let args = args.unwrap();
        assert_eq!((args.uid, args.cgroups.len(), args.threads), (7, 2, None));
        assert_eq!(args.arguments, ["--spec", "fd:5", "--"]);
    }

    #[test]
    fn nobody_becomes_root_in_a_jail() {
        for uid in ["0", "4294967295", "-1", "x"] {
            let error = parse(&format!("--uid {uid} --run-dir /r --name i --vmm /v")).unwrap_err();
            assert!(error.to_string().starts_with("--uid is a number"), "{error}");
        }
        let error = parse("--uid 7 --run-dir /r --name a/b --vmm /v").unwrap_err();
        assert!(error.to_string().starts_with("--name is 1 to 64"), "{error}");
        assert!(
            parse("--uid 7 --run-dir /r --name i").unwrap_err().to_string().starts_with("--vmm is missing")
        );
    }
}
