//! What the benchmarks share: a guest's RAM disk made of one program, a child process that is waited for by what it
//! writes, and medians.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A started program and its output.
pub struct Running {
    pub child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command, input: Stdio) -> Self {
        let mut child = command.stdin(input).stdout(Stdio::piped()).spawn().expect("the VMM starts");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Self { child, output }
    }

    /// Waits until it writes a line with `marker`.
    pub fn wait_for(&mut self, marker: &str) {
        let mut line = Vec::new();
        while !String::from_utf8_lossy(&line).contains(marker) {
            line.clear();
            let count = self.output.read_until(b'\n', &mut line).expect("its output can be read");
            assert!(count > 0, "it ended without a guest");
        }
    }

    /// Ends it.
    pub fn end(mut self) {
        self.child.kill().expect("the VMM can be killed");
        self.child.wait().expect("the VMM ends");
    }
}

/// Prints the median and what lies around it.
pub fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{name}: median {:.1} ms, least {:.1} ms, 90% below {:.1} ms ({} times)",
        at(50),
        at(0),
        at(90),
        times.len()
    );
}

/// An archive whose only program is `source`, a file in `benches`.
pub fn initrd(dir: &Path, source: &str) -> PathBuf {
    let program = dir.join("init");
    let status = Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "link-arg=-nostdlib",
            "-C",
            "link-arg=-static",
        ])
        .args(["-C", "relocation-model=static", "-C", "strip=symbols", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(source))
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the guest's program compiles");
    let data = std::fs::read(&program).expect("the program was compiled");
    let mut archive = Vec::new();
    let mut entry = |name: &str, mode: u32, device: (u32, u32), data: &[u8]| {
        let fields =
            [1, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, device.0, device.1, name.len() as u32 + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    };
    entry("dev", 0o040_755, (0, 0), b"");
    entry("dev/console", 0o020_600, (5, 1), b"");
    entry("init", 0o100_755, (0, 0), &data);
    entry("TRAILER!!!", 0, (0, 0), b"");
    let path = dir.join("initrd.cpio");
    std::fs::write(&path, archive).expect("the archive is written");
    path
}
