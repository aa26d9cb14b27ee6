//! What concerns the host: doctor, aws-env, teardown, versions, completion.

use crate::bench::{Bench, TOKEN, ended, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_everything_and_says_what_mends_it() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    let state = bench.path("state");
    let ran = bench.run(&["doctor", "--json", "--state-dir", text(&state)]).await;
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let checks = value["checks"].as_array().unwrap();
    let verdict = |name: &str| {
        let row = checks.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no check of {name}: {value}"))["verdict"].as_str().unwrap().to_owned()
    };
    for name in [
        "kvm",
        "tun",
        "memory",
        "disk",
        "jailer",
        "namespaces",
        "seccomp",
        "landlock",
        "cgroups",
        "ip_forward",
        "iptables",
        "ipset",
        "public addresses",
    ] {
        verdict(name);
    }
    assert_eq!((verdict("daemon").as_str(), verdict("images").as_str()), ("ok", "ok"));
    assert_eq!(verdict("reflink"), "ok", "any file system will do");
    for row in checks {
        assert_eq!(row["verdict"] == "ok", row.get("mend").is_none(), "{row}");
    }
    let failed = checks.iter().any(|row| row["verdict"] == "fail");
    assert_eq!((value["ready"].as_bool(), ran.code), (Some(!failed), i32::from(failed)));
    assert!(!state.exists(), "looking makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_takes_in_what_the_aws_cli_needs() {
    let bench = Bench::new().await;
    let lines = format!("export AWS_ENDPOINT_URL_EC2=http://elsewhere\n{}", bench.ok(&["aws-env"]).await);
    let script = format!(
        "{lines}\nprintf '%s|%s|%s' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \
                          \"$AWS_DEFAULT_REGION $AWS_ENDPOINT_URL$AWS_ENDPOINT_URL_EC2\""
    );
    let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
    let key = bench.test.cloud.root_access_key().await.unwrap();
    let expected = format!("{}|{}|us-east-1 http://127.0.0.1:8773", key.id, key.secret);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let ran = bench.run(&["aws-env", "--url", &bench.url, "--token", TOKEN]).await;
    assert!(ran.code == 1 && ran.stdout.is_empty(), "never over TCP: {ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_is_meant_and_ends_everything() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12"]).await;
    assert_eq!(bench.run(&["teardown"]).await.code, 2, "nobody is there to be asked");
    assert_eq!(bench.test.vms.running().len(), 1);
    assert!(bench.ok(&["teardown", "--yes"]).await.contains("clean"));
    assert!(bench.test.vms.running().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_its_binary_tears_down() {
    let bench = Bench::new().await;
    let daemon = bench.program("other-cumuletd", "#!/bin/sh\necho \"$@\"\n");
    let mut command = bench.command(&["teardown", "--yes", "--run-dir", "/r", "--state-dir", "/s"]);
    command.env("CUMULET_SOCKET", bench.path("nowhere.sock")).env("CUMULETD", daemon);
    let ran = ended(command).await;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "--state-dir /s --run-dir /r teardown"), "{ran:?}");
    let mut command = bench.command(&["teardown", "--yes"]);
    command.env("CUMULET_SOCKET", bench.path("nowhere.sock")).env("CUMULETD", "/nowhere/cumuletd");
    let ran = ended(command).await;
    assert!(ran.code == 1 && ran.stderr.contains("CUMULETD"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_types_and_completions() {
    let bench = Bench::new().await;
    let versions = bench.ok(&["version"]).await;
    assert!(versions.contains("cumuletd 1.2.3") && versions.contains("us-east-1"), "{versions}");
    let types = bench.ok(&["types"]).await;
    assert!(types.lines().any(|line| line.split_whitespace().eq(["t3.micro", "2", "1", "GiB"])), "{types}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.ok(&["completion", shell]).await.contains("cumulet"), "{shell}");
    }
}
