//! Forks in a row and at once, of one machine that runs on and is written to: each answers, each is a machine of its own,
//! and their source has what it had. A few here; `CUMULET_TEST_FORKS=500,100` has 500 of them in a row and 100 at once.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Instant;

use cumulet_e2e::{Site, eventually, run, run_ok};
use serde_json::Value;

/// In a row, so many that layers have to be merged; and at once.
const USUAL: (usize, usize) = (16, 6);
/// How many are asked at the same time who they are.
const ASKED: usize = 8;
/// What only one machine may have.
const FACTS: [&str; 6] =
    ["host name", "machine id", "hardware address", "address", "host key", "random number"];
/// Prints the facts, then what is in memory and on the disk that no file system is on; and writes over both.
const LOOK: &str = "hostname; cat /etc/machine-id /sys/class/net/eth0/address; hostname -I; \
    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2; cat /proc/sys/kernel/random/uuid; \
    cat /run/story; dd if=/dev/vdb bs=1M count=4 status=none | sha256sum; \
    echo other >/run/story; dd if=/dev/urandom of=/dev/vdb bs=64k count=8 conv=fsync status=none";

fn counts() -> (usize, usize) {
    let Ok(text) = std::env::var("CUMULET_TEST_FORKS") else { return USUAL };
    let parsed = text.split_once(',').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.unwrap_or_else(|| panic!("CUMULET_TEST_FORKS is not two numbers: {text}"))
}

/// The machine that is forked, with a second disk.
struct Source<'a> {
    site: &'a Site,
    id: String,
    /// What [`LOOK`] says of memory and disk.
    holds: [String; 2],
    seen: Vec<HashSet<String>>,
}

impl<'a> Source<'a> {
    fn new(site: &'a Site) -> Self {
        let id = site.run_instance(&[]);
        site.wait_for(&id, "running");
        eventually("the agent answers", || {
            run(site.cumulet(&["exec", &id, "--", "true"]).as_mut()).ok.then_some(())
        });
        let volume = site.aws_json(&["create-volume", "--size", "1", "--availability-zone", "us-east-1a"]);
        let volume = volume["VolumeId"].as_str().unwrap();
        site.aws(&["wait", "volume-available", "--volume-ids", volume]);
        site.aws(&["attach-volume", "--volume-id", volume, "--instance-id", &id, "--device", "/dev/sdf"]);
        site.aws(&["wait", "volume-in-use", "--volume-ids", volume]);
        eventually("the guest has its disk", || {
            run(site.cumulet(&["exec", &id, "--", "test", "-b", "/dev/vdb"]).as_mut()).ok.then_some(())
        });
        let mut source =
            Self { site, id, holds: Default::default(), seen: vec![HashSet::new(); FACTS.len()] };
        source.exec(
            "echo begun >/run/story; dd if=/dev/urandom of=/dev/vdb bs=1M count=4 conv=fsync status=none",
        );
        source.holds = source.look();
        source
    }

    fn exec(&self, script: &str) -> String {
        run_ok(self.site.cumulet(&["exec", &self.id, "--", "sh", "-c", script]).as_mut())
    }

    /// What is in memory, and on the disk itself.
    fn look(&self) -> [String; 2] {
        let told = self.exec(
            "cat /run/story; blockdev --flushbufs /dev/vdb; dd if=/dev/vdb bs=1M count=4 status=none | sha256sum",
        );
        let (memory, disk) = told.split_once('\n').unwrap();
        [memory.to_owned(), disk.to_owned()]
    }

    fn fork(&self, count: usize) -> Vec<String> {
        let told =
            run_ok(self.site.cumulet(&["--json", "fork", &self.id, "--count", &count.to_string()]).as_mut());
        let told: Value = serde_json::from_str(&told).unwrap();
        told["instances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fork| fork["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Asks forks who they are and what they have, some at a time.
    fn check(&mut self, ids: &[String]) {
        for group in ids.chunks(ASKED) {
            let asked = group.iter().map(|id| {
                let mut exec = self.site.cumulet(&["exec", id, "--", "sh", "-c", LOOK]);
                exec.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            });
            for (id, asked) in group.iter().zip(asked.collect::<Vec<_>>()) {
                let done = asked.wait_with_output().unwrap();
                let told = String::from_utf8(done.stdout).unwrap();
                let words = String::from_utf8_lossy(&done.stderr).into_owned();
                assert!(done.status.success(), "{id}: {told}{words}\n{}", self.site.daemon_log());
                let lines: Vec<_> = told.lines().map(str::trim).collect();
                assert_eq!(lines.len(), FACTS.len() + 2, "{id}: {told}");
                assert_eq!(lines[FACTS.len()..], self.holds, "{id} goes on where its source stands");
                for ((what, fact), seen) in FACTS.iter().zip(&lines).zip(&mut self.seen) {
                    assert!(seen.insert((*fact).to_owned()), "the {what} {fact} of {id} is also another's");
                }
            }
        }
    }

    fn terminate(&self, ids: &[String]) {
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        run_ok(self.site.cumulet(&[&["terminate", "--no-wait"], &ids[..]].concat()).as_mut());
    }
}

#[test]
fn forks_in_a_row_and_at_once_are_machines_of_their_own() {
    let Some(site) = Site::new("many forks") else { return };
    let (in_a_row, at_once) = counts();
    let mut source = Source::new(&site);
    let begun = Instant::now();
    for round in 0..in_a_row {
        // What is written goes into the layer that the next fork freezes.
        source.exec(&format!("echo {round} >/disk; sync"));
        let fork = source.fork(1);
        source.check(&fork);
        source.terminate(&fork);
    }
    println!("{in_a_row} forks in a row took {:.1?}", begun.elapsed());
    assert_eq!(source.look(), source.holds, "what forks write is not their source's");

    let begun = Instant::now();
    let forks = source.fork(at_once);
    println!("{at_once} forks at once took {:.1?} until all ran", begun.elapsed());
    assert_eq!(forks.len(), at_once);
    source.check(&forks);
    println!("and {:.1?} until all had answered", begun.elapsed());
    assert_eq!(source.look(), source.holds);
    source.terminate(&forks);
    assert_eq!(
        source.seen.iter().map(HashSet::len).collect::<Vec<_>>(),
        vec![in_a_row + at_once; FACTS.len()]
    );

    // Its layers were merged meanwhile, and its disks are whole.
    assert_eq!(source.exec("cat /disk"), (in_a_row - 1).to_string());
    site.aws(&["stop-instances", "--instance-ids", &source.id]);
    site.wait_for(&source.id, "stopped");
    let mut most = 0;
    for volume in std::fs::read_dir(site.path("state/volumes")).unwrap() {
        let layers = std::fs::read_dir(volume.unwrap().path()).unwrap().count();
        most = most.max(layers);
    }
    assert!(most < 16, "a volume has {most} files");
    site.aws(&["start-instances", "--instance-ids", &source.id]);
    site.wait_for(&source.id, "running");
    eventually("the agent answers again", || {
        run(site.cumulet(&["exec", &source.id, "--", "true"]).as_mut()).ok.then_some(())
    });
    assert_eq!(source.exec("cat /disk"), (in_a_row - 1).to_string());
    let disk = source.exec("dd if=/dev/vdb bs=1M count=4 status=none | sha256sum");
    assert_eq!(disk, source.holds[1]);
}
