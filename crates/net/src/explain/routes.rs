//! Where the kernel routes a packet, asked of itself: so policy rules, marks and reverse path filters have their say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::RouteMessageBuilder;

use crate::error::NetError;
use crate::sys::NetNs;

/// Where a packet goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// Out by the link of this index; with the address that the host itself would send from.
    Out(u32, Option<IpAddr>),
    /// Here.
    Local,
    /// Nowhere: no route, an unreachable one, or a source that does not belong to the link.
    Nowhere(String),
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Lookup {
    /// From.
    pub source: Option<IpAddr>,
    /// To.
    pub destination: IpAddr,
    /// Index of the link that it came in by.
    pub input: Option<u32>,
    /// Its mark.
    pub mark: u32,
}

/// Asks for a route.
pub async fn route(ns: &NetNs, lookup: Lookup) -> Result<Routed, NetError> {
    let found = ns.netlink().route().get(message(lookup)).execute().try_next().await;
    let told = match found {
        Ok(Some(told)) => told,
        Ok(None) => return Ok(Routed::Nowhere("no route".into())),
        Err(rtnetlink::Error::NetlinkError(error)) => return Ok(Routed::Nowhere(why(error.raw_code()))),
        Err(error) => {
            return Err(NetError::netlink(format!(
                "ask {} for a route to {}",
                ns.name(),
                lookup.destination
            ))(error));
        }
    };
    let output = told.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    let own = told.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::PrefSource(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::PrefSource(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    });
    Ok(match (told.header.kind, output) {
        (RouteType::Local, _) => Routed::Local,
        (RouteType::Unicast, Some(index)) => Routed::Out(index, own),
        (kind, _) => Routed::Nowhere(format!("{kind:?} route").to_lowercase()),
    })
}

fn message(lookup: Lookup) -> RouteMessage {
    match lookup.destination {
        IpAddr::V4(to) => {
            let mut builder = RouteMessageBuilder::<Ipv4Addr>::new()
                .table_id(0)
                .destination_prefix(to, 32)
                .mark(lookup.mark);
            if let Some(IpAddr::V4(source)) = lookup.source {
                builder = builder.source_prefix(source, 32);
            }
            if let Some(index) = lookup.input {
                builder = builder.input_interface(index);
            }
            builder.build()
        }
        IpAddr::V6(to) => {
            let mut builder = RouteMessageBuilder::<Ipv6Addr>::new()
                .table_id(0)
                .destination_prefix(to, 128)
                .mark(lookup.mark);
            if let Some(IpAddr::V6(source)) = lookup.source {
                builder = builder.source_prefix(source, 128);
            }
            if let Some(index) = lookup.input {
                builder = builder.input_interface(index);
            }
            builder.build()
        }
    }
}

fn why(code: i32) -> String {
    match -code {
        libc::EXDEV => "the source does not belong to the link that it came in by".into(),
        libc::EINVAL => "the source or destination can't be routed".into(),
        libc::ENETUNREACH | libc::EHOSTUNREACH => "unreachable".into(),
        other => std::io::Error::from_raw_os_error(other).to_string(),
    }
}
