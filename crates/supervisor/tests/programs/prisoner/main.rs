//! A program that is put into a VMM's jail in its place, and tries to get out: it leaves a report of what it got, then
//! links and files to lead the daemon astray, and ends. It has no filter of system calls, which is the VMM's own doing,
//! so all that holds it is the jailer's.
#![expect(unsafe_code, reason = "the calls that a jail must refuse have no safe wrappers")]

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Makes a call of libc's and gives its number, or the error.
macro_rules! system {
    ($call:expr) => {{
        // SAFETY: all calls here take numbers, and pointers to what lives longer than the call.
        let result = unsafe { $call };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }};
}

fn main() {
    let mut report = BTreeMap::new();
    let mut tried = |what: &str, result: io::Result<()>| {
        let told = match result {
            Ok(()) => "done".to_owned(),
            Err(error) => {
                error.raw_os_error().map_or_else(|| error.to_string(), |code| format!("errno {code}"))
            }
        };
        report.insert(what.to_owned(), told);
    };
    files(&mut tried);
    processes(&mut tried);
    network(&mut tried);
    privileges(&mut tried);
    let own = |name: &str| Path::new("/run").join(name);
    tried("make a file of its own", fs::write(own("mine"), "x"));
    tried("remove a file of its own", fs::remove_file(own("mine")));
    report.insert("root".into(), list("/"));
    report.insert("descriptors".into(), descriptors());
    report.insert("name".into(), host_name());
    report.insert("process".into(), std::process::id().to_string());
    let text: String = report.iter().map(|(what, told)| format!("{what}: {told}\n")).collect();
    fs::write(own("report"), text).unwrap();
    lead_astray();
    std::process::exit(7);
}

fn files(tried: &mut dyn FnMut(&str, io::Result<()>)) {
    for path in [
        "/etc/passwd",
        "/proc/self/status",
        "/proc/1/root/etc/passwd",
        "/dev/kvm",
        "/../../etc/passwd",
        "/sys",
    ] {
        tried(&format!("look at {path}"), fs::metadata(path).map(drop));
    }
    tried("write beside the run directory", fs::write("/mine", "x"));
    tried("make a directory in the root", fs::create_dir("/mine"));
    for name in ["spec.json", "process.json"] {
        let path = Path::new("/run").join(name);
        tried(&format!("read {name}"), fs::read(&path).map(drop));
        tried(&format!("write {name}"), fs::write(&path, "x"));
        tried(&format!("remove {name}"), fs::remove_file(&path));
        tried(
            &format!("replace {name}"),
            fs::write("/run/other", "x").and_then(|()| fs::rename("/run/other", &path)),
        );
    }
    tried("run a program", std::process::Command::new("/bin/sh").spawn().map(drop));
    tried(
        "make a device",
        system!(libc::mknod(c"/run/null".as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3))).map(drop),
    );
}

fn processes(tried: &mut dyn FnMut(&str, io::Result<()>)) {
    tried(
        "see a parent",
        if system!(libc::getppid()).is_ok_and(|parent| parent == 0) {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(())
        },
    );
    tried("signal all others", system!(libc::kill(-1, 0)).map(drop));
    tried("signal process 2", system!(libc::kill(2, 0)).map(drop));
}

fn network(tried: &mut dyn FnMut(&str, io::Result<()>)) {
    for address in ["127.0.0.1:22", "198.18.0.1:80", "169.254.169.254:80"] {
        tried(&format!("connect to {address}"), TcpStream::connect(address).map(drop));
        let sent = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", address));
        tried(&format!("send to {address}"), sent.map(drop));
    }
    tried("open a raw socket", system!(libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)).map(drop));
}

fn privileges(tried: &mut dyn FnMut(&str, io::Result<()>)) {
    tried("become root", system!(libc::setuid(0)).map(drop));
    tried("become root's group", system!(libc::setgid(0)).map(drop));
    tried(
        "mount",
        system!(libc::mount(c"none".as_ptr(), c"/run".as_ptr(), c"tmpfs".as_ptr(), 0, std::ptr::null()))
            .map(drop),
    );
    tried("change the root", system!(libc::chroot(c"/run".as_ptr())).map(drop));
    tried("get a user namespace", system!(libc::unshare(libc::CLONE_NEWUSER)).map(drop));
    tried("get a network namespace", system!(libc::unshare(libc::CLONE_NEWNET)).map(drop));
    tried("set the host name", system!(libc::sethostname(c"x".as_ptr(), 1)).map(drop));
    tried("raise a limit", {
        let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
        system!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)).map(drop)
    });
}

fn list(path: &str) -> String {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names.join(" ")
}

/// How many are open above standard error.
fn descriptors() -> String {
    (3..5000).filter(|&fd| system!(libc::fcntl(fd, libc::F_GETFD)).is_ok()).count().to_string()
}

fn host_name() -> String {
    let mut name = [0u8; 65];
    let _ = system!(libc::gethostname(name.as_mut_ptr().cast(), 64));
    CStr::from_bytes_until_nul(&name).unwrap().to_str().unwrap().to_owned()
}

/// Leaves things under the names that the daemon reads, removes or connects to.
fn lead_astray() {
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, Path::new("/run").join(name)).unwrap();
    link("/etc/hostname", "console.log");
    link("/etc/hostname", "console.log.1");
    link("/etc/hostname", "exit.json");
    link("/dev/null", "lock");
    link("/etc", "directory");
    // A socket under another name, for the link to lead to one.
    let _listener = UnixListener::bind("/run/other.sock").unwrap();
    UnixStream::connect("/run/other.sock").unwrap();
    link("other.sock", "control.sock");
}
