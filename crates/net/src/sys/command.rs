//! Programs run inside a namespace: `iptables-restore`, `ipset`.

use std::io::Write;
use std::process::{Command, Stdio};

use super::NetNs;
use crate::error::NetError;

const LONGEST_COMPLAINT: usize = 2000;

/// Runs a program in `ns` with `input` on its standard input and gives its standard output.
pub async fn run(ns: &NetNs, program: &str, args: &[&str], input: String) -> Result<String, NetError> {
    let program = program.to_owned();
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    ns.run(move || run_here(&program, &args, &input)).await.flatten()
}

/// Runs a program in the calling thread's namespace.
fn run_here(program: &str, args: &[String], input: &str) -> Result<String, NetError> {
    let shown = format!("{program} {}", args.join(" "));
    let failed = || format!("run {shown}");
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .env("PATH", search_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NetError::io(failed()))?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Written beside the reading, or both sides could wait on a full pipe. A tool that ends early says why itself.
        scope.spawn(move || stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes())));
        child.wait_with_output()
    })
    .map_err(NetError::io(failed()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(NetError::Tool {
        program: shown,
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().chars().take(LONGEST_COMPLAINT).collect(),
    })
}

/// The tools live in sbin, which an ordinary user's `PATH` (as sudo may keep it) can lack.
fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}
