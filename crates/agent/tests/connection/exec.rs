//! Programs.

use std::time::{Duration, Instant};

use cumulet_agent_protocol::{
    AgentMessage, ClientMessage, Command, Exec, Exit, FailureCode, STDIN_WINDOW, Signal, TerminalSize,
};

use crate::client::{Client, shell};

/// Programs run as root unless told, which only root can do.
fn is_root() -> bool {
    let is = rustix::process::getuid().is_root();
    if !is {
        println!("SKIPPED: only root can run programs for others");
    }
    is
}

fn ended(message: &AgentMessage) -> Exit {
    match message {
        AgentMessage::Exited(exit) => *exit,
        other => panic!("{other:?}"),
    }
}

fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn output_errors_and_status_come_apart() {
    if !is_root() {
        return;
    }
    let (output, errors, end) = Client::exec(shell("echo out; echo err >&2; exit 7")).collect();
    assert_eq!((output.as_slice(), errors.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(ended(&end), Exit::Status(7));
    let (_, _, end) = Client::exec(shell("kill -9 $$")).collect();
    assert_eq!(ended(&end), Exit::Signal(9));
}

#[test]
fn a_lot_of_output_comes_whole() {
    if !is_root() {
        return;
    }
    let (output, _, end) = Client::exec(shell("head -c 20000000 /dev/zero")).collect();
    assert_eq!((output.len(), ended(&end)), (20_000_000, Exit::Status(0)));
}

#[test]
fn input_goes_in_as_there_is_room_and_ends() {
    if !is_root() {
        return;
    }
    let mut client = Client::exec(Exec { stdin: true, ..shell("sleep 0.2; wc -c") });
    // As much as there is room for at first, and the rest as more is told.
    client.send(&vec![b'x'; STDIN_WINDOW]);
    let mut room = 0;
    while room < STDIN_WINDOW {
        let frame = client.next().unwrap();
        if let AgentMessage::Room(more) = frame.read_message().unwrap() {
            room += more.bytes as usize;
        }
    }
    client.send(b"yyy");
    client.say(&ClientMessage::End);
    let (output, _, end) = client.collect();
    assert_eq!(String::from_utf8(output).unwrap().trim(), (STDIN_WINDOW + 3).to_string());
    assert_eq!(ended(&end), Exit::Status(0));
    let (output, _, _) = Client::exec(shell("cat; echo end")).collect();
    assert_eq!(output, b"end\n", "without input it is at its end from the start");
}

#[test]
fn who_sends_more_than_there_is_room_for_is_cut_off() {
    if !is_root() {
        return;
    }
    let mut client = Client::exec(Exec { stdin: true, ..shell("exec sleep 60") });
    client.send(&vec![0; STDIN_WINDOW + 200_000]);
    let (_, _, end) = client.collect();
    assert_eq!(ended(&end), Exit::Signal(1));
}

#[test]
fn a_signal_arrives_also_where_input_is_stuck() {
    if !is_root() {
        return;
    }
    let mut client = Client::exec(Exec { stdin: true, ..shell("exec sleep 60") });
    client.send(&vec![0; STDIN_WINDOW]);
    client.say(&ClientMessage::Signal(Signal { number: 15 }));
    let (_, _, end) = client.collect();
    assert_eq!(ended(&end), Exit::Signal(15));
}

#[test]
fn what_runs_on_in_the_background_is_not_waited_for_and_lives() {
    if !is_root() {
        return;
    }
    let begun = Instant::now();
    let (output, _, end) = Client::exec(shell("sleep 300 & echo $!")).collect();
    assert_eq!(ended(&end), Exit::Status(0));
    assert!(begun.elapsed() < Duration::from_secs(200));
    let pid = String::from_utf8(output).unwrap();
    assert!(alive(&pid));
    std::process::Command::new("kill").arg(pid.trim()).status().unwrap();
}

#[test]
fn the_session_of_a_client_that_has_gone_ends() {
    if !is_root() {
        return;
    }
    let mut client = Client::exec(shell("trap '' HUP; sleep 300 & echo $$; echo $!; wait; sleep 300"));
    let mut seen = String::new();
    while seen.lines().count() < 2 {
        seen += std::str::from_utf8(&client.next().unwrap().payload).unwrap();
    }
    let pids: Vec<_> = seen.lines().map(str::to_owned).collect();
    assert!(pids.iter().all(|pid| alive(pid)));
    drop(client);
    let begun = Instant::now();
    while pids.iter().any(|pid| alive(pid)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{pids:?} live on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_terminal_is_one_and_has_a_size() {
    if !is_root() {
        return;
    }
    let exec = shell("test -t 0 && test -t 1 && stty size; read line; stty size; echo got $line");
    let mut client = Client::exec(Exec { terminal: Some(TerminalSize { columns: 91, rows: 17 }), ..exec });
    let mut seen = String::new();
    while !seen.contains("17 91") {
        seen += std::str::from_utf8(&client.next().unwrap().payload).unwrap();
    }
    client.say(&ClientMessage::Resize(TerminalSize { columns: 100, rows: 50 }));
    client.send(b"hello\n");
    let (output, errors, end) = client.collect();
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("50 100") && output.contains("got hello"), "{output:?}");
    assert_eq!((errors.len(), ended(&end)), (0, Exit::Status(0)));
}

#[test]
fn control_c_in_a_terminal_interrupts() {
    if !is_root() {
        return;
    }
    let exec = shell("echo ready; exec sleep 300");
    let mut client = Client::exec(Exec { terminal: Some(TerminalSize { columns: 80, rows: 24 }), ..exec });
    while !client.next().unwrap().payload.starts_with(b"ready") {}
    client.send(b"\x03");
    let (_, _, end) = client.collect();
    assert_eq!(ended(&end), Exit::Signal(2));
}

#[test]
fn a_program_runs_as_the_user_with_their_surroundings() {
    if !is_root() {
        return;
    }
    let env = [("COLOUR".to_owned(), "blue".to_owned())].into();
    let script = "id -u; id -g; echo $USER $COLOUR; pwd; ulimit -c >/dev/null; cat /proc/self/status | grep -c '^Groups:\t1 *$'";
    let (output, errors, _) =
        Client::exec(Exec { user: Some("daemon".into()), env, cwd: Some("/usr".into()), ..shell(script) })
            .collect();
    let text = String::from_utf8(output).unwrap();
    assert_eq!(text, "1\n1\ndaemon blue\n/usr\n1\n", "{}", String::from_utf8_lossy(&errors));
}

#[test]
fn what_can_not_run_is_told_by_name() {
    if !is_root() {
        return;
    }
    let fails = |exec: Exec| {
        let failure = Client::asking(Command::Exec(exec)).failure();
        (failure.code, failure.message)
    };
    let program = |name: &str| Exec { argv: vec![name.into()], ..Exec::default() };
    let (code, text) = fails(program("no-such-program"));
    assert!(code == FailureCode::NotFound && text.contains("\"no-such-program\""), "{text}");
    let (code, text) = fails(Exec { user: Some("nobody-here".into()), ..program("true") });
    assert!(code == FailureCode::NotFound && text.contains("nobody-here"), "{text}");
    let (code, text) = fails(Exec { cwd: Some("/no/such".into()), ..program("true") });
    assert!(code == FailureCode::NotFound && text.contains("/no/such"), "{text}");
    assert_eq!(fails(program("/etc/passwd")).0, FailureCode::System);
    assert_eq!(fails(Exec::default()).0, FailureCode::Invalid);
    let env = [("A=B".to_owned(), String::new())].into();
    assert_eq!(fails(Exec { env, ..program("true") }).0, FailureCode::Invalid);
    assert_eq!(fails(program("a\0b")).0, FailureCode::System);
}
