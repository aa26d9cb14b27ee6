//! The flow logs of one VPC at work: a task that takes what the kernel tells of ended connections and refused packets,
//! looks at all connections every few seconds, and writes each interval's records when it has ended.
//!
//! While a VPC has no log none of this is there, and its packets are not counted.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cumulet_model::InterfaceId;
use cumulet_ports::network::{FlowLogSpec, VpcSpec};
use jiff::Timestamp;
use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::sys::Socket;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::archive::Archive;
use super::books::{Books, Closed};
use super::log::{Log, OpenMark};
use super::report::{self, Site};
use super::scene::Scene;
use super::sighting::{Action, Refusal};
use super::stage::{HEADERS, LET_OUT, Stage};
use super::table::Bounds;
use crate::error::NetError;
use crate::l3::Links;
use crate::names;
use crate::sys::{NetNs, accounting, nflog, socket, sysctl};

/// The group of logged packets, of each VPC's namespace.
pub const GROUP: u16 = 1;
/// How often all connections are looked at: records' times are that exact.
const LOOK: i64 = 10;
/// What waits in a socket, in bytes, before the kernel drops what comes.
const WAITING: usize = 8 << 20;
/// So many datagrams are taken at a time, and after so many it is paused, so that a flood costs a part of one processor.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(20);

/// Settings of a namespace whose connections are counted: how much each has carried, when it began and ended, and that
/// its end is told.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("netfilter/nf_conntrack_acct", "1", "0"),
    ("netfilter/nf_conntrack_timestamp", "1", "0"),
    ("netfilter/nf_conntrack_events", "1", "2"),
];

/// The logs of one VPC at work; they end with it.
pub struct Capture {
    ns: NetNs,
    work: Arc<Work>,
    task: JoinHandle<()>,
}

/// What the task and those who change or end it share.
struct Work {
    site: Site,
    archive: Arc<Archive>,
    asker: Socket,
    books: Mutex<Books>,
    /// Held while connections are looked at, so that nobody else does meanwhile.
    looking: Mutex<()>,
}

impl Capture {
    /// Begins to record; [`Self::change`] says what.
    pub async fn start(ns: &NetNs, site: Site, archive: Arc<Archive>) -> Result<Self, NetError> {
        let (ended, refused, asker) = ns
            .run(|| {
                for (key, on, _) in SETTINGS {
                    sysctl::ensure(key, on)?;
                }
                let ended = accounting::listen()?;
                let refused = nflog::listen(GROUP, HEADERS)?;
                for socket in [&ended, &refused] {
                    // Not more than the host allows is no reason to have none.
                    let _ = setsockopt(socket, sockopt::RcvBufForce, &WAITING);
                }
                Ok::<_, NetError>((ended, refused, accounting::asker()?))
            })
            .await
            .flatten()?;
        let books = Mutex::new(Books::new(Bounds::default(), now()));
        let work = Arc::new(Work { site, archive, asker, books, looking: Mutex::default() });
        let watch = |it| socket::watch(it).map_err(NetError::io("watch for traffic"));
        let task = tokio::spawn(run(Arc::clone(&work), watch(ended)?, watch(refused)?));
        Ok(Self { ns: ns.clone(), work, task })
    }

    /// Whether the task ended, which only a fault of ours can bring about.
    pub fn has_failed(&self) -> bool {
        self.task.is_finished()
    }

    /// Records from now on as the VPC says.
    pub async fn change(&self, vpc: &VpcSpec, links: &Links) {
        let scene = Scene::new(vpc, &taps(vpc, links));
        // Most changes are of no log, and must not wait for a look at all connections.
        let same = {
            let mut books = self.work.books();
            let same = books.are(&vpc.flow_logs);
            if same {
                books.show(scene.clone());
            }
            same
        };
        if !same {
            let logs = vpc.flow_logs.clone();
            self.work.blocking(move |work| work.change(scene, &logs)).await;
        }
    }

    /// Writes all that was seen.
    pub async fn settle(&self) {
        self.work.blocking(|work| work.write(work.look(Books::close_all))).await;
    }

