//! How what goes out by a link is queued.

use futures::StreamExt;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::Link;
use crate::error::NetError;
use crate::sys::NetNs;

/// Has a link that is not up yet queue nothing. A tap has a ring for each queue anyway and drops what does not fit; when it
/// can have several queues, the kernel would make a queueing discipline for each of 256: 6 MiB for a tap.
pub async fn without_qdiscs(ns: &NetNs, name: &str, link: &Link) -> Result<(), NetError> {
    let what = format!("have {name} queue nothing");
    let mut message = TcMessage::with_index(i32::try_from(link.index).unwrap_or(0));
    message.header.parent = TcHandle::ROOT;
    message.attributes.push(TcAttribute::Kind("noqueue".to_owned()));
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewQueueDiscipline(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    let mut netlink = ns.netlink().clone();
    let mut answers = netlink.request(request).map_err(NetError::netlink(what.clone()))?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(NetError::netlink(what)(rtnetlink::Error::NetlinkError(error)));
        }
    }
    Ok(())
}
