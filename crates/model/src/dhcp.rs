//! DHCP options sets: what a VPC's DHCP tells (VPC guide, "DHCP option sets").

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{CloudError, DhcpOptionsId, Tags};

/// EC2's word for the VPC's own name server.
pub const OWN_SERVER: &str = "AmazonProvidedDNS";
/// How many servers a key may have.
const MAX_SERVERS: usize = 4;
/// The longest text of a domain name.
const MAX_DOMAIN: usize = 253;
/// The shortest preferred lifetime of an IPv6 address in seconds.
const MIN_PREFERRED: u32 = 140;

/// A DHCP options set. It never changes; another takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptionsSet {
    /// Id.
    pub id: DhcpOptionsId,
    /// Whether it is the region's own, which new VPCs use.
    pub is_default: bool,
    /// What it says.
    pub options: DhcpOptions,
    /// Tags.
    pub tags: Tags,
}

/// The options of a set; what is not given is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DhcpOptions {
    /// Domain names with spaces between them; the first one is the hosts' own.
    pub domain_name: Option<String>,
    /// Name servers in order; `None` is the VPC's own.
    pub domain_name_servers: Vec<Option<IpAddr>>,
    /// Time servers.
    pub ntp_servers: Vec<IpAddr>,
    /// NetBIOS name servers.
    pub netbios_name_servers: Vec<Ipv4Addr>,
    /// NetBIOS node type.
    pub netbios_node_type: Option<u8>,
    /// How long an IPv6 address is preferred, in seconds.
    pub ipv6_preferred_seconds: Option<u32>,
}

impl DhcpOptions {
    /// The region's own: its private domain and the VPC's name server.
    pub fn of_region(private_domain: String) -> Self {
        Self { domain_name: Some(private_domain), domain_name_servers: vec![None], ..Self::default() }
    }

    /// Reads EC2's keys with their values; a key may be given once.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
    ) -> Result<Self, CloudError> {
        let mut options = Self::default();
        let mut seen = Vec::new();
        for (key, values) in pairs {
            if seen.contains(&key) || values.is_empty() {
                let text = format!("The DHCP option '{}' must be given once, with a value", short(key));
                return Err(CloudError::invalid_value(text));
            }
            options.set(key, &values)?;
            seen.push(key);
        }
        if seen.is_empty() {
            return Err(CloudError::missing("DhcpConfiguration"));
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, values: &[&str]) -> Result<(), CloudError> {
        match key {
            "domain-name" => self.domain_name = Some(domain(values)?),
            "domain-name-servers" => {
                self.domain_name_servers = each(key, values, |text| match text {
                    OWN_SERVER => Some(None),
                    text => text.parse().ok().map(Some),
                })?;
            }
            "ntp-servers" => self.ntp_servers = each(key, values, |text| text.parse().ok())?,
            "netbios-name-servers" => {
                self.netbios_name_servers = each(key, values, |text| text.parse().ok())?
            }
            "netbios-node-type" => {
                let kind = |text: &str| text.parse().ok().filter(|kind| matches!(kind, 1 | 2 | 4 | 8));
                self.netbios_node_type = Some(only(key, values, kind)?);
            }
            "ipv6-address-preferred-lease-time" => {
                let seconds =
                    |text: &str| text.parse().ok().filter(|s| (MIN_PREFERRED..=i32::MAX as u32).contains(s));
                self.ipv6_preferred_seconds = Some(only(key, values, seconds)?);
            }
            _ => {
                let text =
                    format!("Value ({}) for parameter name is invalid. Unknown DHCP option", short(key));
                return Err(CloudError::invalid_value(text));
            }
        }
        Ok(())
    }

    /// The options as EC2 shows them: keys in order, with their values.
    pub fn pairs(&self) -> Vec<(&'static str, Vec<String>)> {
        let server = |server: &Option<IpAddr>| server.map_or(OWN_SERVER.to_owned(), |ip| ip.to_string());
        let all = [
            ("domain-name", self.domain_name.iter().cloned().collect()),
            ("domain-name-servers", self.domain_name_servers.iter().map(server).collect()),
            ("ipv6-address-preferred-lease-time", texts(&self.ipv6_preferred_seconds)),
            ("netbios-name-servers", texts(&self.netbios_name_servers)),
            ("netbios-node-type", texts(&self.netbios_node_type)),
            ("ntp-servers", texts(&self.ntp_servers)),
        ];
        all.into_iter().filter(|(_, values): &(_, Vec<_>)| !values.is_empty()).collect()
    }
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(T::to_string).collect()
}

/// What goes into a name of DNS, one or several with spaces between them.
fn domain(values: &[&str]) -> Result<String, CloudError> {
    let text = only("domain-name", values, |text| Some(text.to_owned()))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
    if !text.trim().is_empty() && text.len() <= MAX_DOMAIN && text.chars().all(allowed) {
        return Ok(text);
    }
    Err(invalid("domain-name", &text))
}

fn only<T>(key: &str, values: &[&str], read: impl Fn(&str) -> Option<T>) -> Result<T, CloudError> {
    match values {
        [one] => read(one).ok_or_else(|| invalid(key, one)),
        _ => Err(CloudError::invalid_value(format!("The DHCP option '{key}' takes one value"))),
    }
}

fn each<T>(key: &str, values: &[&str], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CloudError> {
    if values.len() > MAX_SERVERS {
        let text = format!("The DHCP option '{key}' takes at most {MAX_SERVERS} values");
        return Err(CloudError::invalid_value(text));
    }
    values.iter().map(|text| read(text).ok_or_else(|| invalid(key, text))).collect()
}

fn invalid(key: &str, value: &str) -> CloudError {
    CloudError::invalid_value(format!("Value ({}) for parameter value is invalid for '{key}'", short(value)))
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &[&'static str])]) -> Result<DhcpOptions, CloudError> {
        DhcpOptions::from_pairs(pairs.iter().map(|(key, values)| (*key, values.to_vec())))
    }

    #[test]
    fn what_is_read_is_shown() {
        let pairs: &[(&'static str, &[&'static str])] = &[
            ("domain-name", &["example.org internal"]),
            ("domain-name-servers", &["10.0.0.2", OWN_SERVER, "fd00::53"]),
            ("ipv6-address-preferred-lease-time", &["140"]),
            ("netbios-name-servers", &["10.0.0.9"]),
            ("netbios-node-type", &["2"]),
            ("ntp-servers", &["10.0.0.3", "fd00:ec2::123"]),
        ];
        let shown = read(pairs).unwrap().pairs();
        let shown: Vec<_> = shown.iter().map(|(k, v)| (*k, v.iter().map(String::as_str).collect())).collect();
        assert_eq!(shown, pairs.iter().map(|(k, v)| (*k, v.to_vec())).collect::<Vec<_>>());
    }

    #[test]
    fn values_that_break_a_rule_are_refused() {
        let refused: &[(&'static str, &[&'static str])] = &[
            ("domain-name", &["a", "b"]),
            ("domain-name", &["a;b"]),
            ("domain-name-servers", &["10.0.0.256"]),
            ("ntp-servers", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]),
            ("netbios-node-type", &["3"]),
            ("ipv6-address-preferred-lease-time", &["139"]),
            ("colour", &["red"]),
            ("ntp-servers", &[]),
        ];
        for pair in refused {
            assert!(read(&[*pair]).is_err(), "{pair:?}");
        }
        assert!(read(&[]).is_err());
        assert!(read(&[("netbios-node-type", &["2"]), ("netbios-node-type", &["2"])]).is_err());
    }
}
