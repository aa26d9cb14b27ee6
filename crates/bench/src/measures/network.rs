//! The network, between the guest and the host's end of its tap.

use super::block::ask;
use super::server::{DATAGRAMS, ECHO, FLOOD, SINK, SOURCE, Server};
use super::{Bench, MEMORY_MIB};
use crate::error::Result;
use crate::guest::{self, MARKER, Program};
use crate::host::netns::Namespace;
use crate::machine::{Guest, LIMIT, Running, Tap, Vmm};
use crate::report::{Figure, Rule};

/// How long one load is measured.
pub(super) const MILLISECONDS: u32 = 500;
/// Bytes of a small packet.
pub(super) const SMALL: usize = 64;

/// One way to use the network.
struct Load {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    stop: &'static str,
    /// What the guest is asked, to the port.
    words: (&'static str, u16, String),
    /// What one of the guest's numbers counts for.
    scale: f64,
}

fn loads() -> [Load; 5] {
    let ms = MILLISECONDS.to_string();
    let small = format!("{SMALL} {MILLISECONDS}");
    let bits = 8.0 / 1e9;
    [
        Load {
            id: "net-stream-out",
            title: "Network: one TCP stream out of the guest",
            unit: "Gbit/s",
            stop: "what the host has read, until the guest's half is closed",
            words: ("send", SINK, ms.clone()),
            scale: bits,
        },
        Load {
            id: "net-stream-in",
            title: "Network: one TCP stream into the guest",
            unit: "Gbit/s",
            stop: "what the guest has read, until the host's half is closed",
            words: ("receive", SOURCE, String::new()),
            scale: bits,
        },
        Load {
            id: "net-request-response",
            title: "Network: request and response of 64 bytes",
            unit: "round trips/s",
            stop: "over one TCP connection, one under way, until the guest has the response",
            words: ("echo", ECHO, small.clone()),
            scale: 1.0,
        },
        Load {
            id: "net-small-out",
            title: "Network: datagrams of 64 bytes out of the guest",
            unit: "packets/s",
            stop: "that a socket of the host has read, while the guest sends as many as go",
            words: ("datagrams-out", DATAGRAMS, small),
            scale: 1.0,
        },
        Load {
            id: "net-small-in",
            title: "Network: datagrams of 64 bytes into the guest",
            unit: "packets/s",
            stop: "that a socket of the guest has read, while the host sends as many as go",
            words: ("datagrams-in", FLOOD, ms),
            scale: 1.0,
        },
    ]
}

impl Bench<'_> {
    pub(super) fn network(&mut self) -> Result<Vec<Figure>> {
        let namespace = Namespace::new()?;
        let server = Server::start(&namespace)?;
        // A jailed machine gets its tap as a descriptor; what is done with it is the same.
        let who = self.with_peers(&[Vmm::Unjailed]);
        let mut machines = Vec::new();
        for (number, &vmm) in who.iter().enumerate() {
            machines.push((vmm, self.with_tap(vmm, number, &namespace)));
        }
        let figures = loads().iter().map(|load| self.net_load(load, &who, &mut machines, &server)).collect();
        drop(machines);
        Ok(figures)
    }

    /// A machine that works, with a network of its own.
    fn with_tap(&mut self, vmm: Vmm, number: usize, namespace: &Namespace) -> Result<Running> {
        let name = format!("tap{number}");
        namespace.add_tap(&name, &format!("10.254.{number}.1"))?;
        let mac = format!("02:00:00:00:fe:{number:02x}");
        let tap = Tap { namespace: namespace.name().to_owned(), name, mac };
        let initrd = guest::initrd(self.dir.path(), Program::Load, None)?;
        let guest = Guest { tap: Some(tap), ..Guest::new(&self.kernel, initrd, MEMORY_MIB) };
        let dir = self.new_dir()?;
        let mut machine = self.host.start(vmm, &dir, &guest, "")?;
        machine.wait_for(MARKER, LIMIT)?;
        machine.ask(&format!("up 10.254.{number}.2"), LIMIT)?;
        Ok(machine)
    }

    fn net_load(
        &mut self,
        load: &Load,
        who: &[Vmm],
        machines: &mut [(Vmm, Result<Running>)],
        server: &Server,
    ) -> Figure {
        let (verb, port, rest) = &load.words;
        let taken = self.by_turns(load.title, who, |_, vmm| {
            let number = who.iter().position(|it| *it == vmm).unwrap_or(0);
            server.begin();
            let (done, micros) = ask(machines, vmm, &format!("{verb} 10.254.{number}.1:{port} {rest}"))?;
            let done = if *port == DATAGRAMS { server.datagrams() as f64 } else { done };
            Ok(done * load.scale / (micros / 1e6))
        });
        let stop = format!("{MILLISECONDS} ms over a tap, no vhost; {}", load.stop);
        Figure::new(load.id, load.title, load.unit, &stop)
            .more_is_better()
            .goal(Vmm::Unjailed.name(), Rule::AsGoodAsPeers)
            .of(&taken)
    }
}
