//! `cumulet exec`, `cp` and `forward`. The fake machine's agent is the real one, on this machine.

use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, ended, text};

/// A bench with an instance `web` that has an agent; none where this user can't run programs for others.
async fn bench() -> Option<Bench> {
    if !rustix::process::getuid().is_root() {
        println!("SKIPPED: only root can run programs for others");
        return None;
    }
    let bench = Bench::new().await;
    bench.image("micro").await;
    bench.ok(&["run", "micro", "--name", "web"]).await;
    bench.test.vms.have_agents();
    Some(bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_has_the_streams_and_the_status_of_the_program() {
    let Some(bench) = bench().await else { return };
    let ran = bench.run(&["exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 42"]).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (42, "out\n", "err\n"));
    let ran = bench.run(&["exec", "web", "sh", "-c", "kill -9 $$"]).await;
    assert_eq!(ran.code, 137);
    let ran = bench.run(&["exec", "-e", "A=b", "-w", "/usr", "web", "--", "sh", "-c", "echo $A; pwd"]).await;
    assert_eq!(ran.stdout, "b\n/usr\n");
    let ran = bench.run(&["exec", "web", "--", "no-such-program"]).await;
    assert_eq!(ran.code, 127, "{ran:?}");
    assert!(ran.stderr.contains("no-such-program"), "{ran:?}");
    let ran = bench.run(&["exec", "web", "--", "/etc/passwd"]).await;
    assert_eq!(ran.code, 126, "{ran:?}");
    let ran = bench.run(&["exec", "nobody", "--", "true"]).await;
    assert_eq!(ran.code, 125, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_without_an_agent_says_what_is_missing() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    let ran = bench.run(&["exec", "web", "--", "true"]).await;
    assert_eq!(ran.code, 125, "{ran:?}");
    assert!(ran.stderr.contains("cumulet-agent"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_passes_input_on_whatever_its_size() {
    let Some(bench) = bench().await else { return };
    let mut command = bench.command(&["exec", "-i", "web", "--", "wc", "-c"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![b'x'; 3_000_000]).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "3000000");
    // Over TCP, with the token.
    let mut command = bench.command(&["exec", "web", "--", "head", "-c", "3000000", "/dev/zero"]);
    command.env("CUMULET_URL", &bench.url).env("CUMULET_TOKEN", crate::bench::TOKEN);
    assert_eq!(ended(command).await.stdout.len(), 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_the_command_is_one_to_the_program() {
    let Some(bench) = bench().await else { return };
    let script = "trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = bench.command(&["exec", "web", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("told"));
    assert_eq!(child.wait().await.unwrap().code(), Some(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_the_program() {
    let Some(bench) = bench().await else { return };
    let mut command = bench.command(&["exec", "web", "--", "yes"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = [0; 4];
    stdout.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"y\ny\n");
    drop(stdout);
    assert!(!child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_passed_through() {
    let Some(bench) = bench().await else { return };
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let size = rustix::termios::Winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&controller, size).unwrap();
    let mut command =
        bench.command(&["exec", "-it", "web", "--", "sh", "-c", "stty size; echo ready; exec cat"]);
    let mut child =
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap()).spawn().unwrap();
    drop((terminal, command));
    let mut controller = File::from(controller);
    let typing = tokio::task::spawn_blocking(move || {
        let mut seen = Vec::new();
        read_until(&mut controller, &mut seen, "ready");
        assert!(String::from_utf8_lossy(&seen).contains("33 101"), "{seen:?}");
        controller.write_all(b"hello\n").unwrap();
        // Once by the terminal there, which echoes, and once by the program.
        read_until(&mut controller, &mut seen, "hello\r\nhello");
        // It interrupts the program there, and not this command.
        controller.write_all(b"\x03").unwrap();
        controller
    });
    let controller = typing.await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    drop(controller);
}

fn read_until(from: &mut File, seen: &mut Vec<u8>, text: &str) {
    while !String::from_utf8_lossy(seen).contains(text) {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cp_carries_files_and_directories_both_ways() {
    let Some(bench) = bench().await else { return };
    let big: Vec<u8> = (0..5_000_000_u32).map(|n| (n / 7) as u8).collect();
    fs::create_dir_all(bench.path("from/sub")).unwrap();
    fs::create_dir(bench.path("guest")).unwrap();
    fs::write(bench.path("from/big"), &big).unwrap();
    fs::write(bench.path("from/sub/small"), "small").unwrap();
    std::os::unix::fs::symlink("sub/small", bench.path("from/link")).unwrap();
    // The guest is this machine, so its paths are ours.
    let guest = format!("web:{}", text(&bench.path("guest")));
    let copied = bench.json(&["cp", "from", &guest]).await;
    assert_eq!((&copied["entries"], &copied["bytes"]), (&5.into(), &5_000_005.into()));
    assert_eq!(fs::read(bench.path("guest/from/big")).unwrap(), big);
    bench.ok(&["cp", &format!("{guest}/from"), "back"]).await;
    assert_eq!(fs::read(bench.path("back/big")).unwrap(), big);
    assert_eq!(fs::read_link(bench.path("back/link")).unwrap().to_str(), Some("sub/small"));
    assert_eq!(fs::read_to_string(bench.path("back/link")).unwrap(), "small");

    bench.ok(&["cp", "--owner", "1:1", "from/sub/small", &format!("{guest}/owned")]).await;
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(bench.path("guest/owned")).unwrap());
    assert_eq!(owner, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cp_says_what_can_not_be() {
    let Some(bench) = bench().await else { return };
    for (args, code, word) in [
        (["cp", "a", "b"], 2, "web:/root/file"),
        (["cp", "web:/a", "web:/b"], 2, "here"),
        (["cp", "web:a", "."], 2, "begins with /"),
        (["cp", "missing", "web:/tmp/"], 1, "missing"),
        (["cp", "web:/no/such/file", "."], 4, "/no/such/file"),
        (["cp", "/etc/passwd", "web:/no/such/directory/x"], 4, "/no/such/directory"),
        (["cp", "/etc/passwd", "web:/proc/x"], 1, "/proc/x"),
        (["cp", "web:/etc/passwd", "/no/such/directory/x"], 1, "/no/such/directory"),
    ] {
        let ran = bench.run(&args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(word), "{args:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_carries_connections_and_outlives_those_that_fail() {
    let Some(bench) = bench().await else { return };
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let mut command = bench.command(&["forward", "web", &format!("0:{port}")]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let local = line.strip_prefix("Forwarding ").unwrap().split(' ').next().unwrap().to_owned();
    for _ in 0..2 {
        let mut client = TcpStream::connect(&local).await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = String::new();
        served.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "question");
        served.write_all(b"answer").await.unwrap();
        drop(served);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    }
    drop(server);
    let mut client = TcpStream::connect(&local).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.contains(&port.to_string()), "{line}");
    assert!(child.try_wait().unwrap().is_none());
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_can_be_standard_input_and_output() {
    let Some(bench) = bench().await else { return };
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let mut command = bench.command(&["forward", "web", &format!("-:{port}")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut served, _) = server.accept().await.unwrap();
    served.write_all(b"greeting").await.unwrap();
    child.stdin.take().unwrap().write_all(b"bye").await.unwrap();
    let mut heard = String::new();
    served.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "bye");
    drop(served);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"greeting");
}
