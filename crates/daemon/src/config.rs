//! The configuration: a TOML file, flags and environment over it, defaults under it; checked before anything is made.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use cumulet_engine::{Graces, HostCapacity};
use cumulet_model::Mib;
use cumulet_model::catalogue::{self, InstanceType};
use cumulet_model::place::Region;
use cumulet_net::flow_logs::ArchiveConfig;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::Deserialize;
use std::time::Duration;

/// Flags that override the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Overrides {
    /// Database, images and volumes.
    #[arg(long, env = "CUMULET_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Sockets and the run directories of machines.
    #[arg(long, env = "CUMULET_RUN_DIR")]
    pub run_dir: Option<PathBuf>,
    /// Tag of this installation, in the name of all that it makes on the host: 1 to 7 lower-case letters and digits.
    #[arg(long, env = "CUMULET_TAG")]
    pub tag: Option<String>,
    /// Address of the EC2 API.
    #[arg(long, env = "CUMULET_EC2_LISTEN")]
    pub ec2_listen: Option<SocketAddr>,
    /// Address of the JSON API; its unix socket is always there.
    #[arg(long, env = "CUMULET_HTTP_LISTEN")]
    pub http_listen: Option<SocketAddr>,
    /// Region's name.
    #[arg(long, env = "CUMULET_REGION")]
    pub region: Option<String>,
    /// Addresses that public addresses are given out from.
    #[arg(long, env = "CUMULET_PUBLIC_POOL")]
    pub public_pool: Option<Ipv4Net>,
    /// IPv6 addresses that VPCs have /56 blocks of: a /48 or larger, a private one (RFC 4193) unless the world routes
    /// another one to this host.
    #[arg(long, env = "CUMULET_IPV6_POOL")]
    pub ipv6_pool: Option<Ipv6Net>,
    /// A network around the host that guests with a public address may reach, besides the internet: its LAN, say. May be
    /// given several times, or several separated by commas.
    #[arg(long = "guest-network", env = "CUMULET_GUEST_NETWORKS", value_delimiter = ',')]
    pub guest_networks: Vec<Ipv4Net>,
    /// Addresses of the default VPC, when it has to be made.
    #[arg(long, env = "CUMULET_DEFAULT_VPC")]
    pub default_vpc: Option<Ipv4Net>,
    /// The VMM's program; `cumulet-vmm` beside this one when not given.
    #[arg(long, env = "CUMULET_VMM")]
    pub vmm: Option<PathBuf>,
    /// The jailer's program; `cumulet-jailer` beside this one when not given.
    #[arg(long, env = "CUMULET_JAILER")]
    pub jailer: Option<PathBuf>,
    /// Run VMMs without a jail, as root. For development only; the log warns at each start of the daemon and of a
    /// machine.
    #[arg(long, conflicts_with = "jailer")]
    pub no_jail: bool,
}

/// The file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileConfig {
    state_dir: Option<PathBuf>,
    run_dir: Option<PathBuf>,
    tag: Option<String>,
    ec2_listen: Option<SocketAddr>,
    http_listen: Option<SocketAddr>,
    http_names: Vec<String>,
    region: Option<String>,
    zones: Option<usize>,
    public_pool: Option<Ipv4Net>,
    ipv6_pool: Option<Ipv6Net>,
    guest_networks: Vec<Ipv4Net>,
    default_vpc: Option<Ipv4Net>,
    resolvers: Option<Vec<SocketAddr>>,
    dns_stub: Option<bool>,
    flow_log_file_mib: Option<u64>,
    flow_log_file_minutes: Option<u64>,
    flow_log_total_mib: Option<u64>,
    flow_log_keep_days: Option<u64>,
    vmm: Option<PathBuf>,
    jailer: Option<PathBuf>,
    memory_ratio: Option<f64>,
    memory_reserve_mib: Option<u64>,
    vcpu_ratio: Option<u32>,
    stop_grace_seconds: Option<u64>,
    terminate_grace_seconds: Option<u64>,
    reboot_grace_seconds: Option<u64>,
    instance_types: Vec<OwnType>,
}

