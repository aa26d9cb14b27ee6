//! The command line.

use std::path::PathBuf;

/// What `--help` says.
pub const USAGE: &str = "usage: cumulet-firstboot [OPTION…] init|user-data
  init                 identity, host keys and authorized keys; before sshd
  user-data            acts on the user data; after sshd
options:
  --root DIR           work below DIR, and run only tools that are found there (default /)
  --metadata-url URL   the metadata service (default http://169.254.169.254)
  --default-user NAME  who gets the public keys (default debian)
  --wait SECONDS       how long to wait for the metadata service (default 120)
  --settings FILE      settings in TOML, below the root (default /etc/cumulet/firstboot.toml)";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Identity, before sshd.
    Init,
    /// User data, after it.
    UserData,
    /// Show the usage.
    Help,
}

impl Phase {
    /// The subcommand's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::UserData => "user-data",
            Self::Help => "help",
        }
    }
}

/// The command line, taken apart. Options outrank the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// The subcommand.
    pub phase: Phase,
    /// `--root`.
    pub root: PathBuf,
    /// `--settings`.
    pub settings: String,
    /// `--metadata-url`.
    pub metadata_url: Option<String>,
    /// `--default-user`.
    pub default_user: Option<String>,
    /// `--wait`, in seconds.
    pub wait_seconds: Option<u64>,
}

/// Why a command line is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Neither option nor subcommand.
    #[error("unknown argument `{0}`")]
    Unknown(String),
    /// An option without its value.
    #[error("{0} needs a value")]
    NoValue(String),
    /// `--wait` takes a number.
    #[error("--wait takes a number of seconds, not `{0}`")]
    Wait(String),
    /// No subcommand.
    #[error("init or user-data is missing")]
    NoPhase,
}

impl Arguments {
    /// Takes the arguments after the program's name apart.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, ArgumentError> {
        let mut parsed = Self {
            phase: Phase::Help,
            root: PathBuf::from("/"),
            settings: "/etc/cumulet/firstboot.toml".to_owned(),
            metadata_url: None,
            default_user: None,
            wait_seconds: None,
        };
        let mut phase = None;
        let mut rest = arguments;
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| ArgumentError::NoValue(argument.clone()));
            match argument.as_str() {
                "init" => phase = Some(Phase::Init),
                "user-data" => phase = Some(Phase::UserData),
                "-h" | "--help" => phase = Some(Phase::Help),
                "--root" => parsed.root = value()?.into(),
                "--settings" => parsed.settings = value()?,
                "--metadata-url" => parsed.metadata_url = Some(value()?),
                "--default-user" => parsed.default_user = Some(value()?),
                "--wait" => {
                    let text = value()?;
                    parsed.wait_seconds = Some(text.parse().map_err(|_| ArgumentError::Wait(text))?);
                }
                _ => return Err(ArgumentError::Unknown(argument)),
            }
        }
        parsed.phase = phase.ok_or(ArgumentError::NoPhase)?;
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, ArgumentError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_may_stand_before_and_after_the_phase() {
        let parsed = parse("--root /tmp/x user-data --wait 3 --metadata-url http://127.0.0.1:80").unwrap();
        assert_eq!((parsed.phase, parsed.wait_seconds), (Phase::UserData, Some(3)));
        assert_eq!(parsed.root, PathBuf::from("/tmp/x"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(parse(""), Err(ArgumentError::NoPhase));
        assert_eq!(parse("init --wait x"), Err(ArgumentError::Wait("x".into())));
        assert_eq!(parse("init --root"), Err(ArgumentError::NoValue("--root".into())));
        assert_eq!(parse("all"), Err(ArgumentError::Unknown("all".into())));
    }
}
