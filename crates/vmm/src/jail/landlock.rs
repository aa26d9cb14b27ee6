//! Landlock (the kernel's userspace-api/landlock.rst): of all files, those in the working directory can be opened, made,
//! written and removed; none can be run. No TCP port is opened or connected to, no abstract socket and no process
//! outside is reached. A file that is open already is not concerned.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};

/// The version whose rights are asked for; an older kernel gives what it has.
const VERSION: ABI = ABI::V6;

/// Restricts this thread and all that it will make.
pub fn restrict() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let here = AccessFs::ReadFile
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::RemoveFile;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(".")?, here))?
        .restrict_self()?;
    Ok(())
}