/// An instance type of the host's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnType {
    name: String,
    vcpus: u32,
    memory_mib: u64,
}

/// The configuration as the daemon uses it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Database, images and volumes.
    pub state_dir: PathBuf,
    /// Sockets and run directories.
    pub run_dir: PathBuf,
    /// Tag of this installation.
    pub tag: cumulet_net::Tag,
    /// Address of the EC2 API.
    pub ec2_listen: SocketAddr,
    /// Address of the JSON API.
    pub http_listen: SocketAddr,
    /// Host names under which the JSON API may be asked, besides addresses and `localhost`.
    pub http_names: Vec<String>,
    /// Region and zones.
    pub region: Region,
    /// Pool of public addresses.
    pub public_pool: Ipv4Net,
    /// Pool of VPCs' IPv6 blocks.
    pub ipv6_pool: Ipv6Net,
    /// Networks around the host that guests may reach.
    pub guest_networks: Vec<Ipv4Net>,
    /// Addresses of the default VPC.
    pub default_vpc: Ipv4Net,
    /// Where guests' DNS questions go; the host's own resolvers when `None`.
    pub resolvers: Option<Vec<SocketAddr>>,
    /// Whether the host is told public names.
    pub dns_stub: bool,
    /// Where flow logs are kept, and how much of them.
    pub flow_logs: ArchiveConfig,
    /// The VMM's program.
    pub vmm: Option<PathBuf>,
    /// The jailer's program.
    pub jailer: Option<PathBuf>,
    /// Whether VMMs run without a jail.
    pub no_jail: bool,
    /// What the host gives.
    pub capacity: HostCapacity,
    /// How long guests may take to go down.
    pub graces: Graces,
    /// The catalogue with the host's own types.
    pub instance_types: Vec<InstanceType>,
}

impl Config {
    /// Reads the file at `path` (none is an empty one), lays `flags` over it, and checks the whole.
    pub fn load(path: &Path, flags: &Overrides) -> anyhow::Result<Self> {
        let file = match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} can't be read", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => FileConfig::default(),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        Self::from_parts(file, flags, &Host::read()?)
    }

    fn from_parts(file: FileConfig, flags: &Overrides, host: &Host) -> anyhow::Result<Self> {
        let state_dir = absolute(flags.state_dir.clone().or(file.state_dir.clone()), "/var/lib/cumulet")?;
        let flow_logs = flow_logs(&file, &state_dir)?;
        let tag = flags.tag.clone().or(file.tag).unwrap_or_else(|| "cumulet".into());
        let region = flags.region.clone().or(file.region).unwrap_or_else(|| "us-east-1".into());
        check_region(&region)?;
        let zones = file.zones.unwrap_or(2);
        ensure!((1..=6).contains(&zones), "zones must be 1 to 6, not {zones}");
        let default_vpc = flags.default_vpc.or(file.default_vpc).unwrap_or(net([172, 31, 0, 0], 16));
        ensure!(
            (16..=24).contains(&default_vpc.prefix_len()),
            "default_vpc must be a /16 to a /24, not {default_vpc}"
        );
        let public_pool = flags.public_pool.or(file.public_pool).unwrap_or(net([198, 18, 0, 0], 24));
        ensure!(
            !default_vpc.contains(&public_pool) && !public_pool.contains(&default_vpc),
            "public_pool {public_pool} and default_vpc {default_vpc} overlap"
        );
        let ipv6_pool = flags.ipv6_pool.or(file.ipv6_pool).unwrap_or(cumulet_net::DEFAULT_IPV6_POOL);
        ensure!(ipv6_pool.prefix_len() <= 48, "ipv6_pool must be a /48 or larger, not {ipv6_pool}");
        let seconds = |given: Option<u64>, usual: Duration| given.map_or(usual, Duration::from_secs);
        let usual = Graces::default();
        Ok(Self {
            state_dir,
            run_dir: absolute(flags.run_dir.clone().or(file.run_dir), "/run/cumulet")?,
            tag: tag.parse().context("tag")?,
            ec2_listen: flags
                .ec2_listen
                .or(file.ec2_listen)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8773))),
            http_listen: flags
                .http_listen
                .or(file.http_listen)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8774))),
            http_names: file.http_names,
            region: Region::new(&region, zones),
            public_pool,
            ipv6_pool,
            guest_networks: [file.guest_networks, flags.guest_networks.clone()].concat(),
            default_vpc,
            resolvers: file.resolvers,
            flow_logs,
            dns_stub: file.dns_stub.unwrap_or(true),
            vmm: flags.vmm.clone().or(file.vmm),
            jailer: flags.jailer.clone().or(file.jailer),
            no_jail: flags.no_jail,
            capacity: capacity(file.memory_ratio, file.memory_reserve_mib, file.vcpu_ratio, host)?,
            graces: Graces {
                stop: seconds(file.stop_grace_seconds, usual.stop),
                terminate: seconds(file.terminate_grace_seconds, usual.terminate),
                reboot: seconds(file.reboot_grace_seconds, usual.reboot),
            },
            instance_types: types(file.instance_types)?,
        })
    }
}

