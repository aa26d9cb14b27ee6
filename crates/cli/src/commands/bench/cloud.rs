//! What the whole cloud takes, asked over its API: launches and forks, each until it is of use.
//!
//! Everything made here has the same name and is terminated when its figure is taken; the group goes last.

use std::time::{Duration, Instant};

use cumulet_bench::report::{Figure, Rule};
use cumulet_client::types::fork::ForkInstance;
use cumulet_client::types::guest::Exec;
use cumulet_client::types::instance::{Instance, InstanceState};
use cumulet_client::types::run::RunInstances;
use cumulet_client::types::security_group::{AuthorizeRules, CreateSecurityGroup, Direction, RuleSpec};
use cumulet_client::{Client, Patience};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::failure::{Failure, Result};
use crate::output::Progress;
use crate::resolve;

/// The row of all figures: peers have no cloud.
const WHO: &str = "cumulet";
/// The instances' tag Name.
const NAME: &str = "cumulet-bench";
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(300);
/// Between two questions whether it is there.
const PAUSE: Duration = Duration::from_millis(2);
/// The same where many are asked, for whom the questions are work.
const LONG_PAUSE: Duration = Duration::from_millis(20);

/// A cloud that is measured.
pub struct Cloud<'c> {
    client: &'c Client,
    progress: Progress,
    runs: usize,
    forks: u32,
    image: String,
    instance_type: Option<String>,
    group: String,
}

/// What is to be measured how.
pub struct Plan<'p> {
    /// How many times.
    pub runs: usize,
    /// How many forks at once.
    pub forks: u32,
    /// The image, by id or name.
    pub image: &'p str,
    /// The instances' type.
    pub instance_type: Option<&'p str>,
}

/// What stands in the figures' place, for this reason.
pub fn left_out(why: &Failure) -> Figure {
    let figure =
        Figure::new("cloud", "Launches and forks by API", "ms", "against a running daemon with that image");
    figure.left_out(WHO, why.to_string().replace('\n', " "))
}

impl<'c> Cloud<'c> {
    /// Gets ready: the image must be there, and a group is made that lets ssh in.
    pub async fn new(client: &'c Client, plan: Plan<'_>) -> Result<Self> {
        let image = resolve::image(client, plan.image).await?.id;
        let name = format!("{NAME}-{}", std::process::id());
        let group = CreateSecurityGroup { name, description: None, vpc_id: None, tags: Default::default() };
        let group = client.create_security_group(&group).await?.id;
        let ssh = RuleSpec {
            protocol: "tcp".into(),
            from_port: Some(22),
            to_port: Some(22),
            cidr: Some("0.0.0.0/0".into()),
            group_id: None,
            description: None,
        };
        client
            .authorize_rules(&group, &AuthorizeRules { direction: Direction::Ingress, rules: vec![ssh] })
            .await?;
        let (runs, forks) = (plan.runs, plan.forks);
        let instance_type = plan.instance_type.map(str::to_owned);
        Ok(Self { client, progress: Progress::new(false), runs, forks, image, instance_type, group })
    }

    /// Launches.
    pub async fn launches(&mut self) -> Result<Vec<Figure>> {
        let mut to_ssh = Vec::new();
        for turn in 0..=self.runs {
            self.progress.tell(&format!("launch to ssh: {turn} of {}", self.runs));
            let began = Instant::now();
            let instance = self.launch(1).await?.swap_remove(0);
            let greeted = self.ssh_greets(&instance.id).await;
            let took = ms(began);
            self.terminate(&[instance.id]).await?;
            greeted?;
            if turn > 0 {
                to_ssh.push(took);
            }
        }
        let stop = "from the request to the JSON API until sshd in the guest has greeted a connection to the public address";
        let mut figure = Figure::new("launch-to-ssh", "Launch by API to ssh", "ms", stop);
        figure.row(WHO, false, &to_ssh, None);
        Ok(vec![figure, self.launch_rate().await?])
    }

    async fn launch_rate(&mut self) -> Result<Figure> {
        const AT_ONCE: u32 = 10;
        let mut rates = Vec::new();
        for turn in 0..=self.runs.min(5) {
            self.progress.tell(&format!("launches at once: {turn}"));
            let began = Instant::now();
            let ids = ids(&self.launch(AT_ONCE).await?);
            let patience = Patience { limit: LIMIT, pause: LONG_PAUSE };
            let all =
                self.client.wait_for_instances(&ids, InstanceState::Running, patience, &mut |_, _| ()).await;
            let took = began.elapsed();
            self.terminate(&ids).await?;
            all?;
            if turn > 0 {
                rates.push(f64::from(AT_ONCE) / took.as_secs_f64());
            }
        }
        let stop =
            "10 instances by one request, until all are running, which is when their kernels were entered";
        let mut figure = Figure::new("launch-rate", "Launches", "instances/s", stop).more_is_better();
        figure.row(WHO, false, &rates, None);
        Ok(figure)
    }

    /// Forks, of an instance that was launched for it.
    pub async fn forks(&mut self) -> Result<Vec<Figure>> {
        let source = self.launch(1).await?.swap_remove(0).id;
        let figures = self.forks_of(&source).await;
        self.terminate(&[source]).await?;
        figures
    }

