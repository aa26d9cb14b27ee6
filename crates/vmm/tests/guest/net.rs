//! A tap in a network namespace of the test's own: small frames, and bulk both ways through the offloads.

use crate::support::*;
use cumulet_vmm_protocol::metrics::NetMetrics;
use cumulet_vmm_protocol::{AttachNet, Command, Detach, MachineSpec, NetInterface, Reply, TapSource};
use rustix::fs::{Mode, OFlags};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Runs `test` in a thread with a network namespace of its own, with a tap up at 10.9.0.1/24.
pub fn with_tap(name: &'static str, test: impl FnOnce(String, OwnedFd) + Send + 'static) {
    with_queues(name, 1, |kernel, mut tap| test(kernel, tap.remove(0)));
}

/// The same with a tap of several queues.
fn with_queues(name: &'static str, queues: usize, test: impl FnOnce(String, Vec<OwnedFd>) + Send + 'static) {
    let Some(kernel) = kernel(name) else { return };
    let worker = std::thread::Builder::new().name(name.to_owned()).spawn(move || match make_tap(queues) {
        Ok(tap) => test(kernel, tap),
        Err(error) => skip(name, &format!("a tap in a new network namespace can't be made: {error}")),
    });
    worker.unwrap().join().unwrap();
}

fn make_tap(queues: usize) -> std::io::Result<Vec<OwnedFd>> {
    // SAFETY: a new network namespace for this thread alone changes nothing for the others.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET)? };
    let taps = open_queues(queues)?;
    let control = UdpSocket::bind("0.0.0.0:0")?;
    ifreq_ioctl(control.as_raw_fd(), 0x8916, &[2, 0, 0, 0, 10, 9, 0, 1])?;
    ifreq_ioctl(control.as_raw_fd(), 0x891c, &[2, 0, 0, 0, 255, 255, 255, 0])?;
    ifreq_ioctl(control.as_raw_fd(), 0x8914, &[0x41, 0])?;
    Ok(taps)
}

/// Opens queues of the tap, which is made if it is not there.
fn open_queues(count: usize) -> std::io::Result<Vec<OwnedFd>> {
    let flags: u16 = if count > 1 { 0x5102 } else { 0x5002 };
    let open = |_| {
        let tap = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        ifreq_ioctl(tap.as_raw_fd(), libc::TUNSETIFF, &flags.to_ne_bytes())?;
        Ok(tap)
    };
    (0..count).map(open).collect()
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
        more_queues: Vec::new(),
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

/// A machine with 2 vCPUs on all queues of a tap.
fn with_pairs(kernel: &str, taps: &[OwnedFd]) -> MachineSpec {
    let mut spec = with_net(kernel, &taps[0]);
    spec.vcpus = 2;
    spec.nets[0].more_queues = taps[1..].iter().map(|tap| TapSource::Fd(tap.as_raw_fd())).collect();
    spec
}

fn metrics(vm: &mut Vm) -> NetMetrics {
    let Reply::Metrics(metrics) = vm.call(Command::Metrics) else { panic!("not metrics") };
    metrics.nets[0].clone()
}

/// Takes what clients send, each in a thread of its own, and answers with its length.
fn count_bytes(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).unwrap();
                let _ = stream.write_all(bytes.len().to_string().as_bytes());
            });
        }
    });
}

#[test]
fn several_pairs_of_queues_are_used_as_the_guest_chooses() {
    with_queues("several_pairs_of_queues_are_used_as_the_guest_chooses", 2, |kernel, taps| {
        count_bytes(TcpListener::bind("10.9.0.1:99").unwrap());
        let spec = with_pairs(&kernel, &taps);
        let mut vm = Vm::start_with(&spec, &taps.iter().collect::<Vec<_>>());
        vm.ready();
        vm.ask("up 10.9.0.2");
        assert_eq!(metrics(&mut vm).queue_pairs, 2);
        assert!(vm.ask("ls /sys/class/net/eth0/queues").contains("rx-1 tx-0 tx-1"));
        for pairs in [2, 1, 2] {
            vm.ask(&format!("channels {pairs}"));
            assert_eq!(metrics(&mut vm).queue_pairs, pairs);
            assert_eq!(vm.ask("uploads 10.9.0.1:99 8 2"), vec![(2 << 20).to_string(); 8].join(" "));
        }
        // Each queue has an interrupt of its own, and all had something to do.
        for queue in ["input.0", "output.0", "input.1", "output.1"] {
            let line = vm.ask(&format!("grep /proc/interrupts {queue}"));
            let counts = line.split_whitespace().skip(1).take(2);
            let count: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
            assert!(count > 0, "{line}");
        }
    });
}

