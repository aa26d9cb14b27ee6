//! What this host's KVM can run, found out by trying.
//!
//! That `/dev/kvm` opens says little: it may belong to a paravirtual KVM, which has no hardware virtualization
//! behind it and runs only guest kernels made for it. So a few instructions are run, in the real mode that every
//! stock kernel's boot begins or could begin in, and the signature of the paravirtual kind is looked for.

#![deny(unsafe_code)]

mod trial;

use std::fmt;

pub use trial::ProbeError;

/// The kind of guest kernels that this host's KVM runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvmSupport {
    /// Hardware virtualization: stock distribution kernels run.
    Stock,
    /// A paravirtual KVM: only kernels made for it run.
    Paravirtual,
    /// No guest runs here, with the reason in words a person can act on.
    Missing(String),
}

impl fmt::Display for KvmSupport {
    /// One word for scripts, then the reason for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock => f.write_str("stock: KVM has hardware virtualization, any kernel runs"),
            Self::Paravirtual => f.write_str("paravirtual: KVM is there, but runs only kernels made for it"),
            Self::Missing(reason) => write!(f, "none: {reason}"),
        }
    }
}

/// Looks at `/dev/kvm` and tries it; takes some milliseconds and leaves nothing behind.
pub fn probe() -> KvmSupport {
    match trial::try_out() {
        Ok(support) => support,
        Err(error) => KvmSupport::Missing(explain(&error)),
    }
}

/// The error with its causes in one line.
fn explain(error: &ProbeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_the_device_is_told_what_is_missing() {
        let error = ProbeError::Open(kvm_ioctls::Error::new(2));
        let text = KvmSupport::Missing(explain(&error)).to_string();
        assert!(text.starts_with("none: /dev/kvm cannot be opened"), "{text}");
        assert!(text.contains("No such file"), "{text}");
    }

    #[test]
    fn the_answer_agrees_with_the_device() {
        let opened = std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
        let support = probe();
        if !opened {
            assert!(matches!(support, KvmSupport::Missing(_)), "{support}");
        }
        assert_eq!(support, probe(), "the answer must not change from one try to the next");
    }
}
