//! Where the daemon is.

use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use hyper::header::{HeaderValue, InvalidHeaderValue};

/// The socket that a daemon with default paths listens on.
pub const DEFAULT_SOCKET: &str = "/run/cumulet/api.sock";

/// Where the daemon is.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A unix socket.
    Unix(PathBuf),
    /// TCP.
    Tcp {
        /// `host:port`.
        authority: String,
        /// `Bearer TOKEN`, marked as sensitive.
        authorization: HeaderValue,
    },
}

/// Why a URL or token can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// It is no `http://host:port`.
    #[error("{0:?} is no URL of the form http://HOST:PORT")]
    Form(String),
    /// It wants TLS.
    #[error("https is not spoken here: use http, or a tunnel such as ssh -L")]
    Https,
    /// The token has characters that no header can carry.
    #[error("the token has characters that no header can carry")]
    Token(#[source] InvalidHeaderValue),
}

impl Target {
    /// The daemon at `http://host:port` (port 8774 when not given), which takes `token`.
    pub fn tcp(url: &str, token: &str) -> Result<Self, BadUrl> {
        let form = || BadUrl::Form(url.chars().take(200).collect());
        let uri: Uri = url.parse().map_err(|_| form())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(BadUrl::Https),
            _ => return Err(form()),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(form)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(form());
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(BadUrl::Token)?;
        authorization.set_sensitive(true);
        Ok(Self::Tcp { authority: format!("{host}:{}", uri.port_u16().unwrap_or(8774)), authorization })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { authority, .. } => write!(f, "http://{authority}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_a_port() {
        let shown = |url: &str| Target::tcp(url, "t").map(|target| target.to_string());
        assert_eq!(shown("http://127.0.0.1:9000").unwrap(), "http://127.0.0.1:9000");
        assert_eq!(shown("http://localhost/").unwrap(), "http://localhost:8774");
        assert_eq!(shown("http://[::1]:8774").unwrap(), "http://[::1]:8774");
        for bad in ["", "127.0.0.1:8774", "ftp://x", "http://", "http://h/path", "http://h:1/?q=1"] {
            assert!(matches!(shown(bad), Err(BadUrl::Form(_))), "{bad:?}");
        }
        assert!(matches!(shown("https://h"), Err(BadUrl::Https)));
        assert!(matches!(Target::tcp("http://h", "a\nb"), Err(BadUrl::Token(_))));
    }

    #[test]
    fn the_token_is_not_shown() {
        let target = Target::tcp("http://h", "s3cret").unwrap();
        assert!(!format!("{target:?} {target}").contains("s3cret"));
    }
}
