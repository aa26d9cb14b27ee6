//! `http://host[:port]/path`.

use super::HttpError;

/// An address that is fetched here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// The port; 80 where none is written.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
}

impl Url {
    /// Reads an address. Only plain http is one.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let bad = || HttpError::BadUrl { url: text.chars().take(200).collect() };
        if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
            return Err(bad());
        }
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(80), str::parse).map_err(|_| bad())?;
        if host.is_empty() || host.contains('@') {
            return Err(bad());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), port, path: format!("{slash}{path}") })
    }

    /// Another path on the same host.
    pub fn with_path(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url = Url::parse("http://[fd00:ec2::254]:8080/a?b=c#d").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("fd00:ec2::254", 8080, "/a?b=c"));
        assert_eq!(url.authority(), "[fd00:ec2::254]:8080");
        assert_eq!(Url::parse("http://host").unwrap().path, "/");
        for bad in ["https://a/", "ftp://a", "http://", "http://a:99999/", "http://a/\r\nX: y", "http://u@h/"]
        {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }
}
