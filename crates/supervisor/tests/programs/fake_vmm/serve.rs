//! The fake's control socket: a thread per connection, answers as the part says.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use cumulet_vmm_protocol::frame::{Decoder, encode};
use cumulet_vmm_protocol::rundir::CONTROL_SOCKET;
use cumulet_vmm_protocol::{
    Command, ConsoleChunk, ConsoleRead, ExitReason, Metrics, Phase, Reply, Request, Response, Status,
};

use crate::{Part, Vmm, sleep_forever};

/// What the machine has said.
pub const CONSOLE: &[u8] = b"a fake machine's console\n";

/// SIGTERM does nothing from now on.
pub fn ignore_sigterm() {
    #[expect(unsafe_code, reason = "std has no way to ignore a signal")]
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
    }
}

/// Answers until the end.
pub fn serve(listener: UnixListener, vmm: Vmm) -> ! {
    let vmm = Arc::new(vmm);
    let patience = vmm.clone();
    std::thread::spawn(move || {
        let _vmm = patience;
        sleep_forever()
    });
    for stream in listener.incoming() {
        let vmm = Arc::clone(&vmm);
        std::thread::spawn(move || converse(stream.unwrap(), &vmm));
    }
    unreachable!("a listener listens for ever")
}

fn converse(mut stream: UnixStream, vmm: &Vmm) {
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    loop {
        while let Some(request) = decoder.next_frame::<Request>().unwrap() {
            if vmm.part == Part::Floods {
                while stream.write_all(&[b'x'; 65536]).is_ok() {}
                return;
            }
            let Some(reply) = answer(&request.command, vmm) else { continue };
            let response = Response { id: request.id, fds: 0, result: Ok(reply) };
            let _ = stream.write_all(&encode(&response).unwrap());
            after(&request.command, vmm);
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => decoder.feed(&buffer[..count]),
        }
    }
}

/// `None` is no answer.
fn answer(command: &Command, vmm: &Vmm) -> Option<Reply> {
    let first = matches!(command, Command::Hello | Command::Status);
    if vmm.part == Part::GoesMute && !first {
        return None;
    }
    if vmm.part == Part::AnswersBesides && !first {
        let chunk = ConsoleChunk { offset: u64::MAX, end: 0, data: vec![0; 9000] };
        return Some(Reply::Console(chunk));
    }
    Some(match command {
        Command::Hello => {
            let mut hello = vmm.identity.clone();
            if vmm.part == Part::LiesAboutItself {
                hello.launch_id = "launch-00000000000000000".into();
            }
            Reply::Hello(hello)
        }
        Command::Status | Command::Pause | Command::Resume => Reply::Status(status(vmm)),
        Command::WaitStatus(_) => return None,
        Command::PowerButton | Command::Kill => Reply::Done,
        Command::ConsoleRead(read) => return console(read),
        Command::ConsoleWrite(write) => Reply::Written(write.data.len() as u64),
        Command::Metrics => Reply::Metrics(Box::new(Metrics { uptime_us: 42, ..Metrics::default() })),
        _ => Reply::Done,
    })
}

fn status(vmm: &Vmm) -> Status {
    let phase = if vmm.part == Part::StaysStarting { Phase::Starting } else { Phase::Running };
    Status { generation: 1, phase, power_button_presses: 0, driver_seen: true }
}

/// The whole console is there from the start, so whoever waits for more waits in vain.
fn console(read: &ConsoleRead) -> Option<Reply> {
    let end = CONSOLE.len();
    let from = read.offset.map_or(end.saturating_sub(read.max as usize), |offset| (offset as usize).min(end));
    if read.wait && from == end {
        return None;
    }
    let data = CONSOLE[from..end.min(from + read.max as usize)].to_vec();
    Some(Reply::Console(ConsoleChunk { offset: from as u64, end: end as u64, data }))
}

fn after(command: &Command, vmm: &Vmm) {
    match command {
        Command::PowerButton if vmm.part == Part::LosesItsSocket => {
            fs::remove_file(vmm.dir.join(CONTROL_SOCKET)).unwrap();
        }
        Command::PowerButton => vmm.end(ExitReason::GuestPoweroff { after_power_button: true }),
        Command::Kill if vmm.part != Part::WillNotDie => vmm.end(ExitReason::Killed),
        _ => {}
    }
}
