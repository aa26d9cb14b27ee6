//! The serial console. The fake machine greets and echoes what is typed.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use cumulet_ports::vm_host::VmEnd;
use cumulet_vmm_protocol::ExitReason;

use crate::bench::Bench;

const GREETING: &str = "hello from the fake machine\n";

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_printed_and_that_is_all() {
    let bench = bench().await;
    assert_eq!(bench.ok(&["console", "web", "--log"]).await, GREETING);
    assert_eq!(bench.json(&["console", "web", "--log"]).await["output"], GREETING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_typed_in_and_the_output_goes_on() {
    let bench = bench().await;
    let mut command = bench.command(&["console", "web"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"uptime\n").await.unwrap();
    drop(stdin);
    let expected = format!("{GREETING}uptime\n");
    let mut seen = vec![0; expected.len()];
    child.stdout.take().unwrap().read_exact(&mut seen).await.unwrap();
    assert_eq!(String::from_utf8(seen).unwrap(), expected);
    assert!(child.try_wait().unwrap().is_none(), "the end of the input does not end the console");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_started_anew_is_followed_and_one_that_stops_is_left() {
    let bench = bench().await;
    let mut command = bench.command(&["console", "web", "--watch"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = vec![0; GREETING.len()];
    stdout.read_exact(&mut seen).await.unwrap();
    let id = bench.test.cloud.instances().await.unwrap()[0].id.clone();
    bench.test.cloud.console_write(&id, b"what the first machine said\n").await.unwrap();
    let mut seen = vec![0; "what the first machine said\n".len()];
    stdout.read_exact(&mut seen).await.unwrap();

    bench.test.vms.end(&id, VmEnd::Recorded(ExitReason::GuestReset));
    let mut seen = vec![0; GREETING.len()];
    stdout.read_exact(&mut seen).await.unwrap();
    assert_eq!(String::from_utf8(seen).unwrap(), GREETING, "the next machine, from its beginning");

    bench.ok(&["stop", "web"]).await;
    assert!(child.wait().await.unwrap().success(), "there is nothing more to follow");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_every_key_goes_to_the_guest_but_the_one_that_leaves() {
    let bench = bench().await;
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let mut command = bench.command(&["console", "web"]);
    let mut child =
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap()).spawn().unwrap();
    drop((terminal, command));

    let mut controller = File::from(controller);
    let typing = tokio::task::spawn_blocking(move || {
        let mut seen = Vec::new();
        read_until(&mut controller, &mut seen, GREETING.trim());
        // Ctrl-C would end a command whose terminal is not raw.
        controller.write_all(b"abc\x03def").unwrap();
        read_until(&mut controller, &mut seen, "abc\x03def");
        controller.write_all(b"\x1d").unwrap();
        controller
    });
    let controller = typing.await.unwrap();
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{status}");
    let (data, _) = console_of(&bench).await;
    assert!(data.ends_with("abc\x03def"), "{data:?}: the key that leaves is not the guest's");
    drop(controller);
}

fn read_until(from: &mut File, seen: &mut Vec<u8>, text: &str) {
    while !String::from_utf8_lossy(seen).contains(text) {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}

async fn console_of(bench: &Bench) -> (String, u64) {
    let id = bench.test.cloud.instances().await.unwrap()[0].id.clone();
    let piece = bench.test.cloud.console_read(&id, None, false).await.unwrap();
    (String::from_utf8(piece.data).unwrap(), piece.next)
}
