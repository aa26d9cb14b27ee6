//! Pid 1 of the test guest, linked statically. Mounts what a program needs, says READY, then does what is typed on the
//! console, line by line, and answers each line with `OK text` or `ERR text`.

use std::ffi::CString;
use std::fs::{File, OpenOptions, read_to_string};
use std::io::{BufRead, Read, Write, stdin, stdout};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::Duration;

unsafe extern "C" {
    fn mount(source: *const i8, target: *const i8, kind: *const i8, flags: u64, data: *const u8) -> i32;
    fn reboot(what: i32) -> i32;
    fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
    fn ioctl(descriptor: i32, request: u64, argument: *const u8) -> i32;
    fn connect(descriptor: i32, address: *const u8, length: u32) -> i32;
    fn bind(descriptor: i32, address: *const u8, length: u32) -> i32;
    fn listen(descriptor: i32, backlog: i32) -> i32;
    fn accept(descriptor: i32, address: *mut u8, length: *mut u32) -> i32;
    fn shutdown(descriptor: i32, how: i32) -> i32;
    fn sync();
    fn syscall(number: i64, ...) -> i64;
}

#[path = "hostile_program.rs"]
mod hostile;

type Answer = Result<String, Box<dyn std::error::Error>>;

fn main() {
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        let _ = std::fs::create_dir_all(target);
        let (kind, target) = (CString::new(kind).unwrap(), CString::new(target).unwrap());
        unsafe { mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    }
    load_modules();
    println!("\nREADY {}", read_to_string("/proc/uptime").unwrap_or_default().trim());
    for line in stdin().lock().lines() {
        let Ok(line) = line else { continue };
        let words: Vec<&str> = line.split_whitespace().collect();
        match execute(&words) {
            Ok(text) => println!("\nOK {text}"),
            Err(error) => println!("\nERR {error}"),
        }
    }
    loop {
        std::thread::park();
    }
}

fn load_modules() {
    let mut paths: Vec<_> = std::fs::read_dir("/modules").into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(file) = File::open(&path) else { continue };
        const FINIT_MODULE: i64 = 313;
        if unsafe { syscall(FINIT_MODULE, file.as_raw_fd(), c"".as_ptr(), 0) } != 0 {
            println!("\n{}: {}", path.display(), std::io::Error::last_os_error());
        }
    }
}

fn execute(words: &[&str]) -> Answer {
    match words {
        ["echo", text] => Ok((*text).to_owned()),
        ["cat", path] => Ok(read_to_string(path)?.trim().to_owned()),
        ["grep", path, text] => grep(path, text),
        ["ls", path] => ls(path),
        ["bound", driver] => bound(driver),
        ["cpus"] => Ok(read_to_string("/proc/cpuinfo")?.matches("processor\t").count().to_string()),
        ["memory"] => Ok(read_to_string("/proc/meminfo")?.split_whitespace().nth(1).unwrap_or("").to_owned()),
        ["touch", mib] => touch(mib.parse()?),
        ["hold", mib] => hold(mib.parse()?),
        ["held"] => held(),
        ["release"] => release(),
        ["spin", threads] => spin(threads.parse()?),
        ["write", device, offset, text] => write(device, offset.parse()?, text),
        ["read", device, offset, length] => read_at(device, offset.parse()?, length.parse()?),
        ["fill", device, mib] => fill(device, mib.parse()?),
        ["random", count] => random(count.parse()?),
        ["up", address] => up(address),
        ["udp", peer, text] => udp(peer, text),
        ["upload", peer, mib] => upload(peer, mib.parse()?),
        ["uploads", peer, streams, mib] => uploads(peer, streams.parse()?, mib.parse()?),
        ["channels", count] => channels(count.parse()?),
        ["download", peer] => download(peer),
        ["vsock-send", port, text] => vsock_send(port.parse()?, text),
        ["vsock-echo", port] => vsock_echo(port.parse()?),
        ["await", device] => until(|| Some(read_to_string(format!("/sys/block/{device}/size")).ok()?.trim().to_owned())),
        ["await-gone", device] => until(|| gone(&format!("/sys/block/{device}"))),
        ["await-file", path] => until(|| read_to_string(path).ok().map(|text| text.trim().to_owned())),
        ["await-text", path, text] => until(|| read_to_string(path).ok().map(|now| now.trim().to_owned()).filter(|now| now == text)),
        ["await-no-file", path] => until(|| gone(path)),
        ["write-forever", device] => write_forever(device),
        ["spam", kib] => spam(kib.parse()?),
        ["await-button"] => await_button(),
        ["hostile-configuration", seed] => hostile::configuration(hostile::Numbers::new(seed.parse()?)),
        ["hostile-registers", seed] => hostile::registers(hostile::Numbers::new(seed.parse()?)),
        ["hostile-queues", seed] => hostile::queues(hostile::Numbers::new(seed.parse()?)),
        // The kernel panics when its first process ends.
        ["crash"] => std::process::exit(1),
        ["poweroff"] => power(0x4321_fedc),
        ["reboot"] => power(0x0123_4567),
        _ => Err("no such command".into()),
    }
}

