//! A tap in a network namespace of the test's own: small frames, and bulk both ways through the offloads.

use crate::support::*;
use cumulet_vmm_protocol::{Command, MachineSpec, NetInterface, Reply, TapSource};
use rustix::fs::{Mode, OFlags};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

/// Runs `test` in a thread with a network namespace of its own, with a tap up at 10.9.0.1/24.
pub fn with_tap(name: &'static str, test: impl FnOnce(String, OwnedFd) + Send + 'static) {
    let Some(kernel) = kernel(name) else { return };
    let worker = std::thread::Builder::new().name(name.to_owned()).spawn(move || match make_tap() {
        Ok(tap) => test(kernel, tap),
        Err(error) => skip(name, &format!("a tap in a new network namespace can't be made: {error}")),
    });
    worker.unwrap().join().unwrap();
}

fn make_tap() -> std::io::Result<OwnedFd> {
    // SAFETY: a new network namespace for this thread alone changes nothing for the others.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET)? };
    let tap = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let control = UdpSocket::bind("0.0.0.0:0")?;
    ifreq_ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &0x5002u16.to_ne_bytes())?;
    ifreq_ioctl(control.as_raw_fd(), 0x8916, &[2, 0, 0, 0, 10, 9, 0, 1])?;
    ifreq_ioctl(control.as_raw_fd(), 0x891c, &[2, 0, 0, 0, 255, 255, 255, 0])?;
    ifreq_ioctl(control.as_raw_fd(), 0x8914, &[0x41, 0])?;
    Ok(tap)
}

fn ifreq_ioctl(descriptor: i32, request: u64, value: &[u8]) -> std::io::Result<()> {
    let mut ifreq = [0u8; 40];
    ifreq[..4].copy_from_slice(b"test");
    ifreq[16..16 + value.len()].copy_from_slice(value);
    // SAFETY: these requests read and write a struct ifreq, which has 40 bytes.
    match unsafe { libc::ioctl(descriptor, request as _, ifreq.as_mut_ptr()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn with_net(kernel: &str, tap: &OwnedFd) -> MachineSpec {
    let mut spec = spec(kernel);
    spec.nets = vec![NetInterface {
        id: "eni-1".into(),
        mac: "02:00:00:00:00:05".into(),
        tap: TapSource::Fd(tap.as_raw_fd()),
        mtu: Some(1500),
        limits: Default::default(),
    }];
    spec
}

#[test]
fn frames_go_both_ways() {
    with_tap("frames_go_both_ways", |kernel, tap| {
        let server = UdpSocket::bind("10.9.0.1:7").unwrap();
        let mut vm = Vm::start_with(&with_net(&kernel, &tap), &[&tap]);
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((count, from)) = server.recv_from(&mut buffer) {
                let _ = server.send_to(&buffer[..count], from);
            }
        });
        vm.ready();
        assert_eq!(vm.ask("up 10.9.0.2"), "02:00:00:00:00:05");
        assert_eq!(vm.ask("cat /sys/class/net/eth0/mtu"), "1500");
        assert_eq!(vm.ask("udp 10.9.0.1:7 ping"), "ping from 10.9.0.1:7");
        let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
        assert!(metrics.nets[0].rx_packets > 0 && metrics.nets[0].tx_packets > 0, "{metrics:?}");
    });
}

#[test]
fn bulk_data_arrives_whole() {
    with_tap("bulk_data_arrives_whole", |kernel, tap| {
        let listener = TcpListener::bind("10.9.0.1:99").unwrap();
        let block: Vec<u8> = (0..1 << 20).map(|at: usize| (at % 251) as u8).collect();
        let serve = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            let right = bytes.chunks(1 << 20).all(|chunk| chunk == block);
            stream.write_all(format!("{} {right}", bytes.len()).as_bytes()).unwrap();
            drop(stream);
            let (mut stream, _) = listener.accept().unwrap();
            (0..8).for_each(|_| stream.write_all(&block).unwrap());
        });
        let mut vm = Vm::start_with(&with_net(&kernel, &tap), &[&tap]);
        vm.ready();
        vm.ask("up 10.9.0.2");
        assert_eq!(vm.ask("upload 10.9.0.1:99 8"), format!("{} true", 8 << 20));
        assert_eq!(vm.ask("download 10.9.0.1:99"), format!("{} right true", 8 << 20));
        let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
        // With segmentation offload a frame carries far more than the MTU.
        assert!(metrics.nets[0].tx_bytes / metrics.nets[0].tx_packets > 2000, "{metrics:?}");
        drop(vm);
        serve.join().unwrap();
    });
}
