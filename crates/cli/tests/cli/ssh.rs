//! `cumulet ssh` starts the system's ssh the right way. An ssh that prints its arguments stands in for it.

use tokio::net::TcpListener;

use crate::bench::{Bench, text};

const PRINTS_ITS_ARGUMENTS: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n";

#[tokio::test(flavor = "multi_thread")]
async fn ssh_gets_user_key_and_a_known_hosts_file_of_the_instance() {
    let bench = Bench::new().await;
    bench.program("ssh", PRINTS_ITS_ARGUMENTS);
    bench.image("debian-12").await;
    bench.ok(&["key", "create", "me"]).await;
    let launched = bench.json(&["run", "debian-12", "--name", "web", "--key", "me"]).await;
    let id = launched["instances"][0]["id"].as_str().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();

    let args = ["ssh", "--address", "127.0.0.1", "-p", &port, "web", "--", "uname", "-a"];
    let ran = bench.run(&args).await;
    assert_eq!(ran.code, 7, "ssh's own exit code: {ran:?}");
    let given: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(&given[..2], ["-i", text(&bench.path(".cumulet/keys/me.pem"))]);
    assert_eq!(&given[given.len() - 3..], ["debian@127.0.0.1", "uname", "-a"]);
    let known_hosts =
        format!("UserKnownHostsFile={}", bench.path(&format!(".cumulet/known_hosts/{id}")).display());
    for option in [known_hosts, format!("HostKeyAlias={id}"), "StrictHostKeyChecking=accept-new".into()] {
        assert!(given.contains(&option.as_str()), "{option} in {given:?}");
    }
    assert!(given.windows(2).any(|pair| pair == ["-p", &port]));

    let args = ["ssh", "--address", "127.0.0.1", "-p", &port, "-i", "my.key", "-o", "-v -4", "root@web"];
    let ran = bench.run(&args).await;
    let given: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(&given[..2], ["-i", "my.key"]);
    assert_eq!(&given[given.len() - 3..], ["-v", "-4", "root@127.0.0.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_said_with_what_mends_it() {
    let bench = Bench::new().await;
    bench.program("ssh", PRINTS_ITS_ARGUMENTS);
    bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    let ran = bench.run(&["ssh", "web"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cumulet group allow default tcp:22 from anywhere"), "{ran:?}");
    bench.ok(&["run", "debian-12", "--name", "inner", "--no-public-ip"]).await;
    let ran = bench.run(&["ssh", "inner"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("no public address"), "{ran:?}");
    bench.ok(&["stop", "web"]).await;
    let ran = bench.run(&["ssh", "web"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("cumulet start"), "{ran:?}");
}
