//! From lists to filters in the kernel.

use super::calls::{self, Arguments, Kind};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Installs the filter of a kind of thread in this thread.
pub fn install(kind: Kind) -> Result<(), Error> {
    apply_filter(&compile(kind)?)
}

/// Answers `clone3` with "no such system call", in this thread and those it makes.
pub fn without_clone3() -> Result<(), Error> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, arch()?)?;
    apply_filter(&BpfProgram::try_from(filter)?)
}

fn compile(kind: Kind) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let mut whole = Vec::new();
    for (call, arguments) in calls::rules(kind) {
        let list = rules.entry(call).or_default();
        match arguments {
            Arguments::Any => whole.push(call),
            Arguments::Masked { index, mask, value } => {
                list.push(SeccompRule::new(vec![condition(index, mask, value)?])?)
            }
        }
    }
    // Without a rule a call is allowed whatever its arguments are.
    for call in whole {
        rules.insert(call, Vec::new());
    }
    let filter = SeccompFilter::new(rules, SeccompAction::Trap, SeccompAction::Allow, arch()?)?;
    Ok(BpfProgram::try_from(filter)?)
}

/// Arguments that are looked at are `int` or `unsigned int`: the kernel heeds 32 bits of them.
fn condition(index: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    let operator = match mask {
        u64::MAX => SeccompCmpOp::Eq,
        mask => SeccompCmpOp::MaskedEq(mask),
    };
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn arch() -> Result<TargetArch, BackendError> {
    TargetArch::try_from(std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_becomes_a_filter_that_the_kernel_takes() {
        for kind in [Kind::Start, Kind::Main, Kind::Vcpu, Kind::Disk] {
            let program = compile(kind).unwrap();
            assert!(!program.is_empty() && program.len() < 4096, "{kind:?}: {}", program.len());
        }
    }
}
