//! Network namespaces that `ip netns` sees as well, each with a worker thread that lives in it.
//!
//! A socket, a child process and a file below `/proc/sys/net` belong to the namespace of the thread that makes or opens
//! them. So work that needs a namespace is sent to its worker; sockets made there may be used anywhere.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

use crate::error::NetError;

/// Where `ip netns` keeps named namespaces.
pub const RUN_NETNS: &str = "/run/netns";
const OWN_NET: &str = "/proc/thread-self/ns/net";
/// `statfs` type of a namespace file (linux/magic.h, `NSFS_MAGIC`).
const NSFS_MAGIC: i64 = 0x6e73_6673;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace that is held open; its worker ends when the last clone is dropped.
#[derive(Clone)]
pub struct NetNs {
    name: Arc<str>,
    file: Arc<File>,
    jobs: mpsc::Sender<Job>,
    netlink: rtnetlink::Handle,
}

impl NetNs {
    /// The namespace of the calling thread. Must be called within a tokio runtime.
    pub fn current(label: &str) -> Result<Self, NetError> {
        let file = File::open(OWN_NET).map_err(NetError::io("open the own network namespace"))?;
        Self::from_file(label, file)
    }

    /// Opens a named namespace; `None` if there is none of that name.
    pub fn open(name: &str) -> Result<Option<Self>, NetError> {
        let path = path_of(name);
        if !is_namespace(&path) {
            return Ok(None);
        }
        let file = File::open(&path).map_err(NetError::io(format!("open namespace {name}")))?;
        Self::from_file(name, file).map(Some)
    }

    /// Makes a new namespace and names it.
    pub fn create(name: &str) -> Result<Self, NetError> {
        let ns = Self::anonymous(name)?;
        bind(name, &ns.file)?;
        Ok(ns)
    }

    /// Makes a new namespace without a name, which goes with its last user; `label` is for messages.
    pub fn anonymous(label: &str) -> Result<Self, NetError> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(NetError::errno("make a network namespace"))?;
            File::open(OWN_NET).map_err(NetError::io("open the new network namespace"))
        });
        let file = made.join().map_err(|_| NetError::WorkerGone { namespace: label.to_owned() }).flatten()?;
        Self::from_file(label, file)
    }

    fn from_file(name: &str, file: File) -> Result<Self, NetError> {
        let file = Arc::new(file);
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, started) = mpsc::channel();
        let (inside, runtime) = (Arc::clone(&file), tokio::runtime::Handle::current());
        std::thread::Builder::new()
            .name(format!("net {name}"))
            .spawn(move || {
                let entered = setns(inside.as_fd(), CloneFlags::CLONE_NEWNET)
                    .map_err(NetError::errno("enter a network namespace"));
                let connected = entered.and_then(|()| {
                    let _context = runtime.enter();
                    rtnetlink::new_connection().map_err(NetError::io("open a netlink socket"))
                });
                let _ = ready.send(connected);
                for job in queue {
                    // Who sent a job that panics is told by the loss of its answer; others go on.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })
            .map_err(NetError::io("start a namespace's worker"))?;
        let (connection, netlink, _) =
            started.recv().map_err(|_| NetError::WorkerGone { namespace: name.to_owned() }).flatten()?;
        tokio::spawn(connection);
        Ok(Self { name: name.into(), file, jobs, netlink })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its descriptor, good while `self` lives.
    pub fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Its routing netlink socket.
    pub fn netlink(&self) -> &rtnetlink::Handle {
        &self.netlink
    }

    /// Runs `job` on the worker thread.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NetError> {
        let gone = || NetError::WorkerGone { namespace: self.name.to_string() };
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            let _ = done.send(job());
        });
        self.jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())
    }

    /// Whether the name still leads to this namespace.
    pub fn is_named(&self) -> bool {
        let path = path_of(&self.name);
        is_namespace(&path)
            && match (fs::metadata(&path), self.file.metadata()) {
                (Ok(named), Ok(held)) => named.ino() == held.ino(),
                _ => false,
            }
    }

    /// Gives the namespace its name again after somebody took it away.
    pub fn rename_back(&self) -> Result<(), NetError> {
        delete(&self.name)?;
        bind(&self.name, &self.file)
    }
}

impl std::fmt::Debug for NetNs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetNs").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Takes a namespace's name away; it goes when nobody uses it any more. `false` if there was none.
pub fn delete(name: &str) -> Result<bool, NetError> {
    let path = path_of(name);
    if fs::symlink_metadata(&path).is_err() {
        return Ok(false);
    }
    // Someone may have stacked several mounts on the name.
    while is_namespace(&path) {
        umount2(&path, MntFlags::MNT_DETACH).map_err(NetError::errno(format!("unmount namespace {name}")))?;
    }
    fs::remove_file(&path).map_err(NetError::io(format!("remove namespace {name}")))?;
    Ok(true)
}

/// The names in `/run/netns` that begin with `prefix`.
pub fn list(prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(RUN_NETNS) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}

fn path_of(name: &str) -> PathBuf {
    Path::new(RUN_NETNS).join(name)
}

fn is_namespace(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|fs| fs.filesystem_type().0 == NSFS_MAGIC)
}

fn bind(name: &str, file: &File) -> Result<(), NetError> {
    prepare_run_netns()?;
    let path = path_of(name);
    // A file that is no namespace is what a crash between the two steps left.
    if path.exists() && !is_namespace(&path) {
        fs::remove_file(&path).map_err(NetError::io(format!("remove the remains of {name}")))?;
    }
    File::create_new(&path).map_err(NetError::io(format!("make {}", path.display())))?;
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    mount(Some(source.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(NetError::errno(format!("name namespace {name}")))
}

/// Makes `/run/netns` a shared mount as `ip netns` does, so that a name taken away here is away everywhere.
fn prepare_run_netns() -> Result<(), NetError> {
    fs::create_dir_all(RUN_NETNS).map_err(NetError::io(format!("make {RUN_NETNS}")))?;
    let dir = File::open(RUN_NETNS).map_err(NetError::io(format!("open {RUN_NETNS}")))?;
    let _lock = nix::fcntl::Flock::lock(dir, nix::fcntl::FlockArg::LockExclusive)
        .map_err(|(_, errno)| NetError::errno(format!("lock {RUN_NETNS}"))(errno))?;
    let shared =
        || mount(None::<&str>, RUN_NETNS, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>);
    if shared().is_ok() {
        return Ok(());
    }
    mount(Some(RUN_NETNS), RUN_NETNS, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(NetError::errno(format!("mount {RUN_NETNS} on itself")))?;
    shared().map_err(NetError::errno(format!("share {RUN_NETNS}")))
}
