//! Firecracker's API, as far as it is needed: a request with a JSON body, an answer without one.

use crate::error::{BenchError, Result};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sends a request and takes the answer, which must be a success. Waits for the socket.
pub fn request(socket: &Path, method: &str, path: &str, body: &Value) -> Result<()> {
    let mut stream = connect(socket)?;
    stream.set_read_timeout(Some(super::LIMIT)).map_err(BenchError::io("set a time limit"))?;
    let body = body.to_string();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).map_err(BenchError::io("write to Firecracker's API"))?;
    let mut answer = [0; 4096];
    let count = stream.read(&mut answer).map_err(BenchError::io("read from Firecracker's API"))?;
    let answer = String::from_utf8_lossy(&answer[..count]);
    match answer.strip_prefix("HTTP/1.1 2") {
        Some(_) => Ok(()),
        None => {
            let why = answer.rsplit("\r\n").next().unwrap_or_default();
            Err(BenchError::Machine(format!("Firecracker refuses {path}: {why}")))
        }
    }
}

fn connect(socket: &Path) -> Result<UnixStream> {
    let began = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(_) if began.elapsed() < super::LIMIT => std::thread::sleep(Duration::from_micros(200)),
            Err(error) => return Err(BenchError::io("connect to Firecracker's API")(error)),
        }
    }
}
