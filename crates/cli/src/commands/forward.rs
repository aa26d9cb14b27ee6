//! `cumulet forward`: ports of an instance, reached by its agent: no address, no route, no security group.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use clap::Args;
use cumulet_client::agent::protocol::{AgentMessage, CHUNK, Channel, ClientMessage, FrameError};
use cumulet_client::types::guest;
use cumulet_client::{AgentStream, Client, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Reach TCP ports of an instance from here, by the agent in its guest.
///
/// LOCAL is a port, or an address and a port, to listen on here; 0 takes a free port; - is standard input and output,
/// for one connection. REMOTE is a port of the instance, or an address and a port that it can reach. Goes on until it is
/// interrupted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet forward web 8080:80
  cumulet forward web 0.0.0.0:8080:80 5432:172.31.0.9:5432
  ssh -o ProxyCommand='cumulet forward web -:22' debian@web")]
pub struct Forward {
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// What to forward; may be given again
    #[arg(required = true, value_name = "LOCAL:REMOTE", allow_hyphen_values = true)]
    ports: Vec<Ports>,
}

/// Where connections come from and go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports {
    /// Where to listen; nowhere, but on standard input and output.
    local: Option<SocketAddr>,
    remote: SocketAddr,
}

impl FromStr for Ports {
    type Err = String;

    /// `[ADDRESS:]PORT:[ADDRESS:]PORT`, addresses of IPv6 in brackets.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let bad = || format!("{text:?} is not of the form [ADDRESS:]PORT:[ADDRESS:]PORT or -:[ADDRESS:]PORT");
        let mut parts = split(text).into_iter().peekable();
        let local =
            if parts.next_if_eq(&"-").is_some() { None } else { Some(address(&mut parts).ok_or_else(bad)?) };
        let remote = address(&mut parts).filter(|remote| remote.port() > 0).ok_or_else(bad)?;
        if parts.next().is_some() { Err(bad()) } else { Ok(Self { local, remote }) }
    }
}

/// Parts between colons that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ':' && depth == 0
    })
    .collect()
}

fn address<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<SocketAddr> {
    let first = parts.next()?;
    if let Ok(port) = first.parse::<u16>() {
        return Some((Ipv4Addr::LOCALHOST, port).into());
    }
    let bare = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(first);
    let ip: IpAddr = if bare == "localhost" { Ipv4Addr::LOCALHOST.into() } else { bare.parse().ok()? };
    Some((ip, parts.next()?.parse::<u16>().ok()?).into())
}

impl Forward {
    pub async fn run(self, context: &Context) -> Result<()> {
        let instance = resolve::instance(&context.client, &self.instance).await?;
        // A mistake is told at once, and not by the first connection.
        context.client.agent(&instance.id).await?;
        if let [Ports { local: None, remote }] = self.ports.as_slice() {
            let stream = connect(&context.client, &instance.id, *remote).await?;
            return carry(stream, tokio::io::stdin(), tokio::io::stdout()).await;
        }
        let mut listeners = JoinSet::new();
        for ports in self.ports {
            let Some(local) = ports.local else {
                return Err(Failure::Usage(
                    "standard input and output carry one connection: -: stands alone".into(),
                ));
            };
            let listener = TcpListener::bind(local).await;
            let listener = listener.map_err(Failure::io(format!("cannot listen on {local}")))?;
            let local = listener.local_addr().map_err(Failure::io("cannot tell the port"))?;
            eprintln!("Forwarding {local} to {} of {}", ports.remote, instance.id);
            listeners.spawn(listen(listener, context.client.clone(), instance.id.clone(), ports.remote));
        }
        while listeners.join_next().await.is_some() {}
        Ok(())
    }
}

async fn connect(client: &Client, id: &str, remote: SocketAddr) -> Result<AgentStream> {
    let forward = guest::Forward { address: Some(remote.ip().to_string()), port: remote.port() };
    Ok(client.forward(id, &forward).await?)
}

/// Takes connections. One that fails is told and keeps no other from being made.
async fn listen(listener: TcpListener, client: Client, id: String, remote: SocketAddr) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("cumulet: a connection was not accepted: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        _ = stream.set_nodelay(true);
        let (client, id) = (client.clone(), id.clone());
        tokio::spawn(async move {
            let (from, to) = stream.into_split();
            let carried = match connect(&client, &id, remote).await {
                Ok(agent) => carry(agent, from, to).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = carried {
                failure.print(false);
            }
        });
    }
}

/// Carries bytes both ways until both are at their end.
async fn carry(
    stream: AgentStream,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> Result<()> {
    let AgentStream { mut reader, mut writer, .. } = stream;
    let there = async {
        let mut buffer = vec![0; CHUNK];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => writer.send(&buffer[..count]).await.map_err(Error::from)?,
                // Whoever was here has gone: so is the other side told.
                Err(_) => return Err(Failure::Told),
            }
        }
        writer.say(&ClientMessage::End).await.map_err(Error::from)?;
        Ok(())
    };
    let back = async {
        while let Some(frame) = reader.next().await.map_err(Error::from)? {
            if frame.channel == Channel::Data {
                let written = async {
                    to.write_all(&frame.payload).await?;
                    to.flush().await
                };
                written.await.map_err(|_| Failure::Told)?;
                continue;
            }
            match frame.read_message().map_err(unreadable)? {
                AgentMessage::End => {
                    _ = to.shutdown().await;
                    return Ok(());
                }
                AgentMessage::Failed(failure) => return Err(Failure::Other(failure.message)),
                _ => {}
            }
        }
        // Cut off, as by a reset.
        Err(Failure::Told)
    };
    tokio::try_join!(there, back).map(drop)
}

fn unreadable(error: FrameError) -> Failure {
    Failure::Other(format!("the instance's agent says what makes no sense: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_addresses_or_the_loopback() {
        let read = |text: &str| {
            text.parse::<Ports>().map(|ports| {
                (ports.local.map(|local| local.to_string()).unwrap_or("-".into()), ports.remote.to_string())
            })
        };
        let is = |text: &str, local: &str, remote: &str| {
            assert_eq!(read(text), Ok((local.to_owned(), remote.to_owned())), "{text}");
        };
        is("8080:80", "127.0.0.1:8080", "127.0.0.1:80");
        is("0:22", "127.0.0.1:0", "127.0.0.1:22");
        is("0.0.0.0:8080:80", "0.0.0.0:8080", "127.0.0.1:80");
        is("8080:10.0.0.9:80", "127.0.0.1:8080", "10.0.0.9:80");
        is("[::1]:1:[fd00::2]:2", "[::1]:1", "[fd00::2]:2");
        is("localhost:1:localhost:2", "127.0.0.1:1", "127.0.0.1:2");
        is("-:22", "-", "127.0.0.1:22");
        for bad in ["", "80", "80:", ":80", "80:80:80:80:80", "80:0", "host:80", "80:70000", "-", "1:-"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
