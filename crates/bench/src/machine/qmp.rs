//! QEMU's monitor (docs/interop/qmp-spec.rst): a JSON object a line.

use crate::error::{BenchError, Result};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection.
pub struct Qmp {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects and agrees on what there is.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).map_err(BenchError::io("connect to QEMU's monitor"))?;
        stream.set_read_timeout(Some(super::LIMIT)).map_err(BenchError::io("set a time limit"))?;
        let lines = BufReader::new(stream.try_clone().map_err(BenchError::io("duplicate a socket"))?);
        let mut monitor = Self { stream, lines };
        monitor.read()?;
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Has it do something, and gives what it returns.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = json!({"execute": command, "arguments": arguments}).to_string() + "\n";
        self.stream.write_all(line.as_bytes()).map_err(BenchError::io("write to QEMU's monitor"))?;
        loop {
            let mut answer = self.read()?;
            if let Some(error) = answer.get("error") {
                return Err(BenchError::Machine(format!("QEMU can't {command}: {}", error["desc"])));
            }
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
            // What else comes are events.
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line).map_err(BenchError::io("read from QEMU's monitor"))?;
        if count == 0 {
            return Err(BenchError::Machine("QEMU closed its monitor".to_owned()));
        }
        serde_json::from_str(&line).map_err(|error| BenchError::Machine(format!("QEMU's monitor: {error}")))
    }
}
