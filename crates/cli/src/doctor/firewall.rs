//! iptables and ipset: that they are there, and that the kernel has what the rules need. Tried in a network namespace
//! of its own, which ends with the trial.

use std::io::Write;
use std::process::{Command, Stdio};

use super::programs::find;
use super::row::Row;

/// Rules of each kind that the daemon makes.
const TRIAL: &str = "\
*raw
-A PREROUTING -i lo -j ACCEPT
COMMIT
*nat
-A PREROUTING -d 198.18.0.1/32 -j DNAT --to-destination 172.31.0.4
-A POSTROUTING -s 172.31.0.4/32 -j SNAT --to-source 198.18.0.1
-A POSTROUTING -o lo -j MASQUERADE
COMMIT
*filter
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m set --match-set cumulet-trial src -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP
COMMIT
";

/// The programs, and the kernel's side.
pub fn check() -> Vec<Row> {
    let mut rows: Vec<Row> = [("iptables", "iptables-restore"), ("ipset", "ipset"), ("ip", "ip")]
        .into_iter()
        .map(|(name, program)| match find(program) {
            Some(path) => Row::ok(name, path.display().to_string()),
            None => {
                let package = if name == "ip" { "iproute2" } else { name };
                Row::fail(name, format!("{program} was not found"), format!("sudo apt install {package}"))
            }
        })
        .collect();
    if rows.iter().all(|row| row.mend.is_none()) {
        rows.push(trial());
    }
    rows
}

fn trial() -> Row {
    const NAME: &str = "firewall";
    if !rustix::process::geteuid().is_root() {
        return Row::warn(NAME, "not tried: only root can", "run as root");
    }
    match apply() {
        Ok(()) => Row::ok(NAME, "rules with NAT, connection tracking and sets go into the kernel"),
        Err(reason) => Row::fail(
            NAME,
            reason,
            "sudo modprobe -a ip_tables iptable_nat iptable_raw nf_conntrack xt_conntrack ip_set ip_set_hash_net xt_set",
        ),
    }
}

/// In a namespace of its own: a set, then the rules.
fn apply() -> Result<(), String> {
    let script =
        "PATH=$PATH:/usr/sbin:/sbin; ipset create cumulet-trial hash:net && exec iptables-restore -w";
    let mut child = Command::new("unshare")
        .args(["--net", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start unshare: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If nobody reads it, the exit status tells why.
        let _ = stdin.write_all(TRIAL.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| format!("unshare: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason was given");
    Err(format!("the kernel refuses the rules: {}", first.trim()))
}
