//! Starts machines for tests: a kernel named by `CUMULET_TEST_KERNEL`, an initial RAM disk with one program (`init.rs`,
//! compiled here), a run directory of its own, and the control socket to talk to it.

use crate::modules;
use cumulet_vmm_protocol::{
    BootProtocol, Client, ClientError, Command, ConsoleRead, ConsoleWrite, ExitReason, ExitRecord,
    MachineSpec, Reply, SPEC_VERSION, Smbios, Source, rundir,
};
use std::fs::{File, read, rename, write};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything takes, also on a host that emulates its CPU.
pub const LIMIT: Duration = Duration::from_secs(240);

/// The product UUID of test machines.
pub const UUID: &str = "ec2f1a2b-0102-0304-0506-070809101112";

/// The kernel to boot; without one the test is counted as skipped, with its reason.
pub fn kernel(test: &str) -> Option<String> {
    let reason = match std::env::var("CUMULET_TEST_KERNEL") {
        Ok(kernel) if Path::new(&kernel).is_file() => {
            match File::options().read(true).write(true).open("/dev/kvm") {
                Ok(_) => return Some(kernel),
                Err(error) => format!("/dev/kvm can't be opened: {error}"),
            }
        }
        Ok(kernel) => format!("CUMULET_TEST_KERNEL names {kernel}, which is no file"),
        Err(_) => "CUMULET_TEST_KERNEL does not name a kernel".to_owned(),
    };
    skip(test, &reason);
    None
}

/// Whether an image is ELF; else it is a bzImage.
pub fn is_elf(kernel: &str) -> bool {
    read(kernel).is_ok_and(|image| image.starts_with(b"\x7fELF"))
}

/// Counts a test as skipped.
pub fn skip(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
    if let Ok(log) = std::env::var("CUMULET_SKIP_LOG") {
        let mut log =
            File::options().append(true).create(true).open(log).expect("the log of skipped tests opens");
        writeln!(log, "{test}: {reason}").expect("the log of skipped tests is written");
    }
}

/// A RAM disk whose only program is the test guest's.
pub fn initrd() -> &'static Path {
    static INITRD: OnceLock<PathBuf> = OnceLock::new();
    INITRD.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/init.rs");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join("guest-init");
        let age = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        let newest = age(&source).max(age(&source.with_file_name("hostile_program.rs")));
        if age(&program) < newest || age(&program).is_none() {
            let new = folder.join(format!("guest-init-{}", std::process::id()));
            compile(&source, &new);
            rename(new, &program).expect("the program is put in place");
        }
        let modules = modules::load_order();
        let archive = folder.join(if modules.is_empty() { "guest.cpio" } else { "guest-modules.cpio" });
        let new = folder.join(format!("guest.cpio.{}", std::process::id()));
        let program = read(&program).expect("the program was compiled");
        write(&new, cpio(&program, &modules)).expect("the archive is written");
        rename(new, &archive).expect("the archive is put in place");
        archive
    })
}

fn compile(source: &Path, program: &Path) {
    let status = std::process::Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "panic=abort"])
        .args(["-C", "strip=symbols", "-o"])
        .args([program, source])
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the guest's program compiles");
}

