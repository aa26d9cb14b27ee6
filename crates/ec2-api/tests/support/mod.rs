//! A cloud over fakes behind the real endpoint on a loopback port, and running client programs against it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cumulet_ec2_api::{Clock, router};
use cumulet_test_support::TestCloud;
use tokio::net::TcpListener;
use tokio::process::Command;

/// An endpoint that answers until it is dropped.
pub struct Endpoint {
    /// The cloud behind it.
    pub cloud: TestCloud,
    /// Where it listens.
    pub address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Endpoint {
    /// A new cloud with its endpoint.
    pub async fn start() -> Self {
        let cloud = TestCloud::new().await;
        let app = router(cloud.cloud.clone(), Clock::system());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving") });
        Self { cloud, address, server }
    }

    /// Runs a program of `tests/python` with the environment that clients of this cloud need, and asserts that it
    /// succeeds.
    pub async fn run(&self, program: &str, script: &str, arguments: &[&str]) {
        let key = self.cloud.cloud.root_access_key().await.expect("a root key");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let mut command = Command::new(program);
        command
            .arg(folder.join(script))
            .args(arguments)
            .current_dir(&folder)
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", key.id)
            .env("AWS_SECRET_ACCESS_KEY", key.secret)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_PAGER", "")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let run = tokio::time::timeout(Duration::from_secs(540), command.output());
        let output = run.await.expect("the script ends in time").expect("the script starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        println!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script} failed: {}", output.status);
    }
}

/// Whether a program runs with these arguments and succeeds.
pub async fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// Says that a test was not run, and tells the runner, which counts and names such tests.
pub fn skip(test: &str, reason: &str) {
    use std::io::Write;
    let line = format!("SKIPPED {test}: {reason}");
    println!("{line}");
    if let Some(log) = std::env::var_os("CUMULET_SKIP_LOG") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        writeln!(file.expect("the skip log opens"), "{line}").expect("the skip log takes a line");
    }
}
