//! What names lead to (VPC guide, "DNS attributes for your VPC"). Asked from inside a VPC: private names to private
//! addresses, and public names of its own interfaces to private addresses too. Asked from the host: public names alone,
//! to public addresses.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::place::Region;
use cumulet_ports::network::{InterfaceSpec, VpcSpec};
use hickory_proto::op::{Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use ipnet::{IpNet, Ipv4Net};

/// Seconds for which an answer may be kept.
const TTL: u32 = 60;

/// The names that one server knows.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    /// Whether anything is answered at all.
    support: bool,
    forward: HashMap<String, Ipv4Addr>,
    reverse: HashMap<Ipv4Addr, String>,
    domains: Vec<String>,
    networks: Vec<Ipv4Net>,
    pools: Vec<Ipv4Net>,
    public_suffix: String,
    /// Whether `forward` knows all public names that there are, those of all VPCs.
    knows_all: bool,
}

/// What becomes of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is answered so.
    Answer(Message),
    /// It is not about us: ask others.
    Forward,
    /// It deserves no answer.
    Ignore,
}

impl Zone {
    /// The names of a VPC, where public addresses are of these pools.
    pub fn new(region: &Region, pools: &[Ipv4Net], vpc: &VpcSpec) -> Self {
        let own = [vpc.cidr].into_iter().chain(vpc.more_cidrs.iter().copied());
        let mut zone = Self {
            support: vpc.dns.support,
            domains: vec![region.private_domain()],
            networks: own.chain(pools.iter().copied()).collect(),
            pools: pools.to_vec(),
            public_suffix: region.public_domain(),
            ..Self::default()
        };
        for (private, public) in vpc.interfaces.iter().flat_map(addresses_of) {
            let name = private_dns_name(region, private);
            zone.reverse.insert(private, name.clone());
            zone.forward.insert(name, private);
            // Where public names are switched off, such a name still leads to its public address.
            if let Some(public) = public.filter(|_| vpc.dns.hostnames) {
                let name = public_dns_name(region, public);
                zone.reverse.insert(public, name.clone());
                zone.forward.insert(name, private);
            }
        }
        zone
    }

    /// The public names of these addresses, as the world outside is told them.
    pub fn public(region: &Region, pools: &[Ipv4Net], addresses: &BTreeSet<Ipv4Addr>) -> Self {
        let mut zone = Self {
            support: true,
            networks: pools.to_vec(),
            pools: pools.to_vec(),
            public_suffix: region.public_domain(),
            knows_all: true,
            ..Self::default()
        };
        for public in addresses {
            let name = public_dns_name(region, *public);
            zone.reverse.insert(*public, name.clone());
            zone.forward.insert(name, *public);
        }
        zone
    }

    /// What becomes of a query.
    pub fn outcome(&self, request: &Message) -> Outcome {
        if request.metadata.message_type != MessageType::Query {
            return Outcome::Ignore;
        }
        if request.metadata.op_code != OpCode::Query {
            return Outcome::Answer(error(request, ResponseCode::NotImp));
        }
        let [query] = request.queries.as_slice() else {
            return Outcome::Answer(error(request, ResponseCode::FormErr));
        };
        if !self.support {
            return Outcome::Answer(error(request, ResponseCode::Refused));
        }
        match self.lookup(query) {
            None => Outcome::Forward,
            Some(found) => Outcome::Answer(answer(request, query, found)),
        }
    }

