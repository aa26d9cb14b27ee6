//! Putting doors to taps, over netlink: a queueing discipline `ingress` with one classifier `bpf`.

use std::collections::BTreeMap;
use std::sync::Once;

use futures::{StreamExt, TryStreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption};
use rtnetlink::packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, Nla,
};
use tracing::warn;

use super::Link;
use super::door::Door;
use crate::error::NetError;
use crate::sys::NetNs;

/// Where filters of a link's incoming traffic hang.
const INCOMING: TcHandle = TcHandle { major: 0xffff, minor: 0xfff2 };
/// Priority 1, all protocols (`ETH_P_ALL` in network byte order).
const FIRST_OF_ALL: u32 = 1 << 16 | 0x0300;
/// Attributes of the classifier (linux/pkt_cls.h), and the flag by which the program's result is the verdict.
const PROGRAM_LENGTH: u16 = 4;
const PROGRAM: u16 = 5;
const FLAGS: u16 = 8;
const ACT_DIRECT: u32 = 1;

/// The programs that stand at links' doors, by the links' names.
pub type Programs = BTreeMap<String, Vec<u8>>;

/// Reads the programs at these links.
pub async fn look<'a>(
    ns: &NetNs,
    links: impl Iterator<Item = (&'a String, &'a Link)>,
) -> Result<Programs, NetError> {
    let mut found = Programs::new();
    for (name, link) in links {
        let mut filters = ns.netlink().traffic_filter(link.index.cast_signed()).get().ingress().execute();
        // A link without the queueing discipline has none and says so by an error.
        while let Ok(Some(filter)) = filters.try_next().await {
            if let Some(program) = program_in(&filter) {
                found.insert(name.clone(), program);
            }
        }
    }
    Ok(found)
}

fn program_in(filter: &TcMessage) -> Option<Vec<u8>> {
    let options = filter.attributes.iter().filter_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    });
    options.flatten().find_map(|option| match option {
        TcOption::Bpf(TcFilterBpfOption::Other(value)) if value.kind() == PROGRAM => {
            let mut bytes = vec![0; value.value_len()];
            value.emit_value(&mut bytes);
            Some(bytes)
        }
        _ => None,
    })
}

/// Puts a door to a link, or another in its place; `false` if this kernel can't.
pub async fn put(ns: &NetNs, name: &str, link: &Link, door: &Door) -> Result<bool, NetError> {
    let failed = |error| NetError::netlink(format!("put a door to {name}"))(error);
    let index = link.index.cast_signed();
    let qdisc = ns.netlink().qdisc().add(index).ingress().execute().await;
    match qdisc.map_err(|error| (code_of(&error), error)) {
        Ok(()) | Err((Some(libc::EEXIST), _)) => {}
        Err((code, error)) => return without(code).ok_or_else(|| failed(error)),
    }
    match add_filter(ns, filter(index, &door.program())).await.map_err(|error| (code_of(&error), error)) {
        Ok(()) => Ok(true),
        Err((code, error)) => without(code).ok_or_else(|| failed(error)),
    }
}

fn filter(index: i32, program: &[u8]) -> TcMessage {
    let mut message = TcMessage::with_index(index);
    message.header.parent = INCOMING;
    message.header.handle = TcHandle::from(1);
    message.header.info = FIRST_OF_ALL;
    let option =
        |kind, value: &[u8]| TcOption::Bpf(TcFilterBpfOption::Other(DefaultNla::new(kind, value.to_vec())));
    let length = (program.len() / 8) as u16;
    message.attributes = vec![
        TcAttribute::Kind("bpf".to_owned()),
        TcAttribute::Options(vec![
            option(PROGRAM_LENGTH, &length.to_ne_bytes()),
            option(PROGRAM, program),
            option(FLAGS, &ACT_DIRECT.to_ne_bytes()),
        ]),
    ];
    message
}

/// Without `NLM_F_EXCL` the filter that is there is replaced, in one step.
async fn add_filter(ns: &NetNs, message: TcMessage) -> Result<(), rtnetlink::Error> {
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewTrafficFilter(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    let mut answers = ns.netlink().clone().request(request)?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload {
            return Err(rtnetlink::Error::NetlinkError(error));
        }
    }
    Ok(())
}

fn code_of(error: &rtnetlink::Error) -> Option<i32> {
    match error {
        rtnetlink::Error::NetlinkError(error) => Some(-error.raw_code()),
        _ => None,
    }
}

/// A kernel that is built without the classifier gives taps no doors; the firewall alone stands guard then.
fn without(code: Option<i32>) -> Option<bool> {
    static TOLD: Once = Once::new();
    matches!(code, Some(libc::ENOENT | libc::EOPNOTSUPP)).then(|| {
        TOLD.call_once(|| {
            warn!(
                "this kernel has no traffic classifier `bpf` (NET_SCH_INGRESS, NET_CLS_BPF): guests' fragments and ARP \
                 are not looked at one by one"
            );
        });
        false
    })
}
