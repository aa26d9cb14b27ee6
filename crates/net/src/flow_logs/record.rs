//! A record as a line: fields in the log's order with one space between them (VPC guide, "Flow log records").

use std::fmt::Write;
use std::net::IpAddr;

use cumulet_model::flow_log::{Field, LogFormat};

use super::scene::Subject;
use super::sighting::{Action, Count, Direction, Flow};

/// What does not change from record to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The account's number.
    pub account: &'a str,
    /// The region's name.
    pub region: &'a str,
    /// The VPC.
    pub vpc: &'a str,
    /// The zone's id, if it is known.
    pub zone: Option<&'a str>,
}

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// Packets of a flow.
    Flow(&'a Flow, &'a Count),
    /// No traffic in an interval, given by its first and last second.
    NoData(i64, i64),
    /// Traffic that is not recorded.
    SkipData(i64, i64),
}

/// Appends a record, with the end of its line.
pub fn write(out: &mut String, format: &LogFormat, place: &Place<'_>, subject: &Subject, told: Told<'_>) {
    for (at, field) in format.fields().iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let before = out.len();
        value(out, *field, format, place, subject, told);
        if out.len() == before {
            out.push('-');
        }
    }
    out.push('\n');
}

/// Appends a field's value; nothing where there is none.
fn value(
    out: &mut String,
    field: Field,
    format: &LogFormat,
    place: &Place<'_>,
    subject: &Subject,
    told: Told<'_>,
) {
    let text = match field {
        Field::Version => return number(out, format.version()),
        Field::AccountId => Some(place.account),
        Field::InterfaceId => Some(subject.id.as_str()),
        Field::VpcId => Some(place.vpc),
        Field::SubnetId => Some(subject.subnet_id.as_str()),
        Field::InstanceId => subject.instance_id.as_ref().map(|id| id.as_str()),
        Field::Region => Some(place.region),
        Field::AzId => place.zone,
        Field::LogStatus => Some(match told {
            Told::Flow(..) => "OK",
            Told::NoData(..) => "NODATA",
            Told::SkipData(..) => "SKIPDATA",
        }),
        _ => None,
    };
    match (text, told) {
        (Some(text), _) => out.push_str(text),
        (None, Told::Flow(flow, count)) => of_flow(out, field, subject, flow, count),
        (None, Told::NoData(first, last) | Told::SkipData(first, last)) => match field {
            Field::Start => number(out, first),
            Field::End => number(out, last),
            _ => {}
        },
    }
}

fn of_flow(out: &mut String, field: Field, subject: &Subject, flow: &Flow, count: &Count) {
    let tuple = &flow.tuple;
    let egress = flow.direction == Direction::Egress;
    let own = |end| own_address(subject, end);
    match field {
        Field::SrcAddr => number(out, if egress { own(tuple.source) } else { tuple.source }),
        Field::DstAddr => number(out, if egress { tuple.destination } else { own(tuple.destination) }),
        Field::PktSrcAddr => number(out, tuple.source),
        Field::PktDstAddr => number(out, tuple.destination),
        Field::SrcPort => number(out, tuple.source_port),
        Field::DstPort => number(out, tuple.destination_port),
        Field::Protocol => number(out, tuple.protocol),
        Field::Packets => number(out, count.packets),
        Field::Bytes => number(out, count.bytes),
        Field::Start => number(out, count.first),
        Field::End => number(out, count.last),
        Field::Action => out.push_str(match flow.action {
            Action::Accept => "ACCEPT",
            Action::Reject => "REJECT",
        }),
        Field::TcpFlags => number(out, count.tcp_flags),
        Field::Type => out.push_str(if tuple.source.is_ipv4() { "IPv4" } else { "IPv6" }),
        Field::FlowDirection => out.push_str(if egress { "egress" } else { "ingress" }),
        Field::TrafficPath => {
            if let Some(path) = flow.path {
                number(out, path as u8);
            }
        }
        _ => {}
    }
}

/// The interface's end of a flow is told by its primary address, whichever of its own a packet has, and also if the
/// packet has none of them, as one that the interface forwards.
fn own_address(subject: &Subject, end: IpAddr) -> IpAddr {
    match end {
        IpAddr::V4(_) => subject.primary.into(),
        IpAddr::V6(ip) if subject.own_ipv6.contains(&ip) => end,
        IpAddr::V6(_) => subject.primary_ipv6.map_or(end, IpAddr::V6),
    }
}

fn number(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string can't fail.
    let _ = write!(out, "{value}");
}
