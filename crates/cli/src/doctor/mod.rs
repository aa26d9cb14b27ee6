//! `cumulet doctor`: what this host has and lacks, and how to mend it. Each check looks at the thing itself, tries
//! what can be tried without a trace, and gives a row.

mod addresses;
mod cloud;
mod disk;
mod firewall;
mod jail;
mod kernel;
mod machine;
mod programs;
mod row;

use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::Ipv4Net;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Colour, Progress, say};
use row::{Row, Verdict};

/// Tell what this host has and lacks, and how to mend it.
///
/// Run it as root to have everything tried. It ends with 1 if something that is needed fails.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo cumulet doctor
  sudo cumulet doctor --json | jq '.checks[] | select(.verdict != \"ok\")'")]
pub struct Doctor {
    /// Where the daemon keeps its data, or shall
    #[arg(long, value_name = "DIR", default_value = "/var/lib/cumulet", env = "CUMULET_STATE_DIR")]
    state_dir: PathBuf,
    /// The public addresses that the daemon gives out, or shall
    #[arg(long, value_name = "NETWORK", default_value = "198.18.0.0/24", env = "CUMULET_PUBLIC_POOL")]
    public_pool: Ipv4Net,
}

impl Doctor {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut progress = Progress::new(context.json);
        progress.tell("looking at this host");
        let mut rows = host_rows(&self.state_dir, self.public_pool);
        progress.tell("asking the daemon");
        rows.extend(cloud::check(&context.client).await);
        drop(progress);
        let failed = rows.iter().filter(|row| row.verdict == Verdict::Fail).count();
        if !context.printed_json(&serde_json::json!({ "ready": failed == 0, "checks": rows }))? {
            print(context, &rows, failed)?;
        }
        if failed == 0 { Ok(()) } else { Err(Failure::Told) }
    }
}

fn host_rows(state_dir: &Path, public_pool: Ipv4Net) -> Vec<Row> {
    let mut rows = vec![machine::kvm(), machine::tun(), machine::memory(), disk::space(state_dir)];
    rows.push(disk::reflink(state_dir));
    rows.extend(jail::check());
    rows.push(kernel::forwarding());
    rows.extend(firewall::check());
    rows.extend(addresses::check(public_pool));
    rows.extend(programs::check());
    rows
}

fn print(context: &Context, rows: &[Row], failed: usize) -> Result<()> {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows {
        let (colour, word) = match row.verdict {
            Verdict::Ok => (Colour::Green, "ok  "),
            Verdict::Warn => (Colour::Yellow, "warn"),
            Verdict::Fail => (Colour::Red, "FAIL"),
        };
        say!("{}  {:<width$}  {}", context.paint.paint(colour, word), row.name, row.what)?;
        if let Some(mend) = &row.mend {
            say!("      {:<width$}  -> {mend}", "")?;
        }
    }
    let warned = rows.iter().filter(|row| row.verdict == Verdict::Warn).count();
    match (failed, warned) {
        (0, 0) => say!("\nThis host is ready."),
        (0, warned) => say!("\nThis host is ready; {warned} could be better."),
        (failed, _) => say!("\n{failed} must be mended first."),
    }
}
