//! A cloud that is served as the daemon does it, and a way to run the command against it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::Router;
use cumulet_http_api::{Door, Settings, router};
use cumulet_test_support::TestCloud;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::process::Command;

/// What the TCP door takes.
pub const TOKEN: &str = "test-token";

/// The cloud, its doors, and a home for the command.
pub struct Bench {
    pub test: TestCloud,
    pub url: String,
    dir: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub async fn new() -> Self {
        let test = TestCloud::new().await;
        let dir = TempDir::new().unwrap();
        let settings =
            Settings { version: "1.2.3".into(), ec2_endpoint_url: Some("http://127.0.0.1:8773".into()) };
        let by_unix = router(test.cloud.clone(), settings.clone(), Door::UnixSocket);
        let door = Door::Tcp { token: TOKEN.into(), host_names: vec![] };
        let by_tcp = router(test.cloud.clone(), settings, door);
        let unix = UnixListener::bind(dir.path().join("api.sock")).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let bench = Self { test, url, dir };
        bench.serve(by_unix, |router, over| async move {
            axum::serve(unix, router).with_graceful_shutdown(over).await
        });
        bench.serve(by_tcp, |router, over| async move {
            axum::serve(tcp, router).with_graceful_shutdown(over).await
        });
        std::fs::create_dir(bench.path("bin")).unwrap();
        bench
    }

    /// Serves until the cloud is torn down, as the daemon does.
    fn serve<F>(
        &self,
        router: Router,
        serve: impl FnOnce(Router, std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) -> F,
    ) where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let cloud = self.test.cloud.clone();
        tokio::spawn(serve(router, Box::pin(async move { cloud.torn_down().await })));
    }

    /// A path in the test's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a program into the command's PATH.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The command, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cumulet"));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(args)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.dir.path())
            .env("CUMULET_SOCKET", self.path("api.sock"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs the command to its end.
    pub async fn run(&self, args: &[&str]) -> Ran {
        ended(self.command(args)).await
    }

    /// Runs the command, which must succeed, and gives what it printed.
    pub async fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args).await;
        assert_eq!(ran.code, 0, "cumulet {args:?}: {ran:?}");
        assert!(!ran.stdout.contains('\x1b'), "no colours where there is no terminal: {ran:?}");
        ran.stdout
    }

    /// Runs the command with `--json`, which must succeed, and gives the value.
    pub async fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let text = self.ok(&args).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("cumulet {args:?}: {error}: {text}"))
    }

    /// Registers an image by the command, from files of a few bytes and a manifest as the recipes leave it.
    pub async fn image(&self, name: &str) -> Value {
        let write = |ending: &str| std::fs::write(self.path(&format!("{name}.{ending}")), ending).unwrap();
        ["raw", "vmlinuz", "initrd"].into_iter().for_each(write);
        let manifest = serde_json::json!({
            "name": name, "description": "for a test", "disk": format!("{name}.raw"),
            "kernel": format!("{name}.vmlinuz"), "ramdisk": format!("{name}.initrd"),
            "root_device_name": "/dev/xvda", "boot_args": "root=/dev/vda", "default_user": "debian",
        });
        let path = self.path(&format!("{name}.json"));
        std::fs::write(&path, manifest.to_string()).unwrap();
        self.json(&["image", "import", text(&path)]).await["images"][0].clone()
    }
}

/// Runs a command to its end.
pub async fn ended(mut command: Command) -> Ran {
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The cells of a table's row that has `word` in it.
pub fn row<'a>(table: &'a str, word: &str) -> Vec<&'a str> {
    let line =
        table.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("no {word} in\n{table}"));
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}
