//! Programs of the user: started, watched to their end, their output in the log and on the console.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::context::Context;
use crate::error::ActionError;

/// Writes a program below the instance's folder and runs it, in `/` and with `INSTANCE_ID` set.
pub fn run(context: &mut Context, folder: &str, name: &str, program: &[u8]) -> Result<(), ActionError> {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let place = format!("{folder}/{safe}");
    context.system.make_folder(folder, 0o700)?;
    context.system.write(&place, program, 0o700)?;
    let path = context.system.path(&place);
    context.log.say(&format!("running {safe}"));
    let log = open_log(context)?;
    let errors = log.try_clone().map_err(ActionError::io("open", context.log.path()))?;
    // The program writes to the file itself and not to a pipe of ours: what it leaves running in the background
    // can go on writing when we are gone.
    let mut child = Command::new(&path)
        .current_dir(context.system.root())
        .env("INSTANCE_ID", &context.report.instance_id)
        .env("CUMULET_ROOT", context.system.root())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(ActionError::io("start", &path))?;
    let status = watch(context, &mut child).map_err(ActionError::io("wait for", &path))?;
    if status.success() {
        return Ok(());
    }
    Err(ActionError::Failed {
        command: safe,
        status: status.to_string(),
        output: format!("its output is in {}", crate::log::LOG_FILE),
    })
}

fn open_log(context: &Context) -> Result<File, ActionError> {
    let path = context.log.path();
    OpenOptions::new().create(true).append(true).open(path).map_err(ActionError::io("open", path))
}

/// Copies to the console what comes into the log file, until the program ends.
fn watch(context: &Context, child: &mut Child) -> std::io::Result<ExitStatus> {
    let mut tail = File::open(context.log.path())?;
    tail.seek(SeekFrom::End(0))?;
    let mut pause = Duration::from_millis(1);
    loop {
        let ended = child.try_wait()?;
        copy_new(&mut tail);
        if let Some(status) = ended {
            return Ok(status);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn copy_new(tail: &mut File) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = tail.read(&mut buffer) {
        // A console that can't be written stops no program.
        _ = std::io::stdout().write_all(&buffer[..count]);
    }
}