    /// Writes all that was seen, and lets packets be uncounted from now on.
    pub async fn finish(self) {
        self.change(&VpcSpec::open(self.work.site.vpc.clone(), Default::default()), &Links::new()).await;
        self.task.abort();
        let reset =
            self.ns.run(|| SETTINGS.iter().try_for_each(|(key, _, off)| sysctl::ensure(key, off).map(drop)));
        if let Err(error) = reset.await.flatten() {
            warn!(error = %error.chain(), "connections are still counted, though no flow log wants it");
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Interfaces by the indices of their taps.
fn taps(vpc: &VpcSpec, links: &Links) -> HashMap<u32, InterfaceId> {
    let of = |id: &InterfaceId| Some((links.get(&names::tap(id))?.index, id.clone()));
    vpc.interfaces.iter().filter_map(|interface| of(&interface.id)).collect()
}

impl Work {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn blocking(self: &Arc<Self>, job: impl FnOnce(&Self) + Send + 'static) {
        let work = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || job(&work)).await {
            warn!(%error, "records of flow logs were not written");
        }
    }

    /// Looks at all connections, then does something with the books.
    fn look<T>(&self, then: impl FnOnce(&mut Books, i64) -> T) -> T {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = accounting::take_all(&self.asker, |connections| {
            let (mut books, now) = (self.books(), now());
            connections.iter().for_each(|connection| books.connection(connection, now));
        });
        let (mut books, now) = (self.books(), now());
        match looked {
            Ok(()) => books.looked(now),
            Err(error) => {
                warn!(error = %error.chain(), "connections could not be counted");
                books.lost(Action::Accept, 1);
            }
        }
        then(&mut books, now)
    }

    fn change(&self, scene: Scene, logs: &[FlowLogSpec]) {
        for spec in logs {
            self.take_up(spec, &scene);
        }
        let (closed, from) = self.look(|books, now| (books.change(scene, logs, now), now));
        self.write(closed);
        for log in logs.iter().map(|spec| self.log(spec)).filter(|log| OpenMark::of(log).get().is_none()) {
            if let Err(error) = OpenMark::of(&log).set(from) {
                warn!(%error, dir = %log.dir().display(), "a flow log's directory can't be written to");
            }
        }
    }

    /// Goes on with a log that an earlier daemon has recorded, or an earlier capture.
    fn take_up(&self, spec: &FlowLogSpec, scene: &Scene) {
        let mark = OpenMark::of(&self.log(spec)).get();
        let mut books = self.books();
        if let Some(from) = mark.filter(|from| *from <= now() && !books.has(&spec.id)) {
            books.show(scene.clone());
            books.resume(spec, from);
        }
    }

    fn log(&self, spec: &FlowLogSpec) -> Arc<Log> {
        self.archive.keep(&spec.id, &spec.format.header())
    }

    /// Writes the records of intervals that have ended.
    fn write(&self, closed: Vec<Closed>) {
        for closed in closed {
            let log = self.log(&closed.spec);
            let (records, counts) = report::records(&self.site, &closed);
            log.append(&records, counts);
            let _ = OpenMark::of(&log).set(closed.to);
        }
    }

    fn refused(&self, datagram: &[u8], numbers: &mut Numbers) {
        let now = now();
        let mut books = self.books();
        for logged in nflog::logged(datagram) {
            books.lost(Action::Reject, numbers.missing(logged.number).into());
            let Some((stage, known)) = Stage::of_prefix(&logged.prefix) else { continue };
            let Some(packet) = logged.packet else { continue };
            let (input, output) = logged.links;
            let let_out = logged.mark & LET_OUT != 0;
            books.refusal(&Refusal { stage, known, let_out, packet, input, output }, now);
        }
    }

    fn ended(&self, datagram: &[u8]) {
        let now = now();
        let mut books = self.books();
        for connection in accounting::connections(datagram) {
            books.connection(&connection, now);
        }
    }
}

/// Numbers that come in order; each that is left out stands for a loss.
#[derive(Debug, Default)]
struct Numbers(Option<u32>);

impl Numbers {
    fn missing(&mut self, number: u32) -> u32 {
        let missing = self.0.map_or(0, |last| number.wrapping_sub(last).wrapping_sub(1));
        self.0 = Some(number);
        missing
    }
}

async fn run(work: Arc<Work>, ended: AsyncFd<Socket>, refused: AsyncFd<Socket>) {
    let (mut numbers, mut lost) = (Numbers::default(), 0);
    let mut next = now() + LOOK;
    loop {
        let wake = work.books().next_end().map_or(next, |end| end.min(next));
        tokio::select! {
            () = tokio::time::sleep(left_until(wake)) => {
                work.blocking(|work| work.write(work.look(Books::close_ended))).await;
                next = now() + LOOK;
            }
            taken = take(&ended, |datagram| work.ended(datagram)) => {
                paced(taken).await;
                lost = told_lost(&work, &ended, lost);
            }
            taken = take(&refused, |datagram| work.refused(datagram, &mut numbers)) => paced(taken).await,
        }
    }
}

/// At least a little: what a look could not close is not asked for again at once.
fn left_until(second: i64) -> Duration {
    let left = second.saturating_mul(1000).saturating_sub(Timestamp::now().as_millisecond());
    Duration::from_millis(u64::try_from(left).unwrap_or(0)).max(PAUSE)
}

/// After many datagrams others have their turn. What comes faster than that is dropped by the kernel and counted.
async fn paced(taken: usize) {
    if taken >= AT_ONCE {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Notes ends of connections that the kernel could not tell.
fn told_lost(work: &Work, ended: &AsyncFd<Socket>, before: u32) -> u32 {
    let lost = socket::lost(ended.get_ref()).unwrap_or(before);
    let more = lost.wrapping_sub(before);
    if more > 0 {
        debug!(messages = more, "ends of connections came too fast for flow logs");
        work.books().lost(Action::Accept, more.into());
    }
    lost
}

/// Takes some datagrams as soon as there are any; gives how many.
async fn take(socket: &AsyncFd<Socket>, mut each: impl FnMut(&[u8])) -> usize {
    let mut taken = 0;
    let Ok(mut ready) = socket.readable().await else { return AT_ONCE };
    while taken < AT_ONCE {
        match socket.get_ref().recv_from_full() {
            Ok((datagram, _)) => each(&datagram),
            // Some were lost; the socket counts them.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => {
                ready.clear_ready();
                if error.kind() != io::ErrorKind::WouldBlock {
                    warn!(%error, "what the kernel tells of traffic can't be taken");
                    return AT_ONCE;
                }
                return taken;
            }
        }
        taken += 1;
    }
    taken
}

fn now() -> i64 {
    Timestamp::now().as_second()
}