/// Where flow logs are kept: in the state directory, within bounds.
fn flow_logs(file: &FileConfig, state_dir: &Path) -> anyhow::Result<ArchiveConfig> {
    let usual = ArchiveConfig::new(state_dir.join("flow-logs"));
    let within = |name: &str, given: Option<u64>, unit: u64, usual: u64| {
        let value = given.map_or(Some(usual), |given| given.checked_mul(unit));
        value
            .filter(|value| *value > 0)
            .with_context(|| format!("{name} must be greater than 0, and not too great"))
    };
    let file_bytes = within("flow_log_file_mib", file.flow_log_file_mib, 1 << 20, usual.file_bytes)?;
    let log_bytes = within("flow_log_total_mib", file.flow_log_total_mib, 1 << 20, usual.log_bytes)?;
    ensure!(
        log_bytes / 2 >= file_bytes,
        "flow_log_total_mib must be at least twice flow_log_file_mib: the oldest files go as new ones come"
    );
    let age = within("flow_log_file_minutes", file.flow_log_file_minutes, 60, usual.file_age.as_secs())?;
    let keep = within("flow_log_keep_days", file.flow_log_keep_days, 86_400, usual.keep.as_secs())?;
    Ok(ArchiveConfig {
        file_bytes,
        log_bytes,
        file_age: Duration::from_secs(age),
        keep: Duration::from_secs(keep),
        ..usual
    })
}

fn net(address: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(address.into(), prefix)
}

fn absolute(given: Option<PathBuf>, usual: &str) -> anyhow::Result<PathBuf> {
    let path = given.unwrap_or_else(|| usual.into());
    std::path::absolute(&path).with_context(|| format!("{} is no path", path.display()))
}

fn check_region(name: &str) -> anyhow::Result<()> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    ensure!(
        plain && (1..=32).contains(&name.len()),
        "region must be 1 to 32 letters, digits and dashes: {name:?}"
    );
    Ok(())
}

/// What this host has.
#[derive(Debug, Clone, Copy)]
struct Host {
    cpus: u32,
    memory: Mib,
}

impl Host {
    fn read() -> anyhow::Result<Self> {
        let cpus = std::thread::available_parallelism().context("can't count the CPUs")?.get();
        let meminfo = std::fs::read_to_string("/proc/meminfo").context("can't read /proc/meminfo")?;
        let kib = meminfo
            .lines()
            .find_map(|line| {
                line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
            })
            .context("/proc/meminfo has no MemTotal")?;
        Ok(Self { cpus: u32::try_from(cpus)?, memory: Mib(kib / 1024) })
    }
}

