//! Connecting to a VMM's socket. The VMM can put anything into its run directory under the socket's name, a link to
//! somebody else's socket too, and the daemon may connect to every socket of the host. So the name is looked up once,
//! without following a link, what is found must be a socket, and the process that listens there must be the VMM.

use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use tokio::net::UnixStream;
use tokio::time::sleep;

/// How long to wait before trying again a socket whose queue of connections is full.
const RETRY: Duration = Duration::from_millis(20);

/// Connects to the socket `path`, at which process `pid` must listen.
pub async fn connect(path: &Path, pid: u32) -> io::Result<UnixStream> {
    let socket = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&socket)?.st_mode) != FileType::Socket {
        return Err(refused("there is something else in the socket's place"));
    }
    // What is open is reached by the descriptor's name, whatever happens to the socket's.
    let itself = PathBuf::from(format!("/proc/self/fd/{}", socket.as_raw_fd()));
    let stream = loop {
        match UnixStream::connect(&itself).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY).await,
            done => break done?,
        }
    };
    let listener = stream.peer_cred()?.pid();
    if listener.and_then(|pid| u32::try_from(pid).ok()) != Some(pid) {
        return Err(refused("another process listens at the socket"));
    }
    Ok(stream)
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn only_the_processes_own_socket_is_connected_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let _listener = UnixListener::bind(path("real")).unwrap();
        connect(&path("real"), std::process::id()).await.unwrap();
        let other = connect(&path("real"), 1).await.unwrap_err();
        assert!(other.to_string().contains("another process"), "{other}");
        symlink(path("real"), path("link")).unwrap();
        let link = connect(&path("link"), std::process::id()).await.unwrap_err();
        assert!(link.to_string().contains("something else"), "{link}");
        std::fs::write(path("file"), "").unwrap();
        connect(&path("file"), std::process::id()).await.unwrap_err();
        let none = connect(&path("none"), std::process::id()).await.unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }
}
