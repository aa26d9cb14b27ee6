//! Sockets between host and guest, both ways, many at once, and with more data than fits any buffer.

use crate::support::*;
use cumulet_vmm_protocol::{Command, MachineSpec, Reply, Vsock, rundir};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

fn with_vsock(kernel: &str) -> MachineSpec {
    MachineSpec { vsock: Some(Vsock { cid: 3, listener: None }), ..spec(kernel) }
}

/// A stream to a port of the guest, and the rest of its line.
fn connect(folder: &Path, port: u32) -> (UnixStream, String) {
    let mut stream = UnixStream::connect(folder.join(rundir::VSOCK_SOCKET)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("CONNECT {port}\n").as_bytes()).unwrap();
    let mut line = String::new();
    // Byte by byte: what follows belongs to the stream.
    let mut reader = BufReader::with_capacity(1, stream.try_clone().unwrap());
    reader.read_line(&mut line).unwrap();
    (stream, line)
}

/// Sends `text` and gives what comes back until the end.
fn exchange(mut stream: UnixStream, data: &[u8]) -> Vec<u8> {
    let mut writer = stream.try_clone().unwrap();
    let data = data.to_vec();
    let writing = std::thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    writing.join().unwrap();
    back
}

#[test]
fn streams_go_both_ways_between_host_and_guest() {
    let Some(kernel) = kernel("streams_go_both_ways_between_host_and_guest") else { return };
    let mut vm = Vm::start(&with_vsock(&kernel));
    vm.ready();
    let listener = UnixListener::bind(vm.dir.path().join(format!("{}_99", rundir::VSOCK_SOCKET))).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = String::new();
        stream.read_to_string(&mut question).unwrap();
        stream.write_all(format!("you said {question}").as_bytes()).unwrap();
    });
    assert_eq!(vm.ask("vsock-send 99 hello"), "you said hello");
    serving.join().unwrap();
    vm.type_in("vsock-send 98 hello");
    assert!(vm.expect("\nERR ").contains("reset"));

    let folder = vm.dir.path().to_owned();
    let (mut refused, line) = connect(&folder, 1024);
    assert_eq!((line.as_str(), refused.read(&mut [0; 1]).unwrap()), ("", 0));
    assert_eq!(vm.ask("vsock-echo 1024"), "serving");
    let (stream, line) = connect(&folder, 1024);
    assert!(line.starts_with("OK "), "{line}");
    assert_eq!(exchange(stream, b"hello guest"), b"hello guest");
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    assert!(metrics.vsock.connections >= 3 && metrics.vsock.refused >= 1, "{:?}", metrics.vsock);
}

#[test]
fn many_streams_carry_more_than_their_buffers_hold() {
    let Some(kernel) = kernel("many_streams_carry_more_than_their_buffers_hold") else { return };
    let mut vm = Vm::start(&with_vsock(&kernel));
    vm.ready();
    vm.ask("vsock-echo 1024");
    let folder = vm.dir.path().to_owned();
    let clients: Vec<_> = (0..20u8)
        .map(|seed| {
            let folder = folder.clone();
            std::thread::spawn(move || {
                let data: Vec<u8> =
                    (0..500_000u32).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed).collect();
                let (stream, line) = connect(&folder, 1024);
                assert!(line.starts_with("OK "), "{line}");
                assert!(exchange(stream, &data) == data, "stream {seed} is whole");
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(vm.ask("echo alive"), "alive");
}
