//! The command `cumulet-agent`: listens until it is ended.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cumulet_agent::listen;
use cumulet_agent_protocol::PORT;

const USAGE: &str = "\
usage: cumulet-agent [--port PORT]

Does for the host of this virtual machine what it asks for over virtio-vsock: runs programs, moves files, forwards
ports, and makes a fork another machine. The default port is 1024.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let port = match words.as_slice() {
        [] => Some(PORT),
        ["--port", port] => port.parse().ok(),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["--version"] => {
            println!("cumulet-agent {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Err(error) = listen::forever(port);
    eprintln!("cumulet-agent: can't listen on vsock port {port}: {error}");
    ExitCode::FAILURE
}
