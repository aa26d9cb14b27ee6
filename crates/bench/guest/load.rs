//! Pid 1 of a guest that works: starts the agent if there is one, then does what lines on its console say and answers
//! each with a line `RESULT …`. The standard library alone, and the few calls of the C library that it lacks.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Read, Seek, SeekFrom, Write, stdin};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::process::Command;
use std::time::{Duration, Instant};

unsafe extern "C" {
    fn mount(source: *const i8, target: *const i8, kind: *const i8, flags: u64, data: *const u8) -> i32;
    fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
    fn ioctl(descriptor: i32, request: u64, argument: *const u8) -> i32;
    fn syscall(number: i64, ...) -> i64;
}

type Answer = Result<String, Box<dyn std::error::Error>>;

fn main() {
    let _ = Command::new("/agent").spawn();
    for (kind, target) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        let _ = std::fs::create_dir_all(target);
        let (kind, target) = (CString::new(kind).unwrap(), CString::new(target).unwrap());
        // SAFETY: the strings live as long as the call.
        unsafe { mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    }
    println!("\nGUEST-INIT");
    for line in stdin().lock().lines() {
        let Ok(line) = line else { continue };
        let words: Vec<&str> = line.split_whitespace().collect();
        match execute(&words) {
            Ok(text) => println!("\nRESULT {text}"),
            Err(error) => println!("\nRESULT error: {error}"),
        }
    }
    loop {
        std::thread::park();
    }
}

fn execute(words: &[&str]) -> Answer {
    match words {
        ["block", direction, order, kib, depth, ms] => block(&Load {
            write: *direction == "write",
            random: *order == "random",
            bytes: kib.parse::<usize>()? << 10,
            depth: depth.parse()?,
            time: millis(ms)?,
        }),
        ["up", address] => up(address),
        ["send", to, ms] => send(to, millis(ms)?),
        ["receive", from] => receive(from),
        ["echo", with, bytes, ms] => echo(with, bytes.parse()?, millis(ms)?),
        ["datagrams-out", to, bytes, ms] => datagrams_out(to, bytes.parse()?, millis(ms)?),
        ["datagrams-in", from, ms] => datagrams_in(from, millis(ms)?),
        _ => Err("no such work".into()),
    }
}

fn millis(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

/// How the disk is used.
struct Load {
    write: bool,
    random: bool,
    bytes: usize,
    depth: usize,
    time: Duration,
}

/// Where the next request goes.
struct Places {
    random: bool,
    count: u64,
    state: u64,
}

impl Places {
    fn next(&mut self) -> u64 {
        if self.random {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            return self.state % self.count;
        }
        self.state = (self.state + 1) % self.count;
        self.state
    }
}

/// Uses the first disk past the guest's page cache; gives requests and microseconds.
fn block(load: &Load) -> Answer {
    const O_DIRECT: i32 = 0x4000;
    let mut disk =
        OpenOptions::new().read(true).write(load.write).custom_flags(O_DIRECT).open("/dev/vda")?;
    let count = disk.seek(SeekFrom::End(0))? / load.bytes as u64;
    let mut places = Places { random: load.random, count, state: 0x9e37_79b9_7f4a_7c15 };
    if !load.random {
        places.state = count - 1;
    }
    let mut memory = vec![0x5au8; load.bytes * load.depth + 4096];
    let start = memory.as_ptr().align_offset(4096);
    let memory = &mut memory[start..start + load.bytes * load.depth];
    let began = Instant::now();
    let done = match load.depth {
        1 => one_by_one(load, &disk, &mut places, memory)?,
        _ => at_once(load, &disk, &mut places, memory)?,
    };
    Ok(format!("{done} {}", began.elapsed().as_micros()))
}

fn one_by_one(load: &Load, disk: &File, places: &mut Places, memory: &mut [u8]) -> std::io::Result<u64> {
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed() < load.time {
        let offset = places.next() * load.bytes as u64;
        match load.write {
            true => disk.write_all_at(memory, offset)?,
            false => disk.read_exact_at(memory, offset)?,
        }
        done += 1;
    }
    Ok(done)
}

/// A request of Linux's asynchronous I/O (`struct iocb`, linux/aio_abi.h).
#[repr(C)]
#[derive(Clone, Default)]
struct Request {
    data: u64,
    key: u32,
    flags: u32,
    opcode: u16,
    priority: i16,
    descriptor: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    more_flags: u32,
    eventfd: u32,
}

/// An answer (`struct io_event`).
#[repr(C)]
#[derive(Clone, Default)]
struct Event {
    data: u64,
    request: u64,
    result: i64,
    result2: i64,
}

fn called(result: i64) -> std::io::Result<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::last_os_error())
}

