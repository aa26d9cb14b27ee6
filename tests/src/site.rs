//! A site: one daemon with directories, tag and addresses of its own, taken down whatever becomes of the test.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::guest::Guest;
use crate::programs::{Output, program, run, run_ok};
use crate::wait::eventually;

/// A daemon and what it needs.
pub struct Site {
    dir: TempDir,
    tag: String,
    pool: String,
    ec2_port: u16,
    http_port: u16,
    daemon: Option<Child>,
    credentials: (String, String),
    image: Option<String>,
}

impl Site {
    /// A site with its daemon running and the test image registered; none, with the reason told, where no guest can
    /// run.
    pub fn new(story: &str) -> Option<Self> {
        Self::with_config(story, "")
    }

    /// The same with settings beside the usual ones.
    pub fn with_config(story: &str, settings: &str) -> Option<Self> {
        let Some(image) = std::env::var_os("CUMULET_TEST_IMAGE").map(PathBuf::from) else {
            crate::skipped(story, "CUMULET_TEST_IMAGE names no image; scripts/test builds one");
            return None;
        };
        let mut site = Self::configured(settings);
        site.image = Some(site.import(&image, "test image"));
        Some(site)
    }

    /// A site with its daemon running and no image.
    pub fn without_image() -> Self {
        Self::configured("")
    }

    fn configured(settings: &str) -> Self {
        let n: u16 = rand::random();
        let mut site = Self {
            dir: TempDir::with_prefix("cum-").expect("a temporary directory"),
            tag: format!("t{n:04x}"),
            pool: format!("198.19.{}.0/24", n % 256),
            ec2_port: free_port(),
            http_port: free_port(),
            daemon: None,
            credentials: Default::default(),
            image: None,
        };
        let config = "memory_ratio = 8.0\nvcpu_ratio = 64\nstop_grace_seconds = 60\nterminate_grace_seconds = 20\n\
                      [[instance_types]]\nname = \"test.tiny\"\nvcpus = 1\nmemory_mib = 192\n\
                      [[instance_types]]\nname = \"test.wide\"\nvcpus = 2\nmemory_mib = 256\n";
        std::fs::write(site.path("cumulet.toml"), format!("{settings}{config}")).expect("a configuration");
        site.start_daemon();
        let env = run_ok(site.cumulet(&["aws-env"]).as_mut());
        let value = |name: &str| {
            let line = env
                .lines()
                .find_map(|line| line.split_once(name))
                .unwrap_or_else(|| panic!("no {name}: {env}"));
            line.1.trim_matches(['=', '\'', '"']).to_owned()
        };
        site.credentials = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        site
    }

    /// A path in the site's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The tag in the name of everything that the site makes on the host.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The id of the test image.
    pub fn image(&self) -> &str {
        self.image.as_deref().expect("a site with an image")
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon").id()
    }

    /// Starts the daemon and waits until it serves.
    pub fn start_daemon(&mut self) {
        assert!(self.daemon.is_none(), "there is a daemon");
        let log =
            File::options().create(true).append(true).open(self.path("daemon.log")).expect("a log file");
        let child =
            self.daemon_command(&[]).stderr(log).stdin(Stdio::null()).spawn().expect("cumuletd starts");
        self.daemon = Some(child);
        eventually("the daemon serves", || {
            let ended = self.daemon.as_mut().and_then(|daemon| daemon.try_wait().expect("a child"));
            assert!(ended.is_none(), "the daemon ended: {ended:?}\n{}", self.daemon_log());
            run(self.cumulet(&["ls"]).as_mut()).ok.then_some(())
        });
    }

