//! The client with the real agent, over a socket pair.

use std::os::fd::OwnedFd;
use std::time::Duration;

use cumulet_agent_client::protocol::{Exec, Exit, FailureCode, Identity};
use cumulet_agent_client::{AgentError, OutputLimits, hello, identity, run};
use tokio::net::UnixStream;

const LIMIT: Duration = Duration::from_secs(60);
const LIMITS: OutputLimits = OutputLimits { bytes: 1 << 20, time: LIMIT };

fn agent() -> UnixStream {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    std::thread::spawn(move || cumulet_agent::serve(OwnedFd::from(theirs).into()));
    ours.set_nonblocking(true).unwrap();
    UnixStream::from_std(ours).unwrap()
}

fn shell(script: &str) -> Exec {
    Exec { argv: vec!["sh".into(), "-c".into(), script.into()], ..Exec::default() }
}

#[tokio::test]
async fn it_greets_and_takes_an_identity_that_says_nothing() {
    assert_eq!(hello(agent(), LIMIT).await.unwrap().version, 1);
    let done = identity(agent(), Identity::default(), LIMIT).await.unwrap();
    assert_eq!((done.problems.len(), done.host_keys.len()), (0, 0));
}

#[tokio::test]
async fn a_program_gets_its_input_and_gives_its_output() {
    let input = vec![b'x'; 3_000_000];
    let done = match run(agent(), shell("wc -c; echo odd >&2; exit 3"), &input, LIMITS).await {
        Err(AgentError::Failed(failure)) if failure.code == FailureCode::System => {
            return println!("SKIPPED: only root can run programs for others: {failure}");
        }
        done => done.unwrap(),
    };
    assert_eq!((done.stdout.as_slice(), done.stderr.as_slice()), (&b"3000000\n"[..], &b"odd\n"[..]));
    assert_eq!((done.exit, done.is_cut), (Exit::Status(3), false));
    let cut = run(agent(), shell("head -c 5000000 /dev/zero"), &[], LIMITS).await.unwrap();
    assert_eq!((cut.stdout.len(), cut.is_cut), (1 << 20, true));
    let none = run(agent(), Exec { argv: vec!["no-such".into()], ..Exec::default() }, &[], LIMITS).await;
    assert!(matches!(none, Err(AgentError::Failed(failure)) if failure.code == FailureCode::NotFound));
}

#[tokio::test]
async fn a_stream_that_says_nothing_is_given_up() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let silent = hello(ours, Duration::from_millis(50)).await;
    assert!(matches!(silent, Err(AgentError::TimedOut(_))), "{silent:?}");
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    assert!(matches!(hello(ours, LIMIT).await, Err(AgentError::Closed | AgentError::Io(_))));
}
