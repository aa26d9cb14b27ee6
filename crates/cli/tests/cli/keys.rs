//! Key pairs and the files of their private keys.

use std::os::unix::fs::PermissionsExt;

use crate::bench::{Bench, row, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_key_is_kept_for_its_owner_alone() {
    let bench = Bench::new().await;
    let created = bench.json(&["key", "create", "me"]).await;
    let file = bench.path(".cumulet/keys/me.pem");
    assert_eq!(created["private_key_file"], text(&file));
    assert!(created.get("private_key").is_none() && created["key_pair"].get("private_key").is_none());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"), "what ssh reads");
    assert!(row(&bench.ok(&["key", "ls"]).await, "me").contains(&text(&file)));

    let ran = bench.run(&["key", "create", "me"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key, "an old key is never overwritten");
    bench.ok(&["key", "rm", "me"]).await;
    assert_eq!(bench.run(&["key", "rm", "me"]).await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pair_whose_private_key_finds_no_place_is_not_left_behind() {
    let bench = Bench::new().await;
    std::fs::write(bench.path(".cumulet"), "a file in the way").unwrap();
    let ran = bench.run(&["key", "create", "me"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(bench.test.cloud.key_pairs().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_imported_and_a_private_one_refused() {
    let bench = Bench::new().await;
    bench.ok(&["key", "create", "a", "--type", "rsa"]).await;
    let pair = bench.test.cloud.key_pairs().await.unwrap().remove(0);
    std::fs::write(bench.path("a.pub"), &pair.public_key).unwrap();
    let table = bench.ok(&["key", "import", "b", "a.pub"]).await;
    assert_eq!(row(&table, "rsa")[0], "b");
    let ran = bench.run(&["key", "import", "c", ".cumulet/keys/a.pem"]).await;
    assert!(ran.code == 2 && ran.stderr.contains("private key"), "{ran:?}");
}
