//! Packets of any content for the sockets between host and guest, with a host that connects, listens, writes, reads and
//! goes away in between.
#![no_main]

use cumulet_vmm::devices::vsock::muxer::{MAX_REFUSALS, Muxer};
use cumulet_vmm::devices::vsock::packet::{HEADER, Header};
use libfuzzer_sys::fuzz_target;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use tempfile::TempDir;

const CID: u64 = 3;
const MAX_STEPS: usize = 64;

fuzz_target!(|input: &[u8]| {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("v");
    let listener = UnixListener::bind(&path).expect("a socket");
    let service = UnixListener::bind(folder.path().join("v_80")).expect("a socket");
    service.set_nonblocking(true).expect("a socket");
    let mut muxer = Muxer::new(CID, path.clone(), listener).expect("an epoll");
    let (mut rest, mut peers, mut data) = (input, Vec::new(), vec![0; 4096]);
    for _ in 0..MAX_STEPS {
        let Some((&step, after)) = rest.split_first() else { break };
        rest = after;
        match step % 8 {
            0..4 => {
                let Some((bytes, after)) = rest.split_first_chunk::<8>() else { break };
                rest = after;
                let header = header(bytes, step & 0x80 != 0);
                if muxer.has_room(1) {
                    muxer.take(&header, &rest[..rest.len().min(header.length as usize & 0xfff)]);
                }
            }
            4 => peers
                .extend(UnixStream::connect(&path).map(|stream| talk(stream, &rest[..rest.len().min(40)]))),
            5 => peers.extend(service.accept().map(|(stream, _)| talk(stream, &[step; 300]))),
            6 => drop(peers.pop()),
            _ => {
                for peer in &mut peers {
                    let _ = peer.read(&mut [0; 512]);
                }
            }
        }
        muxer.serve().expect("an epoll");
        for _ in 0..4 {
            let Some(header) = muxer.next(&mut data) else { break };
            assert!(header.length as usize <= data.len() && header.src_cid == 2 || header.op == 3);
        }
    }
    for _ in 0..2 * MAX_REFUSALS {
        if muxer.next(&mut data).is_none() {
            break;
        }
    }
});

/// Ports that are in use or might be, operations that there are, credit from none to more than there is: or, where
/// `wild`, anything.
fn header(bytes: &[u8; 8], wild: bool) -> Header {
    if wild {
        return Header::from_bytes(&std::array::from_fn::<u8, HEADER, _>(|at| {
            bytes[at % 8].rotate_left(at as u32)
        }));
    }
    let port = |byte: u8| match byte >> 6 {
        0 => 80,
        1 => (1 << 30) + u32::from(byte & 3),
        _ => u32::from(byte & 7),
    };
    Header {
        src_cid: CID,
        dst_cid: 2,
        src_port: port(bytes[0]),
        dst_port: port(bytes[1]),
        length: u32::from(bytes[2]) << (bytes[3] & 15),
        kind: 1 + u16::from(bytes[3] >> 7),
        op: u16::from(bytes[4] % 9),
        flags: u32::from(bytes[5]),
        buf_alloc: 1u32.rotate_left(u32::from(bytes[6])),
        fwd_cnt: u32::from(bytes[7]) << (bytes[6] >> 5),
    }
}

fn talk(mut stream: UnixStream, bytes: &[u8]) -> UnixStream {
    let _ = stream.set_nonblocking(true);
    let _ = stream.write(bytes);
    stream
}
