//! VPCs, subnets and routes by the command.

use crate::bench::{Bench, row};

#[tokio::test(flavor = "multi_thread")]
async fn a_vpc_with_a_public_and_a_private_subnet_is_made_shown_and_removed() {
    let bench = Bench::new().await;
    bench.ok(&["vpc", "create", "10.0.0.0/16", "--name", "lab", "--internet"]).await;
    bench.ok(&["subnet", "create", "lab", "10.0.0.0/24", "--name", "front", "--public"]).await;
    bench.ok(&["subnet", "create", "lab", "10.0.1.0/24", "--name", "back"]).await;
    bench.ok(&["route", "table", "lab", "--name", "inner", "--subnet", "back"]).await;

    let tables = bench.json(&["route", "ls", "--vpc", "lab"]).await;
    let tables = tables["route_tables"].as_array().unwrap();
    let main = tables.iter().find(|table| table["main"] == true).unwrap();
    let inner = tables.iter().find(|table| table["main"] == false).unwrap();
    assert_eq!(main["routes"].as_array().unwrap().len(), 2, "local, and to the internet gateway");
    assert_eq!(inner["routes"].as_array().unwrap().len(), 1, "local alone");
    let gateway = main["routes"][1]["target"].as_str().unwrap().to_owned();
    assert!(gateway.starts_with("igw-"), "{main}");

    let table = bench.ok(&["route", "add", "inner", "192.0.2.0/24", &gateway]).await;
    assert_eq!(row(&table, "192.0.2.0/24")[4..6], [gateway.as_str(), "active"], "{table}");
    let ran = bench.run(&["route", "add", "inner", "192.0.2.0/24", &gateway]).await;
    assert!(ran.code == 1 && ran.stderr.contains("RouteAlreadyExists"), "{ran:?}");
    bench.ok(&["route", "rm", "inner", "192.0.2.0/24"]).await;
    let ran = bench.run(&["subnet", "create", "lab", "10.0.1.0/24"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("InvalidSubnet.Conflict"), "{ran:?}");

    let ran = bench.run(&["vpc", "rm", "lab"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("DependencyViolation"), "{ran:?}");
    bench.ok(&["vpc", "rm", "lab", "--all"]).await;
    assert_eq!(bench.run(&["vpc", "rm", "lab"]).await.code, 4);
}