/// An archive in the "newc" format with `/init`, `/dev`, `/dev/console` and modules.
fn cpio(init: &[u8], modules: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut entry = |name: &str, mode: u32, device: (u32, u32), data: &[u8]| {
        let size = data.len() as u32;
        let fields = [1, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    };
    entry("dev", 0o040_755, (0, 0), b"");
    entry("dev/console", 0o020_600, (5, 1), b"");
    entry("init", 0o100_755, (0, 0), init);
    entry("modules", 0o040_755, (0, 0), b"");
    for (index, module) in modules.iter().enumerate() {
        entry(&format!("modules/{index:03}.ko"), 0o100_644, (0, 0), module);
    }
    entry("TRAILER!!!", 0, (0, 0), b"");
    archive
}

/// A machine with 1 vCPU and 128 MiB, without disks and interfaces.
pub fn spec(kernel: &str) -> MachineSpec {
    MachineSpec {
        version: SPEC_VERSION,
        instance_id: "i-0123456789abcdef0".into(),
        launch_id: "launch-1".into(),
        vcpus: 1,
        memory_mib: 128,
        memory_max_mib: None,
        kvm: None,
        kernel: Some(Source::Path(kernel.into())),
        initrd: Some(Source::Path(initrd().to_string_lossy().into_owned())),
        boot: BootProtocol::Auto,
        cmdline: "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests".into(),
        disks: Vec::new(),
        disk_limits: Vec::new(),
        nets: Vec::new(),
        entropy: true,
        balloon: false,
        vsock: None,
        generation_id: None,
        smbios: Some(smbios()),
        console_log_bytes: 1 << 20,
        die_with_parent: true,
        restore: None,
    }
}

fn smbios() -> Smbios {
    Smbios {
        product_uuid: UUID.into(),
        product_serial: UUID.into(),
        sys_vendor: "Amazon EC2".into(),
        product_name: "t3.micro".into(),
        bios_vendor: "Amazon EC2".into(),
        bios_version: "1.0".into(),
        chassis_asset_tag: "Amazon EC2".into(),
        board_asset_tag: "i-0123456789abcdef0".into(),
    }
}

/// The program under test: the one built with this test, or the one `CUMULET_VMM` names.
pub fn program() -> std::ffi::OsString {
    std::env::var_os("CUMULET_VMM").unwrap_or_else(|| env!("CARGO_BIN_EXE_cumulet-vmm").into())
}

fn explain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", explain(cause)))
}

/// A VMM process.
pub struct Vm {
    pub dir: TempDir,
    child: Child,
    read_to: u64,
    seen: String,
}

impl Vm {
    /// Starts a machine in a run directory of its own.
    pub fn start(spec: &MachineSpec) -> Self {
        Self::start_with(spec, &[])
    }

    /// The same; `inherited` stay open in the VMM under their numbers.
    pub fn start_with(spec: &MachineSpec, inherited: &[&OwnedFd]) -> Self {
        let dir = TempDir::new().expect("a run directory is made");
        write(dir.path().join("spec.json"), serde_json::to_vec(spec).unwrap())
            .expect("the specification is written");
        Self::start_in(dir, inherited)
    }

    /// Starts on the `spec.json` in `dir`.
    pub fn start_in(dir: TempDir, inherited: &[&OwnedFd]) -> Self {
        let spec = dir.path().join("spec.json").to_string_lossy().into_owned();
        let folder = dir.path().to_string_lossy().into_owned();
        Self::spawn(dir, &spec, &folder, inherited)
    }

    /// Starts with specification and run directory as descriptors.
    pub fn start_by_descriptors(
        dir: TempDir,
        spec: &OwnedFd,
        folder: &OwnedFd,
        inherited: &[&OwnedFd],
    ) -> Self {
        let place = |descriptor: &OwnedFd| format!("fd:{}", descriptor.as_raw_fd());
        let all = [inherited, &[spec, folder]].concat();
        Self::spawn(dir, &place(spec), &place(folder), &all)
    }