/// The first line that has a text.
fn grep(path: &str, text: &str) -> Answer {
    let content = read_to_string(path)?;
    Ok(content.lines().find(|line| line.contains(text)).ok_or("no such line")?.trim().to_owned())
}

fn ls(path: &str) -> Answer {
    let entries = std::fs::read_dir(path)?.filter_map(|entry| Some(entry.ok()?.file_name().into_string().ok()?));
    let mut names: Vec<String> = entries.collect();
    names.sort();
    Ok(names.join(" "))
}

/// The devices that a driver of the platform has taken.
fn bound(driver: &str) -> Answer {
    let of = |bus: &str| ls(&format!("/sys/bus/{bus}/drivers/{driver}"));
    of("platform").or_else(|_| of("acpi")).or_else(|_| Ok("no driver".into()))
}

fn power(what: i32) -> Answer {
    unsafe {
        sync();
        reboot(what);
    }
    Err("still here".into())
}

/// Touches memory page by page.
fn touch(mib: usize) -> Answer {
    let mut memory = vec![0u8; mib << 20];
    memory.iter_mut().step_by(4096).enumerate().for_each(|(page, byte)| *byte = page as u8);
    let sum: usize = memory.iter().step_by(4096).map(|byte| usize::from(*byte)).sum();
    Ok(format!("touched {mib} sum {sum}"))
}

/// Memory with something in it that differs from page to page.
static HELD: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());

