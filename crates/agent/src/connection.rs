//! One connection: its request, and who does it.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cumulet_agent_protocol::{AgentMessage, ClientMessage, Command, Failure, FailureCode, Request, VERSION};

use crate::wire::{Reader, WireError, Writer, split};
use crate::{System, exec, files, forward, hello, identity};

/// How many connections there may be at a time.
const MOST: usize = 128;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

static THERE: AtomicUsize = AtomicUsize::new(0);

/// A connection that is counted.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let before = THERE.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        (before < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        THERE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection to its end. A client that breaks off or talks nonsense is no event.
pub fn serve(stream: UnixStream) {
    let place = Place::take();
    if let Ok((reader, writer)) = split(stream) {
        _ = talk(reader, &writer, place.is_some());
    }
}

fn talk(mut reader: Reader, writer: &Writer, is_room: bool) -> Result<(), WireError> {
    reader.patience(Some(PATIENCE))?;
    let Some(frame) = reader.next()? else { return Ok(()) };
    reader.patience(None)?;
    let command = match frame.read_message() {
        Ok(ClientMessage::Request(request)) => check(request, is_room),
        Ok(_) => Err(Failure::new(FailureCode::Invalid, "the first message must be a request")),
        Err(error) => Err(Failure::new(FailureCode::Invalid, format!("the request can't be read: {error}"))),
    };
    let command = match command {
        Ok(command) => command,
        Err(failure) => {
            writer.fail(failure)?;
            reader.part();
            return Ok(());
        }
    };
    match command {
        Command::Hello => writer.say(&AgentMessage::Hello(hello::greeting(&System::real())))?,
        Command::Identity(identity) => {
            writer.say(&AgentMessage::Identity(identity::become_another(&System::real(), &identity)))?;
        }
        Command::Exec(exec) => return exec::serve(&exec, reader, writer),
        Command::Get(get) => files::get(&get, writer)?,
        Command::Put(put) => files::put(&put, &mut reader, writer)?,
        Command::Forward(to) => return forward::serve(to, reader, writer),
    }
    reader.part();
    Ok(())
}

/// The hello is answered in every version; for other commands the versions must be equal.
fn check(request: Request, is_room: bool) -> Result<Command, Failure> {
    if !is_room {
        return Err(Failure::new(FailureCode::Busy, format!("the agent serves {MOST} connections already")));
    }
    if request.version != VERSION && request.command != Command::Hello {
        let text = format!("the agent speaks version {VERSION} of the protocol, not {}", request.version);
        return Err(Failure::new(FailureCode::Version, text));
    }
    Ok(request.command)
}
