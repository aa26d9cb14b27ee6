//! What a jail costs: the time from the call that starts a machine until its VMM runs, and the time until a killed one
//! is gone with all that was its, with a jail and without. The VMM is the tests' fake one, which does nothing else, so
//! the difference is the jail. Run as root: `cargo bench -p cumulet-supervisor --bench jail [COUNT]`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{Bench, is_root};
use cumulet_ports::VmHost;

/// Machines one after the other when no count is given.
const COUNT: usize = 100;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !is_root() {
        println!("jails are made by root");
        return;
    }
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(COUNT);
    let (without, with) = (Bench::without_jail(), Bench::new());
    // By turns, so that what else the host does falls on both.
    let mut times: [Vec<Times>; 2] = [Vec::new(), Vec::new()];
    let daemons = [without.daemon().await.0, with.daemon().await.0];
    for _ in 0..count {
        for ((bench, daemon), times) in [&without, &with].into_iter().zip(&daemons).zip(&mut times) {
            times.push(once(bench, daemon).await);
        }
    }
    println!("{count} machines each, one after the other; fastest, median, 90th percentile");
    for (name, times) in ["without a jail", "in a jail"].into_iter().zip(&times) {
        println!("{name:>15}: start {}, end {}", told(times, |it| it.start), told(times, |it| it.end));
    }
    let [without, with] = &times;
    let cost = |of: fn(&Times) -> Duration| {
        let at = |times| sorted(times, of)[count / 2].as_secs_f64() * 1e3;
        at(with) - at(without)
    };
    println!(
        "the jail costs {:.2} ms at the start, {:.2} ms at the end",
        cost(|it| it.start),
        cost(|it| it.end)
    );
}

struct Times {
    start: Duration,
    end: Duration,
}

async fn once(bench: &Bench, daemon: &cumulet_supervisor::Supervisor) -> Times {
    let spec = bench.spec("Good");
    let id = spec.instance_id.clone();
    let began = Instant::now();
    daemon.start(spec).await.expect("a machine");
    let start = began.elapsed();
    let began = Instant::now();
    daemon.kill(&id).await.expect("its end");
    daemon.forget(&id).await.expect("nothing left");
    Times { start, end: began.elapsed() }
}

fn sorted(times: &[Times], of: fn(&Times) -> Duration) -> Vec<Duration> {
    let mut all: Vec<_> = times.iter().map(of).collect();
    all.sort();
    all
}

fn told(times: &[Times], of: fn(&Times) -> Duration) -> String {
    let all = sorted(times, of);
    let ms = |at: usize| all[at.min(all.len() - 1)].as_secs_f64() * 1e3;
    format!("{:.2} ms, {:.2} ms, {:.2} ms", ms(0), ms(all.len() / 2), ms(all.len() * 9 / 10))
}