/// Keeps as many requests under way as the depth says.
fn at_once(load: &Load, disk: &File, places: &mut Places, memory: &mut [u8]) -> std::io::Result<u64> {
    let (setup, destroy, getevents, submit) = (206i64, 207i64, 208i64, 209i64);
    let mut context = 0u64;
    // SAFETY: the kernel writes the context's number.
    called(unsafe { syscall(setup, load.depth, &raw mut context) })?;
    let mut requests = vec![Request::default(); load.depth];
    let mut events = vec![Event::default(); load.depth];
    let mut free: Vec<usize> = (0..load.depth).collect();
    let (began, mut done) = (Instant::now(), 0);
    loop {
        if began.elapsed() < load.time {
            let mut ready = Vec::with_capacity(free.len());
            for index in free.drain(..) {
                requests[index] = Request {
                    data: index as u64,
                    opcode: u16::from(load.write),
                    descriptor: disk.as_raw_fd() as u32,
                    buffer: &raw mut memory[index * load.bytes] as u64,
                    bytes: load.bytes as u64,
                    offset: (places.next() * load.bytes as u64) as i64,
                    ..Request::default()
                };
                ready.push(&raw mut requests[index]);
            }
            let mut sent = 0;
            while sent < ready.len() {
                // SAFETY: the requests and their buffers stay until their events have come.
                sent += called(unsafe { syscall(submit, context, ready.len() - sent, ready[sent..].as_ptr()) })?;
            }
        }
        if free.len() == load.depth {
            break;
        }
        // SAFETY: there is room for as many events.
        let count = called(unsafe {
            syscall(getevents, context, 1i64, load.depth - free.len(), events.as_mut_ptr(), std::ptr::null::<u8>())
        })?;
        for event in &events[..count] {
            if event.result != load.bytes as i64 {
                return Err(std::io::Error::other(format!("a request ended with {}", event.result)));
            }
            free.push(event.data as usize);
            done += 1;
        }
    }
    // SAFETY: nothing is under way any more.
    unsafe { syscall(destroy, context) };
    Ok(done)
}

/// Gives the first interface an address in a /24 and brings it up.
fn up(address: &str) -> Answer {
    let bytes: Vec<u8> = address.split('.').map(str::parse).collect::<Result<_, _>>()?;
    // SAFETY: a call without pointers.
    let control = unsafe { socket(2, 2, 0) };
    let request = |number: u64, value: &[u8]| {
        let mut request = [0u8; 40];
        request[..4].copy_from_slice(b"eth0");
        request[16..16 + value.len()].copy_from_slice(value);
        // SAFETY: the request is as large as a `struct ifreq`.
        match unsafe { ioctl(control, number, request.as_ptr()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let inet = |address: &[u8]| [&[2, 0, 0, 0][..], address].concat();
    request(0x8916, &inet(&bytes))?;
    request(0x891c, &inet(&[255, 255, 255, 0]))?;
    request(0x8914, &[0x41, 0])?;
    Ok("up".into())
}

/// Sends as much as goes, and gives what the other side counted.
fn send(to: &str, time: Duration) -> Answer {
    let mut stream = TcpStream::connect(to)?;
    let block = vec![0x5au8; 128 << 10];
    let began = Instant::now();
    while began.elapsed() < time {
        stream.write_all(&block)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Takes all that comes; gives bytes and microseconds.
fn receive(from: &str) -> Answer {
    let mut stream = TcpStream::connect(from)?;
    let mut buffer = vec![0; 256 << 10];
    let (mut bytes, began) = (0, Instant::now());
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(format!("{bytes} {}", began.elapsed().as_micros())),
            count => bytes += count,
        }
    }
}

/// Sends a few bytes and waits for them, again and again; gives how often, and microseconds.
fn echo(with: &str, bytes: usize, time: Duration) -> Answer {
    let mut stream = TcpStream::connect(with)?;
    stream.set_nodelay(true)?;
    let (mut message, mut times, began) = (vec![0x5a; bytes], 0, Instant::now());
    while began.elapsed() < time {
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        times += 1;
    }
    Ok(format!("{times} {}", began.elapsed().as_micros()))
}

/// Sends as many datagrams as go; the other side counts.
fn datagrams_out(to: &str, bytes: usize, time: Duration) -> Answer {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(to)?;
    let (message, mut sent, began) = (vec![0x5a; bytes], 0u64, Instant::now());
    while began.elapsed() < time {
        // One for which there is no room is not sent.
        sent += u64::from(socket.send(&message).is_ok());
    }
    Ok(format!("{sent} {}", began.elapsed().as_micros()))
}

/// Says where it is, and counts what comes from then on.
fn datagrams_in(from: &str, time: Duration) -> Answer {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(from)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.send(b"go")?;
    let (mut buffer, mut count) = ([0; 2048], 0u64);
    socket.recv(&mut buffer)?;
    let began = Instant::now();
    while began.elapsed() < time {
        match socket.recv(&mut buffer) {
            Ok(_) => count += 1,
            Err(_) => break,
        }
    }
    Ok(format!("{count} {}", began.elapsed().as_micros()))
}
