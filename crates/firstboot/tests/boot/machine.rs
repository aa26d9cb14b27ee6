//! A machine that is a folder, and its metadata service.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cumulet_firstboot::report::Report;
use cumulet_imds::fixtures::{self, Fixed};
use cumulet_imds::{IdentityKey, InstanceMetadata, MetadataService, TokenKey};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Tools that only write down how they were called.
const QUIET_TOOLS: [&str; 8] =
    ["groupadd", "usermod", "passwd", "chpasswd", "apt-get", "shutdown", "systemctl", "systemd-growfs"];

/// Held while tools are written and while a process starts: a process that is forked in between would hold a tool open
/// for writing for a moment, and the kernel doesn't run such a file.
static NO_FORK: Mutex<()> = Mutex::new(());

pub struct Machine {
    folder: TempDir,
    pub source: Fixed,
    url: String,
    stop: CancellationToken,
    runtime: Option<Runtime>,
}

fn identity() -> IdentityKey {
    static KEY: OnceLock<IdentityKey> = OnceLock::new();
    KEY.get_or_init(|| IdentityKey::generate().unwrap()).clone()
}

impl Machine {
    /// A fresh image, and a service that demands tokens. The default user is there, with the test's own user id.
    pub fn new() -> Self {
        let source = Fixed::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clock = Arc::new(jiff::Timestamp::now);
        let service =
            MetadataService::new(Arc::new(source.clone()), TokenKey::new([1; 32]), identity(), clock);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        runtime.spawn(async move { service.serve(listener, fixtures::vpc_id(), stopped).await.unwrap() });
        let machine =
            Self { folder: tempfile::tempdir().unwrap(), source, url, stop, runtime: Some(runtime) };
        machine.become_instance(0, |_| {});
        machine.install();
        machine
    }

    fn install(&self) {
        let _guard = NO_FORK.lock().unwrap_or_else(PoisonError::into_inner);
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let passwd = format!(
            "root:x:{uid}:{gid}:root:/root:/bin/sh\ndebian:x:{uid}:{gid}:Debian:/home/debian:/bin/sh\n"
        );
        self.write("etc/passwd", &passwd);
        self.write("etc/group", &format!("root:x:{gid}:\nadm:x:{gid}:\n"));
        self.write("etc/hosts", "127.0.0.1 localhost\n");
        self.write("proc/sys/kernel/random/boot_id", "boot-1\n");
        let note = "echo \"$(basename \"$0\") $*\" >> \"$CUMULET_ROOT/calls\"\n";
        for tool in QUIET_TOOLS {
            self.tool(tool, &format!("{note}cat >> \"$CUMULET_ROOT/input-{tool}\"\n"));
        }
        self.tool("useradd", &format!("{note}for name; do :; done\necho \"$name:x:{uid}:{gid}::/home/$name:/bin/sh\" >> \"$CUMULET_ROOT/etc/passwd\"\n"));
        // `-f FILE` comes last.
        self.tool("ssh-keygen", &format!("{note}for file; do :; done\nmkdir -p \"$(dirname \"$file\")\"\n\
            head -c 16 /dev/urandom | od -An -tx1 > \"$file\"\necho \"public of $(cat \"$file\")\" > \"$file.pub\"\n"));
    }

    /// Makes the machine this instance from now on.
    pub fn become_instance(&self, number: u8, change: impl FnOnce(&mut InstanceMetadata)) {
        let mut facts = fixtures::instance(number);
        facts.instance.metadata_options.tokens_required = true;
        facts.user_data = None;
        change(&mut facts);
        self.source.put([127, 0, 0, 1], facts);
    }

    pub fn user_data(&self, text: impl AsRef<[u8]>) {
        self.become_instance(0, |facts| facts.user_data = Some(text.as_ref().to_vec()));
    }

    /// Another boot: the kernel's boot id changes.
    pub fn reboot(&self) {
        let number = self.read("proc/sys/kernel/random/boot_id").len();
        self.write("proc/sys/kernel/random/boot_id", &"x".repeat(number + 1));
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cumulet-firstboot"));
        command.arg("--root").arg(self.folder.path()).args(["--metadata-url", &self.url, "--wait", "60"]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = {
            let _guard = NO_FORK.lock().unwrap_or_else(PoisonError::into_inner);
            command.spawn().unwrap()
        };
        child.wait_with_output().unwrap()
    }

    /// Runs a phase that must succeed and gives the report.
    pub fn phase(&self, name: &str) -> Report {
        let output = self.run(&[name]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        self.report()
    }

    pub fn report(&self) -> Report {
        serde_json::from_str(&self.read("var/lib/cumulet/firstboot/result.json")).unwrap()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }

    /// How tools were called, so far.
    pub fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    fn tool(&self, name: &str, body: &str) {
        let path = format!("usr/bin/{name}");
        self.write(&path, &format!("#!/bin/sh\n{body}"));
        fs::set_permissions(self.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}
