//! Where the firewall refuses a packet, and how it tells of it: the chains that packets end in, and the rules that log
//! what comes there.

use super::capture::GROUP;
use crate::firewall::forward::{NO_ACL_IN, NO_ACL_OUT, NO_IN, NO_OUT};

/// Where a packet was refused; each is a chain of the firewall that drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The sender's groups don't let it out.
    Out,
    /// The ACL of the sender's subnet doesn't.
    AclOut,
    /// The ACL of the receiver's subnet doesn't let it in.
    AclIn,
    /// The receiver's groups don't.
    In,
}

/// Behind the chain's name in a packet's prefix when connection tracking knew the packet's connection, and so has
/// counted it.
const KNOWN: &str = "-known";
/// The mark of a packet that its sender's groups have let out.
pub const LET_OUT: u32 = 0x1;
/// Bytes of a packet that are looked at: the largest usual headers.
pub const HEADERS: u32 = 128;
/// So many packets, or what came in a tenth of a second, are handed over at once.
const BATCH: u32 = 32;

impl Stage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Out, Self::AclOut, Self::AclIn, Self::In];

    /// The name of its chain.
    pub fn chain(self) -> &'static str {
        match self {
            Self::Out => NO_OUT,
            Self::AclOut => NO_ACL_OUT,
            Self::AclIn => NO_ACL_IN,
            Self::In => NO_IN,
        }
    }

    /// The stage that a logged packet's prefix names, and whether its connection was known.
    pub fn of_prefix(prefix: &str) -> Option<(Self, bool)> {
        let (chain, known) = prefix.strip_suffix(KNOWN).map_or((prefix, false), |chain| (chain, true));
        let stage = Self::ALL.into_iter().find(|stage| stage.chain() == chain)?;
        Some((stage, known))
    }
}

/// The rules that log what comes to a stage's chain, as `iptables-save` prints them.
pub fn rules(chain: &str) -> [String; 2] {
    let log = |prefix: String| {
        format!(
            "-j NFLOG --nflog-prefix {prefix} --nflog-group {GROUP} --nflog-size {HEADERS} --nflog-threshold {BATCH}"
        )
    };
    [
        format!("-m conntrack --ctstatus CONFIRMED {}", log(format!("{chain}{KNOWN}"))),
        format!("-m conntrack ! --ctstatus CONFIRMED {}", log(chain.to_owned())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_tells_its_stage() {
        for stage in Stage::ALL {
            assert_eq!(Stage::of_prefix(stage.chain()), Some((stage, false)));
            let [known, _] = rules(stage.chain());
            let prefix = known.split(' ').skip_while(|word| *word != "--nflog-prefix").nth(1);
            assert_eq!(prefix.and_then(Stage::of_prefix), Some((stage, true)));
        }
        assert_eq!(Stage::of_prefix("other"), None);
    }
}