/// Memory is given out once, less a reserve for the host; a vCPU is a thread, of which a CPU carries several.
fn capacity(
    memory_ratio: Option<f64>,
    memory_reserve_mib: Option<u64>,
    vcpu_ratio: Option<u32>,
    host: &Host,
) -> anyhow::Result<HostCapacity> {
    let memory_ratio = memory_ratio.unwrap_or(1.0);
    ensure!((0.1..=64.0).contains(&memory_ratio), "memory_ratio must be 0.1 to 64, not {memory_ratio}");
    let vcpu_ratio = vcpu_ratio.unwrap_or(16);
    ensure!((1..=256).contains(&vcpu_ratio), "vcpu_ratio must be 1 to 256, not {vcpu_ratio}");
    let reserve = memory_reserve_mib.unwrap_or((host.memory.0 / 16).min(2048));
    let left = host.memory.0.saturating_sub(reserve);
    Ok(HostCapacity {
        vcpus: host.cpus.saturating_mul(vcpu_ratio),
        vcpus_per_instance: host.cpus.clamp(2, 64),
        memory: Mib((left as f64 * memory_ratio) as u64),
    })
}

fn types(own: Vec<OwnType>) -> anyhow::Result<Vec<InstanceType>> {
    let mut types = catalogue::standard();
    for own in own {
        ensure!(
            own.name.contains('.')
                && own
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b)),
            "an instance type's name is FAMILY.SIZE in lower case, not {:?}",
            own.name
        );
        ensure!((1..=64).contains(&own.vcpus), "instance type {}: vcpus must be 1 to 64", own.name);
        ensure!(own.memory_mib >= 64, "instance type {}: memory_mib must be at least 64", own.name);
        if types.iter().any(|kind| kind.name == own.name) {
            bail!("instance type {} is there already", own.name);
        }
        types.push(InstanceType {
            name: own.name,
            vcpus: own.vcpus,
            memory: Mib(own.memory_mib),
            credits: None,
            disks: None,
            current_generation: true,
            network_performance: "Up to 10 Gigabit".into(),
            max_interfaces: 1,
            addresses_per_interface: 1,
        });
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Host = Host { cpus: 2, memory: Mib(24_000) };

    fn parse(text: &str) -> anyhow::Result<Config> {
        Config::from_parts(toml::from_str(text)?, &Overrides::default(), &HOST)
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.region.zones.len(), 2);
        assert_eq!(config.capacity.vcpus, 32);
        assert_eq!(config.capacity.memory, Mib(24_000 - 1500));
    }

    #[test]
    fn flags_outrank_the_file() {
        let flags = Overrides { tag: Some("mine".into()), ..Overrides::default() };
        let file = toml::from_str("tag = \"other\"").unwrap();
        assert_eq!(Config::from_parts(file, &flags, &HOST).unwrap().tag.as_str(), "mine");
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_name() {
        for (text, name) in [
            ("zones = 0", "zones"),
            ("tag = \"Not A Tag\"", "tag"),
            ("memory_ratio = 0.0", "memory_ratio"),
            ("default_vpc = \"198.18.0.0/16\"", "overlap"),
            ("unknown = 1", "unknown"),
            ("flow_log_file_mib = 200", "flow_log_total_mib"),
            ("flow_log_keep_days = 0", "flow_log_keep_days"),
            ("[[instance_types]]\nname = \"t3.micro\"\nvcpus = 1\nmemory_mib = 512", "t3.micro"),
            ("[[instance_types]]\nname = \"ci.tiny\"\nvcpus = 1\nmemory_mib = 1", "memory_mib"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn a_host_may_have_types_of_its_own() {
        let config = parse("[[instance_types]]\nname = \"ci.tiny\"\nvcpus = 1\nmemory_mib = 128").unwrap();
        assert!(config.instance_types.iter().any(|kind| kind.name == "ci.tiny" && kind.memory == Mib(128)));
    }
}