fn hold(mib: usize) -> Answer {
    let mut memory = vec![0u8; mib << 20];
    for (page, bytes) in memory.chunks_mut(4096).enumerate() {
        bytes[..8].copy_from_slice(&(page as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    }
    *HELD.lock().unwrap() = memory;
    Ok(format!("holding {mib}"))
}

/// What is held, if all of it is as it was.
fn held() -> Answer {
    let memory = HELD.lock().unwrap();
    let right = |(page, bytes): (usize, &[u8])| bytes[..8] == (page as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    let wrong = memory.chunks(4096).enumerate().filter(|page| !right(*page)).count();
    if wrong == 0 { Ok(format!("{} MiB right", memory.len() >> 20)) } else { Err(format!("{wrong} pages differ").into()) }
}

fn release() -> Answer {
    *HELD.lock().unwrap() = Vec::new();
    Ok("released".into())
}

/// Works on several CPUs at once.
fn spin(threads: u64) -> Answer {
    let workers: Vec<_> =
        (0..threads).map(|seed| std::thread::spawn(move || (0..20_000_000u64).fold(seed, |sum, n| sum ^ n))).collect();
    let sum = workers.into_iter().map(|worker| worker.join().unwrap()).fold(0, |sum, one| sum ^ one);
    Ok(format!("spun {sum}"))
}

fn direct(device: &str) -> std::io::Result<File> {
    const O_DIRECT: i32 = 0x4000;
    OpenOptions::new().read(true).write(true).custom_flags(O_DIRECT).open(format!("/dev/{device}"))
}

fn aligned(length: usize) -> Vec<u8> {
    // Large allocations come from mmap, which puts its own 16 bytes first: take the next page.
    vec![0; length + 8192]
}

fn write(device: &str, offset: u64, text: &str) -> Answer {
    let file = direct(device)?;
    let mut buffer = aligned(512);
    let start = buffer.as_ptr().align_offset(4096);
    buffer[start..start + text.len()].copy_from_slice(text.as_bytes());
    file.write_all_at(&buffer[start..start + 512], offset)?;
    file.sync_all()?;
    Ok("written".into())
}

fn read_at(device: &str, offset: u64, length: usize) -> Answer {
    let file = OpenOptions::new().read(true).custom_flags(0x4000).open(format!("/dev/{device}"))?;
    let mut buffer = aligned(512);
    let start = buffer.as_ptr().align_offset(4096);
    file.read_exact_at(&mut buffer[start..start + 512], offset)?;
    Ok(String::from_utf8_lossy(&buffer[start..start + length]).into_owned())
}

/// Writes a pattern through the page cache, syncs, drops the cache and reads it back.
fn fill(device: &str, mib: usize) -> Answer {
    let path = format!("/dev/{device}");
    let pattern = |index: usize| (0..1 << 20).map(|at: usize| (at * 31 + index * 7) as u8).collect::<Vec<u8>>();
    let mut file = OpenOptions::new().write(true).open(&path)?;
    for index in 0..mib {
        file.write_all(&pattern(index))?;
    }
    file.sync_all()?;
    std::fs::write("/proc/sys/vm/drop_caches", "3")?;
    let mut file = File::open(&path)?;
    for index in 0..mib {
        let mut buffer = vec![0; 1 << 20];
        file.read_exact(&mut buffer)?;
        if buffer != pattern(index) {
            return Err(format!("MiB {index} differs").into());
        }
    }
    Ok(format!("filled {mib}"))
}

fn random(count: usize) -> Answer {
    let mut bytes = vec![0; count];
    File::open("/dev/hwrng")?.read_exact(&mut bytes)?;
    let distinct = bytes.iter().collect::<std::collections::HashSet<_>>().len();
    Ok(format!("{distinct} {}", read_to_string("/sys/class/misc/hw_random/rng_current")?.trim()))
}

/// Gives eth0 an address in a /24 and brings it up.
fn up(address: &str) -> Answer {
    let bytes: Vec<u8> = address.split('.').map(str::parse).collect::<Result<_, _>>()?;
    let control = unsafe { socket(2, 2, 0) };
    let request = |number: u64, value: &[u8]| {
        let mut request = [0u8; 40];
        request[..4].copy_from_slice(b"eth0");
        request[16..16 + value.len()].copy_from_slice(value);
        match unsafe { ioctl(control, number, request.as_ptr()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let inet = |address: &[u8]| [&[2, 0, 0, 0][..], address].concat();
    request(0x8916, &inet(&bytes))?;
    request(0x891c, &inet(&[255, 255, 255, 0]))?;
    request(0x8914, &[0x41, 0])?;
    Ok(read_to_string("/sys/class/net/eth0/address")?.trim().to_owned())
}

fn udp(peer: &str, text: &str) -> Answer {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut buffer = [0; 100];
    for _ in 0..100 {
        let _ = socket.send_to(text.as_bytes(), peer);
        if let Ok((count, from)) = socket.recv_from(&mut buffer) {
            return Ok(format!("{} from {from}", String::from_utf8_lossy(&buffer[..count])));
        }
    }
    Err("no answer".into())
}

fn upload(peer: &str, mib: usize) -> Answer {
    let mut stream = TcpStream::connect(peer)?;
    let block: Vec<u8> = (0..1 << 20).map(|at: usize| (at % 251) as u8).collect();
    for _ in 0..mib {
        stream.write_all(&block)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Several at once.
fn uploads(peer: &str, streams: usize, mib: usize) -> Answer {
    let workers: Vec<_> = (0..streams)
        .map(|_| {
            let peer = peer.to_owned();
            std::thread::spawn(move || upload(&peer, mib).map_err(|error| error.to_string()))
        })
        .collect();
    let answers: Result<Vec<_>, _> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    Ok(answers?.join(" "))
}

/// Has eth0 use so many pairs of queues (`ETHTOOL_SCHANNELS`).
fn channels(count: u32) -> Answer {
    let mut channels = [0u32; 9];
    (channels[0], channels[8]) = (0x3d, count);
    let mut request = [0u8; 40];
    request[..4].copy_from_slice(b"eth0");
    request[16..24].copy_from_slice(&(channels.as_ptr() as u64).to_ne_bytes());
    let control = unsafe { socket(2, 2, 0) };
    match unsafe { ioctl(control, 0x8946, request.as_ptr()) } {
        0 => Ok(format!("{count} pairs")),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

fn download(peer: &str) -> Answer {
    let mut bytes = Vec::new();
    TcpStream::connect(peer)?.read_to_end(&mut bytes)?;
    let right = bytes.iter().enumerate().all(|(at, byte)| *byte == (at % (1 << 20) % 251) as u8);
    Ok(format!("{} right {right}", bytes.len()))
}

const AF_VSOCK: i32 = 40;

/// A `sockaddr_vm`.
fn vsock_address(cid: u32, port: u32) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&(AF_VSOCK as u16).to_ne_bytes());
    address[4..8].copy_from_slice(&port.to_ne_bytes());
    address[8..12].copy_from_slice(&cid.to_ne_bytes());
    address
}

fn vsock() -> std::io::Result<File> {
    match unsafe { socket(AF_VSOCK, 1, 0) } {
        -1 => Err(std::io::Error::last_os_error()),
        descriptor => Ok(unsafe { File::from_raw_fd(descriptor) }),
    }
}

fn done(result: i32) -> std::io::Result<()> {
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Sends a text to a port of the host, says that there is no more, and gives the answer.
fn vsock_send(port: u32, text: &str) -> Answer {
    let mut stream = vsock()?;
    done(unsafe { connect(stream.as_raw_fd(), vsock_address(2, port).as_ptr(), 16) })?;
    stream.write_all(text.as_bytes())?;
    done(unsafe { shutdown(stream.as_raw_fd(), 1) })?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Sends back what comes on a port, in a thread for each connection.
fn vsock_echo(port: u32) -> Answer {
    let listener = vsock()?;
    done(unsafe { bind(listener.as_raw_fd(), vsock_address(u32::MAX, port).as_ptr(), 16) })?;
    done(unsafe { listen(listener.as_raw_fd(), 128) })?;
    std::thread::spawn(move || {
        loop {
            let descriptor = unsafe { accept(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
            if descriptor < 0 {
                continue;
            }
            std::thread::spawn(move || {
                let mut stream = unsafe { File::from_raw_fd(descriptor) };
                let mut buffer = vec![0; 65_536];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok("serving".into())
}

/// Asks again and again, for two minutes at most.
fn until(mut ask: impl FnMut() -> Option<String>) -> Answer {
    for _ in 0..24_000 {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("it does not happen".into())
}

fn gone(path: &str) -> Option<String> {
    (!std::path::Path::new(path).exists()).then(|| "gone".to_owned())
}

/// Writes in a thread until there is an error.
fn write_forever(device: &str) -> Answer {
    let file = direct(device)?;
    std::thread::spawn(move || {
        let mut buffer = aligned(4096);
        let start = buffer.as_ptr().align_offset(4096);
        buffer[start] = 1;
        for at in (0u64..1000).cycle() {
            if file.write_all_at(&buffer[start..start + 4096], at * 4096).is_err() {
                break;
            }
        }
    });
    Ok("writing".into())
}

fn spam(kib: usize) -> Answer {
    let line = [&[b'x'; 63][..], b"\n"].concat();
    for _ in 0..kib * 16 {
        stdout().write_all(&line)?;
    }
    Ok(format!("spammed {kib}"))
}

/// Waits for KEY_POWER on an input device, then powers off as an init system would.
fn await_button() -> Answer {
    println!("\nWAITING");
    let _ = std::fs::create_dir_all("/dev/input");
    let path = std::fs::read_dir("/dev/input")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("event"))
        .ok_or("no input device")?;
    let mut events = File::open(path)?;
    loop {
        let mut event = [0u8; 24];
        events.read_exact(&mut event)?;
        let word = |at: usize| u16::from_le_bytes([event[at], event[at + 1]]);
        if (word(16), word(18), event[20]) == (1, 116, 1) {
            return power(0x4321_fedc);
        }
    }
}