    async fn forks_of(&mut self, source: &str) -> Result<Vec<Figure>> {
        self.ssh_greets(source).await?;
        self.executes(source, PAUSE).await?;
        let (mut to_exec, mut to_ssh) = (Vec::new(), Vec::new());
        for turn in 0..=self.runs {
            self.progress.tell(&format!("fork to first exec: {turn} of {}", self.runs));
            let began = Instant::now();
            let fork = self.fork(source, 1).await?.swap_remove(0);
            let executed = self.executes(&fork.id, PAUSE).await.map(|()| ms(began));
            let greeted = self.ssh_greets(&fork.id).await.map(|()| ms(began));
            self.terminate(&[fork.id]).await?;
            let (executed, greeted) = (executed?, greeted?);
            if turn > 0 {
                to_exec.push(executed);
                to_ssh.push(greeted);
            }
        }
        let stop = "from the request to the JSON API until a program that was run in the fork over the API has ended; the fork \
                    has its identity and its network is open by then";
        let mut exec = Figure::new("fork-to-exec", "Fork by API to first exec", "ms", stop)
            .goal(WHO, Rule::Median(15.0))
            .goal(WHO, Rule::P99(40.0));
        exec.row(WHO, false, &to_exec, None);
        let stop =
            "the same, until sshd in the fork has greeted a connection to its own public address as well";
        let mut ssh = Figure::new("fork-to-ssh", "Fork by API to ssh", "ms", stop);
        ssh.row(WHO, false, &to_ssh, None);
        Ok(vec![exec, ssh, self.many_forks(source).await?])
    }

    async fn many_forks(&mut self, source: &str) -> Result<Figure> {
        self.progress.tell(&format!("{} forks at once", self.forks));
        let title = format!("{} forks at once, to first exec", self.forks);
        let stop = "by one request; for each fork from the request until a program that was run in it over the API has ended";
        let mut figure = Figure::new("forks-at-once", &title, "ms", stop);
        let began = Instant::now();
        let forks = match self.fork(source, self.forks).await {
            Ok(forks) => ids(&forks),
            Err(failure) => return Ok(figure.left_out(WHO, failure.to_string())),
        };
        let each = forks.iter().map(async |id| self.executes(id, LONG_PAUSE).await.map(|()| ms(began)));
        let all = futures::future::join_all(each).await;
        self.terminate(&forks).await?;
        let values: Vec<f64> = all.iter().flatten().copied().collect();
        let failed = all.iter().filter_map(|one| one.as_ref().err()).next_back();
        let note = failed.map(|last| format!("{} failed, the last: {last}", all.len() - values.len()));
        figure.row(WHO, false, &values, note);
        Ok(figure)
    }

    async fn launch(&self, count: u32) -> Result<Vec<Instance>> {
        let mut request = RunInstances::new(&self.image);
        request.count = Some(count);
        request.instance_type = self.instance_type.clone();
        request.groups = vec![self.group.clone()];
        request.tags.insert("Name".into(), NAME.into());
        Ok(self.client.run_instances(&request).await?.instances)
    }

    async fn fork(&self, source: &str, count: u32) -> Result<Vec<Instance>> {
        let request = ForkInstance { count: Some(count), tags: Default::default(), client_token: None };
        Ok(self.client.fork_instance(source, &request).await?.instances)
    }

    /// Waits until a program has run in an instance.
    async fn executes(&self, id: &str, pause: Duration) -> Result<()> {
        let exec = Exec { argv: vec!["/bin/true".into()], ..Exec::default() };
        let began = Instant::now();
        loop {
            match self.client.exec(id, &exec).await {
                Ok(result) if result.exit_status == Some(0) => return Ok(()),
                Ok(_) => return Err(Failure::Other(format!("/bin/true fails in {id}"))),
                Err(error) if began.elapsed() > LIMIT => return Err(error.into()),
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// Waits until sshd greets at an instance's public address.
    async fn ssh_greets(&self, id: &str) -> Result<()> {
        let began = Instant::now();
        let address = loop {
            if let Some(address) = self.client.instance(id).await?.instance.public_ip {
                break address;
            }
            if began.elapsed() > LIMIT {
                return Err(Failure::Other(format!("{id} has no public address")));
            }
            tokio::time::sleep(PAUSE).await;
        };
        loop {
            let greeted = tokio::time::timeout(Duration::from_millis(250), greeting(&address)).await;
            match greeted {
                Ok(Ok(greeting)) if &greeting == b"SSH-" => return Ok(()),
                _ if began.elapsed() > LIMIT => {
                    return Err(Failure::Other(format!("sshd of {id} does not answer at {address}")));
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Terminates and waits until they are gone, so that the next figure has the host for itself.
    async fn terminate(&mut self, ids: &[String]) -> Result<()> {
        for id in ids {
            self.client.terminate_instance(id).await?;
        }
        let patience = Patience { limit: LIMIT, pause: LONG_PAUSE };
        self.client.wait_for_instances(ids, InstanceState::Terminated, patience, &mut |_, _| ()).await?;
        Ok(())
    }

    /// Removes what was made for all figures.
    pub async fn leave(self) -> Result<()> {
        Ok(self.client.delete_security_group(&self.group).await?)
    }
}

async fn greeting(address: &str) -> std::io::Result<[u8; 4]> {
    let mut greeting = [0; 4];
    TcpStream::connect((address, 22)).await?.read_exact(&mut greeting).await?;
    Ok(greeting)
}

fn ids(instances: &[Instance]) -> Vec<String> {
    instances.iter().map(|instance| instance.id.clone()).collect()
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