/// The host's frames find the guest though it uses one pair of two from the begin.
#[test]
fn frames_for_a_pair_that_is_not_used_go_to_the_others() {
    with_queues("frames_for_a_pair_that_is_not_used_go_to_the_others", 2, |kernel, taps| {
        count_bytes(TcpListener::bind("10.9.0.1:99").unwrap());
        let spec = MachineSpec { vcpus: 1, ..with_pairs(&kernel, &taps) };
        let mut vm = Vm::start_with(&spec, &taps.iter().collect::<Vec<_>>());
        vm.ready();
        vm.ask("up 10.9.0.2");
        assert_eq!(metrics(&mut vm).queue_pairs, 1);
        for _ in 0..4 {
            assert_eq!(vm.ask("uploads 10.9.0.1:99 8 1"), vec![(1 << 20).to_string(); 8].join(" "));
        }
    });
}

#[test]
fn pairs_in_use_go_on_after_a_pause_and_in_a_copy() {
    with_queues("pairs_in_use_go_on_after_a_pause_and_in_a_copy", 3, |kernel, taps| {
        count_bytes(TcpListener::bind("10.9.0.1:99").unwrap());
        let spec = with_pairs(&kernel, &taps);
        let mut vm = Vm::start_with(&spec, &taps.iter().collect::<Vec<_>>());
        vm.ready();
        vm.ask("up 10.9.0.2");
        let right = vec![(1 << 20).to_string(); 4].join(" ");
        for _ in 0..20 {
            vm.call(Command::Pause);
            vm.call(Command::Resume);
            assert_eq!(vm.ask("uploads 10.9.0.1:99 4 1"), right);
        }
        let folder = tempfile::tempdir().unwrap();
        vm.call(Command::Pause);
        crate::snapshot::save(&mut vm, folder.path());
        drop(vm);
        let mut copy = Vm::start_with(
            &crate::snapshot::restored(&spec, folder.path()),
            &taps.iter().collect::<Vec<_>>(),
        );
        assert_eq!(copy.ask("uploads 10.9.0.1:99 4 1"), right);
        // Two vCPUs use two pairs of three.
        assert_eq!(metrics(&mut copy).queue_pairs, 2);
    });
}

#[test]
fn an_interface_with_several_pairs_comes_and_goes() {
    with_queues("an_interface_with_several_pairs_comes_and_goes", 2, |kernel, taps| {
        count_bytes(TcpListener::bind("10.9.0.1:99").unwrap());
        let spec = with_pairs(&kernel, &taps);
        let mut vm = Vm::start(&MachineSpec { nets: Vec::new(), ..spec.clone() });
        vm.ready();
        for force in [false, true, false] {
            let mut net = spec.nets[0].clone();
            (net.tap, net.more_queues) = (TapSource::Fd(0), vec![TapSource::Fd(1)]);
            let attach = Command::AttachNet(Box::new(AttachNet { net }));
            vm.client().call_with(attach, &[taps[0].as_fd(), taps[1].as_fd()]).unwrap();
            vm.ask("await-file /sys/class/net/eth0/address");
            vm.ask("up 10.9.0.2");
            assert_eq!(vm.ask("uploads 10.9.0.1:99 2 1"), format!("{} {}", 1 << 20, 1 << 20));
            assert_eq!(metrics(&mut vm).queue_pairs, 2);
            let detach = Detach { id: "eni-1".into(), force };
            assert_eq!(vm.call(Command::Detach(detach)), Reply::Done);
            // Nothing of it is in the way of a pause.
            vm.call(Command::Pause);
            vm.call(Command::Resume);
            vm.ask("await-no-file /sys/class/net/eth0");
        }
    });
}
