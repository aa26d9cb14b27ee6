//! Messages of netfilter's own netlink family (linux/netfilter/nfnetlink.h), as bytes.

use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{Socket, SocketAddr};

/// Length of `nlmsghdr`.
const HEADER: usize = 16;
/// Length of `nfgenmsg`, which follows it.
pub const FAMILY: usize = 4;
/// Where `res_id` stands in a message.
const RESOURCE: usize = HEADER + 2;
/// Flags in an attribute's type.
const TYPE_MASK: u16 = 0x3fff;

/// A socket in the calling thread's namespace.
pub fn open() -> std::io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// A message of that kind that is of no address family of its own.
pub fn request(kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
    request_of(kind, flags, libc::AF_INET as u8, attributes)
}

/// A message of that kind for an address family: the subsystem in the high byte, its own number in the low one.
pub fn request_of(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let length = (HEADER + FAMILY + attributes.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[family, 0, 0, 0]);
    bytes.extend_from_slice(attributes);
    bytes
}

/// The type and what follows the header of each message in a datagram.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes([*datagram.get(4)?, *datagram.get(5)?]);
        let payload = datagram.get(HEADER..length)?;
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The type, the whole and the value of each attribute.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8], &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]) & TYPE_MASK;
        let (whole, value) = (bytes.get(..length)?, bytes.get(4..length)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, whole, value))
    })
}

/// One attribute, filled up to the next one's place.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Sends a request and waits for its result.
pub fn acknowledged(socket: &Socket, kind: u16, attributes: &[u8]) -> std::io::Result<()> {
    acknowledged_to(socket, kind, 0, attributes)
}

/// The same for one of the resources that a subsystem numbers (`res_id`), such as a group of logged packets.
pub fn acknowledged_to(socket: &Socket, kind: u16, resource: u16, attributes: &[u8]) -> std::io::Result<()> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut asked = request(kind, flags, attributes);
    asked[RESOURCE..RESOURCE + 2].copy_from_slice(&resource.to_be_bytes());
    socket.send(&asked, 0)?;
    answered(socket)
}

/// The same for an address family.
pub fn acknowledged_of(socket: &Socket, kind: u16, family: u8, attributes: &[u8]) -> std::io::Result<()> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    socket.send(&request_of(kind, flags, family, attributes), 0)?;
    answered(socket)
}

fn answered(socket: &Socket) -> std::io::Result<()> {
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for (kind, payload) in messages(&datagram) {
            if i32::from(kind) == libc::NLMSG_ERROR {
                return code(payload);
            }
        }
    }
}

/// The result in an error message, whose code is 0 for an acknowledgement.
pub fn code(payload: &[u8]) -> std::io::Result<()> {
    match payload.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)) {
        Some(0) => Ok(()),
        Some(code) => Err(std::io::Error::from_raw_os_error(-code)),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
