//! ARP from guests: a tap's frames count only with its own Ethernet and IPv4 address as their sender's.
//!
//! The router's neighbours are permanent entries, so a false sender could poison nothing; but each new one would take
//! room in the kernel's neighbour table, which all VPCs share. Probes for a double address (RFC 5227, sender 0.0.0.0)
//! make no entry and get through.

use std::fmt::Write;
use std::net::Ipv4Addr;

use cumulet_ports::network::VpcSpec;

use crate::names;

/// Input for `arptables-restore`, which replaces the whole table.
pub fn render(vpc: &VpcSpec) -> String {
    let mut text = "*filter\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n".to_owned();
    for interface in &vpc.interfaces {
        let tap = names::tap(&interface.id);
        let mac = interface.mac;
        if !interface.source_dest_check {
            let _ = writeln!(text, "-A INPUT -j ACCEPT -i {tap} --src-mac {mac}");
            continue;
        }
        for sender in [interface.private_ip, Ipv4Addr::UNSPECIFIED] {
            let _ = writeln!(text, "-A INPUT -j ACCEPT -i {tap} -s {sender} --src-mac {mac}");
        }
    }
    let _ = writeln!(text, "-A INPUT -j DROP -i {}+", names::TAP_PREFIX);
    text
}

/// The rules in what `arptables-save` printed or [`render`] wrote, for comparison.
pub fn rules(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with("-A ")).collect()
}
