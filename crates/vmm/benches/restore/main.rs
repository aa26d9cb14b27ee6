//! Times of saving, restoring and forking a machine with 1 vCPU and 128 MiB: medians of 20, `BENCH_TIMES` for another
//! count. A restored machine's time is from the start of its process to the first line its guest writes, which answers
//! a line that was typed.
//!
//! `CUMULET_TEST_KERNEL=vmlinux cargo bench -p cumulet-vmm --bench restore`

#[path = "../support/mod.rs"]
mod support;

use cumulet_vmm_protocol::{Client, Command, Reply, Snapshot, SnapshotInfo, Source, WorkingSet};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Running, initrd, report};
use tempfile::TempDir;

fn main() {
    let Ok(kernel) = std::env::var("CUMULET_TEST_KERNEL") else {
        return println!("SKIPPED restore benchmark: CUMULET_TEST_KERNEL does not name a kernel");
    };
    let times = std::env::var("BENCH_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let dir = TempDir::new().expect("a folder for the run");
    let bench = Bench { kernel, initrd: initrd(dir.path(), "restore/guest.rs"), dir: dir.path().to_owned() };
    let mut source = bench.boot();
    let mut client = Client::connect(&bench.dir.join("source/control.sock")).expect("the VMM answers");
    let mut forks = Vec::new();
    let (mut to_memory, mut to_files) = (Vec::new(), Vec::new());
    for _ in 0..times {
        client.call(Command::Pause).expect("it pauses");
        let (reply, files) = client.call_with(Command::ForkBase, &[]).expect("it is forked");
        to_memory.push(took(&reply));
        forks = files;
        let files = bench.files();
        to_files.push(took(&bench.save(&mut client, &files)));
        client.call(Command::Resume).expect("it goes on");
    }
    source.wait_for_answer();
    report("save to memory (machine paused)", to_memory);
    report("save to files (machine paused)", to_files);
    let state = bench.dir.join("state");
    let memory = bench.dir.join("memory");
    let files = [OwnedFd::from(File::open(&state).unwrap()), OwnedFd::from(File::open(&memory).unwrap())];
    for (name, base) in [("fork", &forks[..]), ("restore from files", &files[..])] {
        let set = bench.working_set(base);
        let (mut plain, mut fetched) = (Vec::new(), Vec::new());
        for _ in 0..times {
            plain.push(bench.restore(base, None, |_| ()));
            fetched.push(bench.restore(base, Some(&set), |_| ()));
        }
        report(name, plain);
        report(&format!("{name}, pages fetched ahead"), fetched);
    }
    let mut private = 0;
    bench.restore(&forks, None, |child| private = private_kib(child));
    println!("memory of a fork that answered once: {:.1} MiB of its own", private as f64 / 1024.0);
    source.0.end();
}

fn took(reply: &Reply) -> Duration {
    let Reply::Snapshot(SnapshotInfo { took_us, .. }) = reply else { panic!("{reply:?}") };
    Duration::from_micros(*took_us)
}

struct Original(Running, File);

impl Original {
    fn wait_for_answer(&mut self) {
        writeln!(self.1, "go on").expect("its input is a pipe");
        self.0.wait_for("GUEST-ANSWER");
    }
}

struct Bench {
    kernel: String,
    initrd: PathBuf,
    dir: PathBuf,
}

impl Bench {
    fn boot(&self) -> Original {
        let spec = serde_json::json!({
            "version": 1, "instance_id": "i-bench", "launch_id": "bench", "vcpus": 1, "memory_mib": 128,
            "kernel": {"path": self.kernel}, "initrd": {"path": self.initrd},
            "cmdline": "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests",
        });
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut running = self.start("source", &spec, Stdio::from(OwnedFd::from(reader)));
        running.wait_for("GUEST-INIT");
        Original(running, File::from(OwnedFd::from(writer)))
    }

    fn start(&self, name: &str, spec: &serde_json::Value, input: Stdio) -> Running {
        let dir = self.dir.join(name);
        let _ = std::fs::create_dir(&dir);
        std::fs::write(dir.join("spec.json"), spec.to_string()).expect("the specification is written");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cumulet-vmm"));
        command.arg("--spec").arg(dir.join("spec.json")).arg("--run-dir").arg(&dir).arg("--stdio");
        Running::start(&mut command, input)
    }

    fn files(&self) -> [OwnedFd; 2] {
        ["state", "memory"].map(|name| File::create(self.dir.join(name)).expect("a file is made").into())
    }

    fn save(&self, client: &mut Client, files: &[OwnedFd; 2]) -> Reply {
        let command =
            Command::Snapshot(Snapshot { state: Source::Fd(0), memory: Source::Fd(1), pagemap: None });
        client.call_with(command, &[files[0].as_fd(), files[1].as_fd()]).expect("it is saved").0
    }

    /// Time to the first answer of a machine restored from `base`; then `look` at its process.
    fn restore(&self, base: &[OwnedFd], prefetch: Option<&Path>, look: impl FnOnce(&Running)) -> Duration {
        for descriptor in base {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).expect("it is passed on");
        }
        let spec = serde_json::json!({
            "version": 1, "instance_id": "i-fork", "launch_id": "bench", "vcpus": 1, "memory_mib": 128,
            "restore": {
                "state": {"fd": base[0].as_raw_fd()}, "memory": {"fd": base[1].as_raw_fd()},
                "prefetch": prefetch.map(|path| serde_json::json!({"path": path})),
            },
        });
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writeln!(writer, "hello").expect("a pipe takes a line");
        let began = Instant::now();
        let mut running = self.start("fork", &spec, Stdio::from(OwnedFd::from(reader)));
        running.wait_for("GUEST-ANSWER");
        let time = began.elapsed();
        look(&running);
        running.end();
        time
    }

    /// What a restored machine touches until its first answer.
    fn working_set(&self, base: &[OwnedFd]) -> PathBuf {
        let path = self.dir.join("working-set");
        let _ = std::fs::remove_file(&path);
        self.restore(base, None, |_| {
            let mut client = Client::connect(&self.dir.join("fork/control.sock")).expect("it answers");
            let file = File::create(&path).expect("a file is made");
            let command = Command::WorkingSet(WorkingSet { to: Source::Fd(0), pagemap: None });
            let (reply, _) = client.call_with(command, &[file.as_fd()]).expect("it lists its pages");
            println!("working set: {reply:?}");
        });
        path
    }
}

/// KiB that are no pages of any file.
fn private_kib(running: &Running) -> u64 {
    let text =
        std::fs::read_to_string(format!("/proc/{}/smaps_rollup", running.child.id())).expect("it lives");
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
    text.lines().filter(|line| line.starts_with("Anonymous:")).filter_map(kib).sum()
}
