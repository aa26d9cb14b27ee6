//! Exit codes and what is said when things go wrong.

use crate::bench::{Bench, TOKEN, ended};

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_failures_apart() {
    let bench = Bench::new().await;
    for (args, code, word) in [
        (["show", "nobody"].as_slice(), 4, "nobody"),
        (&["run", "no-image"], 4, "cumulet image build"),
        (&["image", "rm", "ami-0123456789abcdef0"], 4, "ami-0123456789abcdef0"),
        (&["group", "show", "none"], 4, "none"),
        (&["frobnicate"], 2, "frobnicate"),
        (&["run", "x", "--tag", "novalue"], 2, "KEY=VALUE"),
        (&["ls", "--url", "http://127.0.0.1:1"], 2, "--token"),
        (&["ls", "--url", "https://h", "--token", "t"], 2, "https"),
        (&["ls", "--state", "walking"], 1, "walking"),
    ] {
        let ran = bench.run(args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(word) && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_run_is_said_with_what_to_do() {
    let bench = Bench::new().await;
    let mut command = bench.command(&["ls"]);
    command.env("CUMULET_SOCKET", bench.path("nowhere.sock"));
    let ran = ended(command).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("nowhere.sock") && ran.stderr.contains("cumuletd"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_get_failures_as_json_too() {
    let bench = Bench::new().await;
    let ran = bench.run(&["show", "i-0123456789abcdef0", "--json"]).await;
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, error["error"]["code"].as_str()), (4, Some("NotFound")));
    let ran = bench.run(&["ls", "--json", "--state", "walking"]).await;
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["code"], "InvalidParameterValue");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_the_token_is_what_counts() {
    let bench = Bench::new().await;
    let heading = bench.ok(&["ls", "--url", &bench.url, "--token", TOKEN]).await;
    assert!(heading.starts_with("ID"), "{heading}");
    let ran = bench.run(&["ls", "--url", &bench.url, "--token", "wrong"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("AuthFailure"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_there_for_every_command() {
    let bench = Bench::new().await;
    let help = bench.ok(&["--help"]).await;
    assert!(help.contains("Exit codes:") && help.contains("Examples:"), "{help}");
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        bench.ok(&["help", name]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let bench = Bench::new().await;
    for args in [["types", "--json"].as_slice(), &["types"], &["aws-env"], &["completion", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = bench.command(args);
        let child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}