    /// `None` for names that are not ours to know.
    fn lookup(&self, query: &Query) -> Option<Found> {
        if query.query_class() != DNSClass::IN {
            return None;
        }
        let name = query.name().to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        if let Some(address) = reverse_address(query.name(), name) {
            if !self.networks.iter().any(|net| net.contains(&address)) {
                return None;
            }
            let target = self.reverse.get(&address);
            return Some(target.map_or(Found::NoName, |name| Found::Pointer(name.clone())));
        }
        match self.forward.get(name) {
            Some(address) => Some(Found::Address(*address)),
            None if self.is_ours(name) => Some(Found::NoName),
            None if self.knows_all => self.elsewhere(name).map(|_| Found::NoName),
            None => self.elsewhere(name).map(Found::Address),
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        self.domains.iter().any(|domain| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// A public name of our pools that no interface of this VPC has: another VPC's, known by its public address.
    fn elsewhere(&self, name: &str) -> Option<Ipv4Addr> {
        named_address(name, &self.public_suffix)
            .filter(|address| self.pools.iter().any(|pool| pool.contains(address)))
    }
}

/// The public addresses of all VPCs that have names.
pub fn public_addresses(vpcs: &[VpcSpec]) -> BTreeSet<Ipv4Addr> {
    let named = vpcs.iter().filter(|vpc| vpc.dns.hostnames).flat_map(|vpc| &vpc.interfaces);
    named.flat_map(addresses_of).filter_map(|(_, public)| public).collect()
}

/// The address that a public name (lower case, without the last dot) of the region with this domain tells.
pub fn named_address(name: &str, public_domain: &str) -> Option<Ipv4Addr> {
    let label = name.strip_suffix(public_domain)?.strip_suffix('.')?;
    label.strip_prefix("ec2-")?.replace('-', ".").parse().ok()
}

/// An interface's private addresses, each with its public one.
fn addresses_of(interface: &InterfaceSpec) -> impl Iterator<Item = (Ipv4Addr, Option<Ipv4Addr>)> {
    let secondary = interface.secondary.iter().map(|address| (address.private_ip, address.public_ip));
    [(interface.private_ip, interface.public_ip)].into_iter().chain(secondary)
}

enum Found {
    Address(Ipv4Addr),
    Pointer(String),
    NoName,
}

/// The address whose name is asked for by a whole reverse name (`5.0.31.172.in-addr.arpa`).
fn reverse_address(name: &Name, text: &str) -> Option<Ipv4Addr> {
    if !text.ends_with(".in-addr.arpa") {
        return None;
    }
    match name.parse_arpa_name() {
        Ok(IpNet::V4(net)) if net.prefix_len() == 32 => Some(net.addr()),
        _ => None,
    }
}

fn answer(request: &Message, query: &Query, found: Found) -> Message {
    let mut message = response(request);
    message.metadata.authoritative = true;
    message.add_query(query.clone());
    let data = match (found, query.query_type()) {
        (Found::NoName, _) => {
            message.metadata.response_code = ResponseCode::NXDomain;
            None
        }
        (Found::Address(address), RecordType::A | RecordType::ANY) => Some(RData::A(A(address))),
        (Found::Pointer(name), RecordType::PTR | RecordType::ANY) => {
            Name::from_ascii(format!("{name}.")).ok().map(|name| RData::PTR(PTR(name)))
        }
        // The name exists, but with nothing of the kind that was asked for.
        _ => None,
    };
    if let Some(data) = data {
        message.add_answer(Record::from_rdata(query.name().clone(), TTL, data));
    }
    message
}

/// An answer that says only that there is none.
pub fn error(request: &Message, code: ResponseCode) -> Message {
    let mut message = response(request);
    message.add_queries(request.queries.iter().take(1).cloned());
    message.metadata.response_code = code;
    message
}

fn response(request: &Message) -> Message {
    let mut message = Message::response(request.metadata.id, request.metadata.op_code);
    message.metadata = Metadata::response_from_request(&request.metadata);
    message.metadata.recursion_available = true;
    message
}

/// The addresses in an answer, for tests and logs.
pub fn addresses(message: &Message) -> Vec<IpAddr> {
    message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use cumulet_ports::network::{DnsSpec, SecondaryAddress};
    use proptest::prelude::*;

    use super::*;

    fn interface(n: u8, public_ip: Option<Ipv4Addr>) -> InterfaceSpec {
        InterfaceSpec {
            id: format!("eni-{n:08x}").parse().unwrap(),
            instance_id: "i-00000001".parse().unwrap(),
            subnet_id: "subnet-00000001".parse().unwrap(),
            mac: cumulet_model::MacAddr([2, 0, 0, 0, 0, n]),
            private_ip: Ipv4Addr::new(172, 31, 0, n),
            public_ip,
            secondary: vec![],
            ipv6: vec![],
            groups: vec![],
            source_dest_check: true,
            host_name: String::new(),
            queues: 1,
        }
    }

    fn vpc() -> VpcSpec {
        let secondary = SecondaryAddress {
            private_ip: Ipv4Addr::new(100, 64, 0, 9),
            public_ip: Some(Ipv4Addr::new(198, 18, 0, 8)),
        };
        let first = interface(5, Some(Ipv4Addr::new(198, 18, 0, 7)));
        VpcSpec {
            more_cidrs: vec!["100.64.0.0/16".parse().unwrap()],
            interfaces: vec![InterfaceSpec { secondary: vec![secondary], ..first }, interface(6, None)],
            ..VpcSpec::open("vpc-00000001".parse().unwrap(), "172.31.0.0/16".parse().unwrap())
        }
    }

    fn pools() -> [Ipv4Net; 1] {
        ["198.18.0.0/24".parse().unwrap()]
    }

    fn region() -> Region {
        Region::new("us-east-1", 1)
    }

    fn zone() -> Zone {
        Zone::new(&region(), &pools(), &vpc())
    }

    fn ask_of(zone: &Zone, name: &str, kind: RecordType) -> Outcome {
        let mut message = Message::new(9, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        zone.outcome(&message)
    }

    fn ask(name: &str, kind: RecordType) -> Outcome {
        ask_of(&zone(), name, kind)
    }

    fn answered(outcome: Outcome) -> Message {
        match outcome {
            Outcome::Answer(message) => message,
            other => panic!("not answered: {other:?}"),
        }
    }

    #[test]
    fn private_and_public_names_lead_to_the_private_address() {
        for name in [
            "ip-172-31-0-5.ec2.internal.",
            "IP-172-31-0-5.EC2.internal.",
            "ec2-198-18-0-7.compute-1.amazonaws.com.",
        ] {
            let message = answered(ask(name, RecordType::A));
            assert_eq!(addresses(&message), [IpAddr::from([172, 31, 0, 5])], "{name}");
            assert_eq!(message.metadata.id, 9);
        }
    }

    #[test]
    fn secondary_addresses_have_names_also_in_further_ranges() {
        for name in ["ip-100-64-0-9.ec2.internal.", "ec2-198-18-0-8.compute-1.amazonaws.com."] {
            assert_eq!(
                addresses(&answered(ask(name, RecordType::A))),
                [IpAddr::from([100, 64, 0, 9])],
                "{name}"
            );
        }
        let message = answered(ask("9.0.64.100.in-addr.arpa.", RecordType::PTR));
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    }

    #[test]
    fn without_dns_support_nothing_is_answered_and_without_host_names_no_public_name_is_private() {
        let of = |support, hostnames| {
            let vpc = VpcSpec { dns: DnsSpec { support, hostnames }, ..vpc() };
            Zone::new(&region(), &pools(), &vpc)
        };
        let refused = answered(ask_of(&of(false, true), "ip-172-31-0-5.ec2.internal.", RecordType::A));
        assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
        let elsewhere = ask_of(&of(true, false), "ec2-198-18-0-7.compute-1.amazonaws.com.", RecordType::A);
        assert_eq!(addresses(&answered(elsewhere)), [IpAddr::from([198, 18, 0, 7])]);
    }

    #[test]
    fn the_host_is_told_public_addresses_and_nothing_private() {
        let zone = Zone::public(&region(), &pools(), &public_addresses(&[vpc()]));
        let public = answered(ask_of(&zone, "ec2-198-18-0-7.compute-1.amazonaws.com.", RecordType::A));
        assert_eq!(addresses(&public), [IpAddr::from([198, 18, 0, 7])]);
        let nobody = answered(ask_of(&zone, "ec2-198-18-0-99.compute-1.amazonaws.com.", RecordType::A));
        assert_eq!(nobody.metadata.response_code, ResponseCode::NXDomain);
        for name in ["ip-172-31-0-5.ec2.internal.", "ec2-1-2-3-4.compute-1.amazonaws.com.", "example.com."] {
            assert_eq!(ask_of(&zone, name, RecordType::A), Outcome::Forward, "{name}");
        }
    }

    #[test]
    fn a_name_without_that_kind_of_record_exists_all_the_same() {
        let message = answered(ask("ip-172-31-0-5.ec2.internal.", RecordType::AAAA));
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert!(message.answers.is_empty());
    }

    #[test]
    fn addresses_have_names() {
        let message = answered(ask("5.0.31.172.in-addr.arpa.", RecordType::PTR));
        let RData::PTR(name) = &message.answers[0].data else { panic!("no pointer") };
        assert_eq!(name.0.to_ascii(), "ip-172-31-0-5.ec2.internal.");
        let message = answered(ask("9.0.31.172.in-addr.arpa.", RecordType::PTR));
        assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn names_of_ours_that_nobody_has_do_not_exist_and_others_are_asked_elsewhere() {
        let message = answered(ask("nobody.ec2.internal.", RecordType::A));
        assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(ask("example.com.", RecordType::A), Outcome::Forward);
        assert_eq!(ask("notec2.internal.", RecordType::A), Outcome::Forward);
        assert_eq!(ask("ec2-1-2-3-4.compute-1.amazonaws.com.", RecordType::A), Outcome::Forward);
        assert_eq!(ask("8.8.8.8.in-addr.arpa.", RecordType::PTR), Outcome::Forward);
        let other_vpc = answered(ask("ec2-198-18-0-9.compute-1.amazonaws.com.", RecordType::A));
        assert_eq!(addresses(&other_vpc), [IpAddr::from([198, 18, 0, 9])]);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(message) = Message::from_vec(&bytes)
                && let Outcome::Answer(answer) = zone().outcome(&message) {
                prop_assert_eq!(answer.metadata.id, message.metadata.id);
            }
        }
    }
}
