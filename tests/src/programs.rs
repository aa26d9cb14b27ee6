//! Running programs, with their words in the panic when they fail.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether it ended well.
    pub ok: bool,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// One of the workspace's programs: in the folder that `CUMULET_TEST_PROGRAMS` names, else built beside this test.
pub fn program(name: &str) -> PathBuf {
    let built = std::env::var_os("CUMULET_TEST_PROGRAMS").map(PathBuf::from);
    let dir = built.unwrap_or_else(|| {
        let test = std::env::current_exe().expect("the test has a path");
        test.ancestors().nth(2).expect("tests live in target/PROFILE/deps").to_owned()
    });
    let path = dir.join(name);
    assert!(path.exists(), "{} is not built; run scripts/test", path.display());
    path
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    Output {
        ok: done.status.success(),
        code: done.status.code(),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Runs a command that must end well, and gives its standard output without the last newline.
pub fn run_ok(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let done = run(command);
    assert!(done.ok, "{shown} failed\n--- standard output\n{}\n--- standard error\n{}", done.out, done.err);
    done.out.trim_end().to_owned()
}
