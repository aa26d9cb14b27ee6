//! Images: import, build, remove.

use crate::bench::{Bench, row, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_becomes_an_image_with_kernel_and_ramdisk() {
    let bench = Bench::new().await;
    let image = bench.image("debian-12").await;
    assert_eq!(image["state"], "available");
    assert_eq!(image["default_user"], "debian");
    assert_eq!(image["boot_args"], "root=/dev/vda");
    assert!(image["kernel_id"].as_str().unwrap().starts_with("aki-"));
    assert!(image["ramdisk_id"].as_str().unwrap().starts_with("ari-"));
    let table = bench.ok(&["image", "ls"]).await;
    assert_eq!(row(&table, "debian-12")[2], "available");
    assert_eq!(table.lines().count(), 2, "kernels and ramdisks are shown with --all only\n{table}");
    assert_eq!(bench.ok(&["image", "ls", "--all"]).await.lines().count(), 4);

    let args = ["image", "import", "debian-12.json", "--name", "bare", "--no-initrd", "--cmdline", "quiet"];
    let bare = &bench.json(&args).await["images"][0];
    assert_eq!((bare["boot_args"].as_str(), bare.get("ramdisk_id")), (Some("quiet"), None), "{bare}");
    bench.ok(&["image", "rm", "bare", "debian-12"]).await;
    assert!(bench.test.cloud.images().await.unwrap().is_empty(), "what only it booted with is gone too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_imported_with_what_it_boots_with() {
    let bench = Bench::new().await;
    for name in ["mine.qcow2", "k", "i"] {
        std::fs::write(bench.path(name), name).unwrap();
    }
    let args = [
        "image",
        "import",
        "mine.qcow2",
        "--kernel",
        "k",
        "--initrd",
        "i",
        "--cmdline",
        "quiet",
        "--user",
        "me",
    ];
    let image = &bench.json(&args).await["images"][0];
    assert_eq!((image["name"].as_str(), image["boot_args"].as_str()), (Some("mine"), Some("quiet")));
    let ran = bench.run(&args).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("InvalidAMIName.Duplicate"), "{ran:?}");
    let ran = bench.run(&["image", "import", "nowhere.raw"]).await;
    assert!(ran.code == 1 && ran.stderr.contains("nowhere.raw"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_of_an_image_that_fails_is_taken_back() {
    let bench = Bench::new().await;
    for name in ["disk.raw", "k"] {
        std::fs::write(bench.path(name), name).unwrap();
    }
    let ran = bench.run(&["image", "import", "disk.raw", "--kernel", "k", "--name", "!"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(bench.test.cloud.images().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_is_built_and_taken_in_and_built_anew() {
    let bench = Bench::new().await;
    let recipes = bench.path("recipes");
    std::fs::create_dir(&recipes).unwrap();
    let script = "#!/bin/sh
echo building $3 into $2
cd $2 && echo disk >$3.raw && echo kernel >$3.vmlinuz
echo '{\"name\": \"'$3'\", \"disk\": \"'$3'.raw\", \"kernel\": \"'$3'.vmlinuz\"}' >$3.json
";
    let program = bench.program("build", script);
    std::fs::rename(program, recipes.join("build")).unwrap();
    let out = bench.path("out");
    let args = ["image", "build", "micro", "--recipes", text(&recipes), "--out", text(&out)];
    let ran = bench.run(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("building micro"), "what the recipe tells is shown: {ran:?}");
    let first = row(&ran.stdout, "micro")[1].to_owned();
    let ran = bench.run(&args).await;
    assert!(ran.code == 1 && ran.stderr.contains("--replace") && !ran.stderr.contains("building"), "{ran:?}");
    let table = bench.ok(&[&args[..], &["--replace", "--reuse"]].concat()).await;
    assert_ne!(row(&table, "micro")[1], first);
    assert_eq!(bench.test.cloud.images().await.unwrap().len(), 2, "a machine image and its kernel");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_an_instance_boots_with_outlives_its_image() {
    let bench = Bench::new().await;
    let old = bench.image("debian-12").await;
    bench.ok(&["run", "debian-12", "--name", "web"]).await;
    let ran = bench.run(&["image", "rm", "debian-12"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let kernel = old["kernel_id"].as_str().unwrap();
    assert!(ran.stderr.contains(&format!("{kernel} stays")), "{ran:?}");
    let new = bench.image("debian-12").await;
    assert_ne!(new["kernel_id"], old["kernel_id"], "the next image of the name has its own");
    let names: Vec<_> =
        bench.test.cloud.images().await.unwrap().into_iter().map(|image| image.name).collect();
    assert!(names.contains(&"debian-12-kernel-2".to_owned()), "{names:?}");
    bench.ok(&["stop", "web"]).await;
    bench.ok(&["start", "web"]).await;
}