    /// Kills the daemon with SIGKILL.
    pub fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon");
        daemon.kill().expect("SIGKILL");
        daemon.wait().expect("the daemon's end");
    }

    /// What the daemon has logged.
    pub fn daemon_log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    fn daemon_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("cumuletd"));
        command
            .arg("--config")
            .arg(self.path("cumulet.toml"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .arg("--run-dir")
            .arg(self.path("run"))
            .args(["--tag", &self.tag, "--public-pool", &self.pool])
            .arg("--ec2-listen")
            .arg(format!("127.0.0.1:{}", self.ec2_port))
            .arg("--http-listen")
            .arg(format!("127.0.0.1:{}", self.http_port))
            .args(arguments);
        command
    }

    /// The `cumulet` command, pointed at this site.
    pub fn cumulet(&self, arguments: &[&str]) -> Box<Command> {
        let mut command = Command::new(program("cumulet"));
        command.env("CUMULET_SOCKET", self.path("run/api.sock")).env("HOME", self.dir.path()).args(arguments);
        Box::new(command)
    }

    /// `aws ec2 …` against this site.
    pub fn try_aws(&self, arguments: &[&str]) -> Output {
        run(Command::new("aws")
            .args(["--endpoint-url", &format!("http://127.0.0.1:{}", self.ec2_port), "ec2"])
            .args(arguments)
            .env("HOME", self.dir.path())
            .env("AWS_ACCESS_KEY_ID", &self.credentials.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.credentials.1)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_PAGER", "")
            .env_remove("AWS_PROFILE"))
    }

    /// `aws ec2 …`, which must succeed; gives its text.
    pub fn aws(&self, arguments: &[&str]) -> String {
        let done = self.try_aws(arguments);
        assert!(done.ok, "aws ec2 {arguments:?} failed: {}\n{}", done.err, self.daemon_log());
        done.out.trim_end().to_owned()
    }

    /// `aws ec2 …`, which must succeed; gives its JSON.
    pub fn aws_json(&self, arguments: &[&str]) -> Value {
        let text = self.aws(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("aws ec2 {arguments:?}: {error}: {text}"))
    }

    /// Registers the image of a manifest with its kernel and ramdisk, or with the kernel of `CUMULET_TEST_KERNEL`.
    pub fn import(&self, manifest: &Path, name: &str) -> String {
        let text = std::fs::read_to_string(manifest)
            .unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
        let facts: Value = serde_json::from_str(&text).expect("a manifest");
        let file = |key: &str| {
            let name = facts[key].as_str()?;
            Some(manifest.with_file_name(name).to_str().expect("a plain path").to_owned())
        };
        let word = |key: &str| facts[key].as_str().unwrap_or_else(|| panic!("the manifest has no {key}"));
        let disk = file("disk").expect("a disk");
        let mut arguments = vec!["--json", "image", "import", &disk, "--name", name];
        arguments.extend(["--cmdline", word("boot_args"), "--user", word("default_user")]);
        let own = std::env::var("CUMULET_TEST_KERNEL").ok();
        let kernel = own.clone().or_else(|| file("kernel")).expect("a kernel");
        arguments.extend(["--kernel", &kernel]);
        let ramdisk = file("ramdisk").filter(|_| own.is_none());
        if let Some(ramdisk) = &ramdisk {
            arguments.extend(["--initrd", ramdisk]);
        }
        let told = run_ok(self.cumulet(&arguments).as_mut());
        let image: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
        let id = image["images"][0]["id"].as_str();
        id.unwrap_or_else(|| panic!("no id: {told}")).to_owned()
    }

    /// Makes an ED25519 key pair and gives the private key's file.
    pub fn key_pair(&self, name: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let made = self.aws_json(&["create-key-pair", "--key-name", name, "--key-type", "ed25519"]);
        let path = self.path(&format!("{name}.pem"));
        std::fs::write(&path, made["KeyMaterial"].as_str().expect("a private key")).expect("a key file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
        path
    }

    /// Makes a group that admits these TCP ports from everywhere; gives its id.
    pub fn group(&self, name: &str, ports: &[&str]) -> String {
        let id = self.aws(&[
            "create-security-group",
            "--group-name",
            name,
            "--description",
            name,
            "--query",
            "GroupId",
            "--output",
            "text",
        ]);
        for port in ports {
            self.aws(&[
                "authorize-security-group-ingress",
                "--group-id",
                &id,
                "--protocol",
                "tcp",
                "--port",
                port,
                "--cidr",
                "0.0.0.0/0",
            ]);
        }
        id
    }

    /// Launches one instance of the test image and gives its id.
    pub fn run_instance(&self, arguments: &[&str]) -> String {
        let fixed = ["run-instances", "--image-id", self.image(), "--instance-type", "test.tiny"];
        let launched = self.aws_json(&[&fixed, arguments].concat());
        launched["Instances"][0]["InstanceId"].as_str().expect("an id").to_owned()
    }

    /// One instance as DescribeInstances shows it.
    pub fn instance(&self, id: &str) -> Value {
        self.aws_json(&["describe-instances", "--instance-ids", id])["Reservations"][0]["Instances"][0]
            .clone()
    }

    /// Waits until an instance is in a state, and gives it.
    pub fn wait_for(&self, id: &str, state: &str) -> Value {
        eventually(&format!("{id} is {state}"), || {
            let instance = self.instance(id);
            let now = instance["State"]["Name"].as_str().unwrap_or_default().to_owned();
            assert!(
                now == state || now != "terminated",
                "{id} is terminated, not {state}: {}\n{}",
                instance["StateReason"],
                self.daemon_log()
            );
            (now == state).then_some(instance)
        })
    }

    /// Launches an instance that can be reached over ssh, and waits until it can.
    pub fn guest(&self, key_name: &str, key: &Path, group: &str, arguments: &[&str]) -> Guest {
        let fixed = ["--key-name", key_name, "--security-group-ids", group];
        let id = self.run_instance(&[&fixed, arguments].concat());
        self.reach(&id, key)
    }

    /// Waits until a launched instance can be reached over ssh.
    pub fn reach(&self, id: &str, key: &Path) -> Guest {
        let instance = self.wait_for(id, "running");
        let guest = Guest::new(&instance, key, self.dir.path());
        eventually(&format!("{id} answers ssh"), || guest.try_ssh("true").ok.then_some(()));
        guest
    }

    /// What the host holds of this site: namespaces with all that is in them, links, routes, chains, sets, processes.
    /// Empty after a teardown.
    pub fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        let tag = self.tag.to_uppercase();
        for command in [
            ["ip", "netns", "list"].as_slice(),
            &["ip", "-o", "link", "show"],
            &["ip", "route", "show"],
            &["iptables-save"],
            &["ipset", "list", "-n"],
        ] {
            let told = run(Command::new(command[0]).args(&command[1..])).out;
            let ours =
                told.lines().filter(|line| line.contains(&self.tag) || line.to_uppercase().contains(&tag));
            // What comes and goes by itself is left out: counters, and whether a namespace has an id yet.
            traces.extend(ours.map(|line| line.split([' ', '(']).take(9).collect::<Vec<_>>().join(" ")));
        }
        for namespace in self.namespaces() {
            for command in [["ip", "-o", "link"].as_slice(), &["iptables-save"], &["ipset", "list"]] {
                let told = run(Command::new("ip").args(["netns", "exec", &namespace]).args(command)).out;
                let lasting = told.lines().filter(|line| {
                    line.contains("tap")
                        || line.contains("eni-")
                        || line.contains("sg-")
                        || line.contains("-A ")
                });
                traces.extend(lasting.map(|line| format!("{namespace}: {line}")));
            }
        }
        let processes = run(Command::new("pgrep").arg("-af").arg("cumulet-vmm")).out;
        // A jailed one names its run directory nowhere but among its mounts.
        let site = self.dir.path().file_name().and_then(|name| name.to_str()).expect("a plain name");
        let ours = processes.lines().filter(|line| {
            let pid = line.split(' ').next().unwrap_or_default();
            let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            line.contains(site) || mounts.contains(site)
        });
        traces.extend(ours.map(str::to_owned));
        traces
    }

    /// The site's network namespaces.
    fn namespaces(&self) -> Vec<String> {
        let told = run(Command::new("ip").args(["netns", "list"])).out;
        let names = told.lines().filter_map(|line| line.split_whitespace().next());
        names.filter(|name| name.starts_with(&format!("{}-", self.tag))).map(str::to_owned).collect()
    }

    /// How many frames were kept out at the doors of the VPC's taps.
    pub fn dropped_spoofs(&self) -> u64 {
        let vpc =
            self.namespaces().into_iter().find(|name| name.contains("-vpc-")).expect("a VPC's namespace");
        let shown =
            run_ok(Command::new("ip").args(["netns", "exec", &vpc, "tc", "-s", "qdisc", "show", "ingress"]));
        let counts = shown.split("(dropped ").skip(1).map(|rest| rest.split(',').next().unwrap_or_default());
        let counts: Vec<u64> = counts.map(|count| count.parse().expect("a counter")).collect();
        assert!(!counts.is_empty(), "no tap has a door: {shown}");
        counts.iter().sum()
    }

    /// Ends the daemon if it runs, and tears the site down by `cumuletd teardown`.
    pub fn teardown(&mut self) -> Output {
        if self.daemon.is_some() {
            self.kill_daemon();
        }
        run(&mut self.daemon_command(&["teardown"]))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        if failing {
            eprintln!("--- the daemon's log\n{}", self.daemon_log());
        }
        let done = self.teardown();
        if !done.ok && !failing {
            panic!("the teardown failed: {}", done.err);
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