    fn spawn(dir: TempDir, spec: &str, folder: &str, inherited: &[&OwnedFd]) -> Self {
        for descriptor in inherited {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())
                .expect("a descriptor is passed on");
        }
        let log = File::create(dir.path().join("stderr")).unwrap();
        let child = std::process::Command::new(program())
            .args(["--spec", spec, "--run-dir", folder])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the VMM starts");
        for descriptor in inherited {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)
                .expect("it is ours alone again");
        }
        Self { dir, child, read_to: 0, seen: String::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to the control socket.
    pub fn client(&mut self) -> Client {
        let path = self.dir.path().join(rundir::CONTROL_SOCKET);
        let began = Instant::now();
        loop {
            match Client::connect(&path) {
                Ok(client) => {
                    client.set_timeout(Some(LIMIT)).unwrap();
                    return client;
                }
                Err(error) => {
                    let ended = self.child.try_wait().unwrap();
                    assert!(
                        ended.is_none() && began.elapsed() < LIMIT,
                        "{error}: {ended:?}\n{}",
                        self.stderr()
                    );
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    /// Waits until the control socket answers; false if the process ends instead.
    pub fn is_up(&mut self) -> bool {
        let path = self.dir.path().join(rundir::CONTROL_SOCKET);
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if Client::connect(&path).and_then(|mut client| client.hello()).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("neither up nor down: {}", self.stderr());
    }

    pub fn call(&mut self, command: Command) -> Reply {
        let reply = self.client().call(command);
        reply.unwrap_or_else(|error| {
            let ended = self.child.try_wait();
            panic!("{}: {ended:?}\nconsole: {}\n{}", explain(&error), self.seen, self.stderr())
        })
    }

    /// Waits until the console shows `text`, and gives what follows it on its line.
    pub fn expect(&mut self, text: &str) -> String {
        let mut client = self.client();
        loop {
            if let Some((_, after)) = self.seen.split_once(text)
                && let Some((line, rest)) = after.split_once('\n')
            {
                let line = line.trim().to_owned();
                self.seen = rest.to_owned();
                return line;
            }
            if text == "\nOK "
                && let Some((_, error)) = self.seen.split_once("\nERR ")
            {
                panic!("the guest says: {error}");
            }
            let read = ConsoleRead { offset: Some(self.read_to), max: 65_536, wait: true };
            match client.call(Command::ConsoleRead(read)) {
                Ok(Reply::Console(chunk)) => {
                    self.read_to = chunk.offset + chunk.data.len() as u64;
                    self.seen.push_str(&String::from_utf8_lossy(&chunk.data));
                }
                other => panic!("waiting for {text:?}: {other:?}\nconsole: {}\n{}", self.seen, self.stderr()),
            }
        }
    }

    /// Waits for the guest's program.
    pub fn ready(&mut self) {
        self.expect("READY ");
    }

    pub fn type_in(&mut self, line: &str) {
        let data = format!("{line}\n").into_bytes();
        assert_eq!(
            self.call(Command::ConsoleWrite(ConsoleWrite { data: data.clone() })),
            Reply::Written(data.len() as u64)
        );
    }

    /// Has the guest's program carry out a line and gives its answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.type_in(line);
        self.expect("\nOK ")
    }

    /// Waits until the guest's program has answered, well or not, or the machine has ended; nothing if neither comes.
    pub fn answer_or_end(&mut self, patience: Duration) -> Option<Result<String, ExitReason>> {
        loop {
            for mark in ["\nOK ", "\nERR "] {
                if let Some((_, after)) = self.seen.split_once(mark)
                    && let Some((line, rest)) = after.split_once('\n')
                {
                    let line = line.trim().to_owned();
                    self.seen = rest.to_owned();
                    return Some(Ok(if mark == "\nOK " { line } else { format!("ERR {line}") }));
                }
            }
            let read = ConsoleRead { offset: Some(self.read_to), max: 65_536, wait: true };
            let path = self.dir.path().join(rundir::CONTROL_SOCKET);
            let asked = Client::connect(&path).and_then(|mut client| {
                client.set_timeout(Some(patience))?;
                client.call(Command::ConsoleRead(read))
            });
            match asked {
                Ok(Reply::Console(chunk)) => {
                    self.read_to = chunk.offset + chunk.data.len() as u64;
                    self.seen.push_str(&String::from_utf8_lossy(&chunk.data));
                }
                Ok(other) => panic!("{other:?}"),
                Err(ClientError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(Err(self.exit())),
            }
        }
    }

    /// Waits for the end of the process and gives its reason.
    pub fn exit(&mut self) -> ExitReason {
        self.record().reason
    }

    pub fn record(&mut self) -> ExitRecord {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < LIMIT, "the VMM does not end; console: {}", self.seen);
            std::thread::sleep(Duration::from_millis(2));
        }
        let record = read(self.dir.path().join(rundir::EXIT));
        let record = record.unwrap_or_else(|error| panic!("no exit record: {error}\n{}", self.stderr()));
        serde_json::from_slice(&record).expect("the exit record can be read")
    }

    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of a descriptor, as a source of the specification.
pub fn inherited(descriptor: &OwnedFd) -> Source {
    Source::Fd(descriptor.as_raw_fd())
}
