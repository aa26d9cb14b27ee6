//! The metadata service, seen from inside: waited for at boot, asked with a token where it gives one.

use std::time::{Duration, Instant};

use crate::http::{HttpError, Request, Response, Url};

/// The most bytes of one answer: user data has at most 16 KiB, keys and names less.
const MOST_BYTES: usize = 1 << 20;
/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// As long as the service allows; the phases are over much earlier.
const TOKEN_SECONDS: &str = "21600";

/// Why the service's answer can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Nobody answered in time.
    #[error("no answer within {seconds} seconds")]
    NotThere {
        /// How long was waited.
        seconds: u64,
        /// The last failure.
        #[source]
        source: Box<HttpError>,
    },
    /// The request failed.
    #[error("{path} can't be fetched")]
    Request {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Box<HttpError>,
    },
    /// It answered with an error.
    #[error("{path} is answered with status {status}")]
    Status {
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
    },
    /// The answer is no text.
    #[error("{path} is not text")]
    NotText {
        /// What was asked for.
        path: String,
    },
}

/// A service that answered once.
#[derive(Debug)]
pub struct Metadata {
    base: Url,
    token: Option<String>,
}

impl Metadata {
    /// Waits until the service answers, then takes a token. Without one (version 1 only) it goes on without.
    ///
    /// At boot the network may come at any moment, so a connection is tried often at first and seldom later.
    pub fn wait(url: &str, seconds: u64) -> Result<Self, MetadataError> {
        let bad = |source| MetadataError::Request { path: url.to_owned(), source: Box::new(source) };
        let base = Url::parse(url).map_err(bad)?;
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let started = Instant::now();
        loop {
            match token(&base) {
                // Throttled or not ready: as good as not there yet.
                Ok(response) if response.status >= 500 && Instant::now() < deadline => {}
                Ok(response) => return Ok(Self { base, token: token_of(&response) }),
                Err(source) if Instant::now() >= deadline => {
                    return Err(MetadataError::NotThere { seconds, source: Box::new(source) });
                }
                Err(_) => {}
            }
            let early = started.elapsed() < Duration::from_secs(10);
            std::thread::sleep(Duration::from_millis(if early { 20 } else { 500 }));
        }
    }

    /// A file of the tree below `/latest/`; none where there is no such.
    pub fn get(&self, path: &str) -> Result<Option<Vec<u8>>, MetadataError> {
        let url = self.base.with_path(&format!("/latest/{path}"));
        let token = self.token.as_deref().map(|token| ("X-aws-ec2-metadata-token", token));
        let headers: Vec<_> = token.into_iter().collect();
        for attempt in 1.. {
            let request = Request {
                method: "GET",
                url: &url,
                headers: &headers,
                limit: MOST_BYTES,
                timeout: REQUEST_TIME,
            };
            let failed = |source| MetadataError::Request { path: path.to_owned(), source: Box::new(source) };
            match request.send() {
                Ok(Response { status: 200, body, .. }) => return Ok(Some(body)),
                Ok(Response { status: 404, .. }) => return Ok(None),
                Ok(response) if response.status < 500 || attempt >= ATTEMPTS => {
                    return Err(MetadataError::Status { path: path.to_owned(), status: response.status });
                }
                Err(error) if attempt >= ATTEMPTS => return Err(failed(error)),
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(100) * attempt),
            }
        }
        Ok(None)
    }

    /// The same as text, without white space around it.
    pub fn text(&self, path: &str) -> Result<Option<String>, MetadataError> {
        let Some(bytes) = self.get(path)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| MetadataError::NotText { path: path.to_owned() })?;
        Ok(Some(text.trim().to_owned()))
    }

    /// The instance's id.
    pub fn instance_id(&self) -> Result<String, MetadataError> {
        let path = "meta-data/instance-id";
        self.text(path)?.ok_or_else(|| MetadataError::Status { path: path.to_owned(), status: 404 })
    }

    /// The public keys that were named at launch, as lines for `authorized_keys`.
    pub fn public_keys(&self) -> Result<Vec<String>, MetadataError> {
        let listing = self.text("meta-data/public-keys/")?.unwrap_or_default();
        let mut keys = Vec::new();
        // Each line is `index=name`.
        for index in listing.lines().filter_map(|line| line.split('=').next()).take(100) {
            keys.extend(self.text(&format!("meta-data/public-keys/{index}/openssh-key"))?);
        }
        Ok(keys)
    }
}

/// How often a request is tried before its failure counts.
const ATTEMPTS: u32 = 5;

fn token(base: &Url) -> Result<Response, HttpError> {
    let url = base.with_path("/latest/api/token");
    let headers = [("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)];
    Request { method: "PUT", url: &url, headers: &headers, limit: 4096, timeout: REQUEST_TIME }.send()
}

fn token_of(response: &Response) -> Option<String> {
    let text = String::from_utf8(response.body.clone()).ok()?;
    let usable = response.status == 200 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    usable.then_some(text)
}
