//! Boot: from the start of the VMM's process to the guest's first program, and to the answer of its agent.

use super::agent::greet;
use super::{Bench, MEMORY_MIB};
use crate::error::{BenchError, Result};
use crate::guest::{self, MARKER, Program};
use crate::machine::{Guest, LIMIT, Vmm};
use crate::report::{Figure, Rule};

/// Ours, started as the peers are.
const BARE: &str = "cumulet, no jail";

impl Bench<'_> {
    pub(super) fn boot(&mut self) -> Result<Vec<Figure>> {
        let guest = self.answering()?;
        let who = self.with_peers(&[Vmm::Unjailed, Vmm::Cumulet]);
        let taken = self.by_turns("boot", &who, |bench, vmm| {
            let dir = bench.new_dir()?;
            bench.host.start(vmm, &dir, &guest, "")?.wait_for(MARKER, LIMIT)
        });
        let boot = Figure::new(
            "boot-to-init",
            "Boot to the guest's init",
            "ms",
            "from the start of the VMM's (or its jailer's) process until the first line of the guest's first program \
             is on the VMM's standard output",
        )
        .goal(BARE, Rule::Share { of: Vmm::Firecracker.name(), share: 0.8 })
        .goal(BARE, Rule::Share { of: Vmm::Qemu.name(), share: 0.5 })
        .of(&taken);
        let mut jail = Figure::new(
            "jail",
            "What the jail costs a boot",
            "ms",
            "boot to init in the jail, less that of the same turn without; the peers have no jail here",
        );
        let cost: Vec<f64> =
            taken[1].values.iter().zip(&taken[0].values).map(|(with, without)| with - without).collect();
        jail.row(Vmm::Cumulet.name(), false, &cost, None);
        Ok(vec![boot, jail, self.boot_to_agent()?])
    }

    fn boot_to_agent(&mut self) -> Result<Figure> {
        let figure = Figure::new(
            "boot-to-agent",
            "Boot to the agent's answer",
            "ms",
            "from the start of the process until cumulet-agent in the guest has answered a hello over vsock; asked every \
             millisecond",
        );
        let Some(agent) = self.agent() else {
            let why = "there is no cumulet-agent, linked statically, beside this program; --agent names one";
            return Ok(figure.left_out(Vmm::Cumulet.name(), why));
        };
        let initrd = guest::initrd(self.dir.path(), Program::Load, Some(agent))?;
        let guest = Guest { vsock: true, ..Guest::new(&self.kernel, initrd, MEMORY_MIB) };
        let who = self.with_peers(&[Vmm::Unjailed, Vmm::Cumulet]);
        let taken = self.by_turns("boot to the agent", &who, |bench, vmm| {
            if vmm == Vmm::Qemu {
                let why = "it has vsock by vhost-vsock only, which is not measured";
                return Err(BenchError::Machine(why.to_owned()));
            }
            let dir = bench.new_dir()?;
            greet(&bench.host.start(vmm, &dir, &guest, "")?)
        });
        Ok(figure.of(&taken))
    }
}
