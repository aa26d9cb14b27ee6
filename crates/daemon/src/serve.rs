//! Serves the cloud: the EC2 API, the JSON API on a unix socket and on TCP, and a metadata service in each VPC.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use axum::Router;
use axum::serve::Listener;
use cumulet_http_api::{Door, Settings};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::compose::{self, Running};
use crate::config::Config;
use crate::doors::{self, Limits};
use crate::metadata;

/// Name of the JSON API's socket in the run directory.
pub const API_SOCKET: &str = "api.sock";

/// Serves until a signal, or until the cloud has been torn down over its API.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    // Addresses are taken first: a daemon that can't serve touches nothing.
    let ec2 = TcpListener::bind(config.ec2_listen)
        .await
        .with_context(|| format!("can't listen for the EC2 API on {}", config.ec2_listen))?;
    let http = TcpListener::bind(config.http_listen)
        .await
        .with_context(|| format!("can't listen for the JSON API on {}", config.http_listen))?;
    let running = compose::start(&config).await?;
    let unix = unix_listener(&config.run_dir.join(API_SOCKET))?;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    metadata::serve_all(&running, &stop, &mut tasks).await?;
    spawn_apis(&config, &running, ec2, http, unix, &stop, &mut tasks).await?;
    info!(
        ec2 = %config.ec2_listen, http = %config.http_listen, socket = %config.run_dir.join(API_SOCKET).display(),
        "the cloud is served"
    );
    wait_for_end(&running, &mut tasks).await?;
    stop.cancel();
    running.cloud.abandon();
    running.ports.network.rest().await;
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(std::time::Duration::from_secs(5), ended).await.is_err() {
        info!("some answers were not waited for");
    }
    if running.cloud.is_torn_down() {
        compose::clear_run_dir(&config)?;
    }
    Ok(())
}

async fn spawn_apis(
    config: &Config,
    running: &Running,
    ec2: TcpListener,
    http: TcpListener,
    unix: UnixListener,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let cloud = &running.cloud;
    let settings = Settings {
        version: env!("CARGO_PKG_VERSION").into(),
        ec2_endpoint_url: Some(format!("http://{}", reachable(config.ec2_listen))),
    };
    let token = cloud.http_token().await?;
    let by_tcp = Door::Tcp { token, host_names: config.http_names.clone() };
    let ec2_router = cumulet_ec2_api::router(cloud.clone(), cumulet_ec2_api::Clock::system());
    let tcp_router = cumulet_http_api::router(cloud.clone(), settings.clone(), by_tcp);
    let unix_router = cumulet_http_api::router(cloud.clone(), settings, Door::UnixSocket);
    spawn(tasks, ec2, ec2_router, stop);
    spawn(tasks, http, tcp_router, stop);
    spawn(tasks, unix, unix_router, stop);
    Ok(())
}

fn spawn(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    listener: impl Listener,
    router: Router,
    stop: &CancellationToken,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        doors::serve(listener, router, Limits::default(), stop).await;
        Ok(())
    });
}

/// An address that a client on this host can use: the loopback for one that listens everywhere.
fn reachable(listen: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The JSON API's socket, for root alone. One that a dead daemon left is replaced: the lock says that it is dead.
fn unix_listener(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("can't replace {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("can't listen on {}", path.display()))?;
    // The run directory lets nobody else in from the start; this holds should it be opened up.
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
        .with_context(|| format!("can't protect {}", path.display()))?;
    Ok(listener)
}

async fn wait_for_end(running: &Running, tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("can't watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't watch for SIGINT")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => info!("told to end by SIGTERM; machines and network go on"),
            _ = interrupt.recv() => info!("told to end by SIGINT; machines and network go on"),
            () = running.cloud.torn_down() => info!("the cloud was torn down"),
            Some(ended) = tasks.join_next() => match ended {
                Ok(Ok(())) => continue,
                Ok(Err(failure)) => return Err(failure),
                Err(panic) => {
                    error!(error = %panic, "a service panicked");
                    return Err(panic).context("a service panicked");
                }
            },
        }
        return Ok(());
    }
}
