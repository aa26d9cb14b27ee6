//! Elastic addresses by the command.

use crate::bench::{Bench, row};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_had_led_to_an_instance_moved_to_another_and_given_back() {
    let bench = Bench::new().await;
    bench.image("debian-12").await;
    for name in ["web", "spare"] {
        bench.ok(&["run", "debian-12", "--name", name]).await;
    }
    let had = bench.json(&["address", "allocate", "--name", "front"]).await;
    let address = had["public_ip"].as_str().unwrap().to_owned();
    let table = bench.ok(&["address", "ls"]).await;
    assert_eq!(row(&table, "front")[1..3], [address.as_str(), "idle"], "{table}");
    assert!(table.contains("1 address is idle"), "{table}");

    let led = bench.json(&["address", "associate", "front", "web"]).await;
    let web = bench.json(&["show", "web"]).await;
    assert_eq!(led["association"]["instance_id"], web["instance"]["id"]);
    assert_eq!(
        web["instance"]["interfaces"][0]["public_ip"],
        address.as_str(),
        "in place of the dynamic one"
    );
    let ran = bench.run(&["address", "associate", "front", "spare", "--no-reassociation"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("Resource.AlreadyAssociated"), "{ran:?}");
    bench.ok(&["address", "associate", &address, "spare"]).await;
    let spare = bench.json(&["show", "spare"]).await;
    assert_eq!(spare["instance"]["interfaces"][0]["public_ip"], address.as_str());

    let ran = bench.run(&["address", "release", "front"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("InvalidIPAddress.InUse"), "{ran:?}");
    bench.ok(&["address", "disassociate", "front"]).await;
    bench.ok(&["address", "release", "front"]).await;
    assert_eq!(bench.run(&["address", "release", "front"]).await.code, 4);
}
