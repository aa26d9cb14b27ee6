//! The client: requests out of typed values, answers and errors into typed values.

use std::time::Duration;

use cumulet_api_types::error::{ErrorBody, ErrorReply};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::transport::{Answer, Asked, exchange};
use crate::{Error, Result, Target};

/// How long a call may take; more than the daemon gives itself, so that its own words arrive.
const LIMIT: Duration = Duration::from_secs(75);

/// A client of one daemon; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    target: Target,
}

impl Client {
    /// A client of the daemon at `target`. Nothing is connected yet.
    pub fn new(target: Target) -> Self {
        Self { target }
    }

    /// Where the daemon is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, None::<&()>, LIMIT).await
    }

    pub(crate) async fn search<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.get(&with_query(path, query)?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.call(Method::POST, path, Some(body), LIMIT).await
    }

    pub(crate) async fn post_empty<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<T> {
        self.call(Method::POST, path, None::<&()>, limit).await
    }

    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.call(Method::PATCH, path, Some(body), LIMIT).await
    }

    /// A request whose answer has no body.
    pub(crate) async fn order(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<()> {
        self.send(method, path, body, LIMIT).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        limit: Duration,
    ) -> Result<T> {
        let request = format!("{method} {path}");
        let answer = self.send(method, path, body, limit).await?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| Error::UnknownForm { request, reason: error.to_string() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        limit: Duration,
    ) -> Result<Answer> {
        let request = format!("{method} {path}");
        let body = body.map(serde_json::to_vec).transpose();
        let body =
            body.map_err(|e| Error::UnknownForm { request: request.clone(), reason: e.to_string() })?;
        let answer = exchange(&self.target, Asked { method, path: path.to_owned(), body }, limit).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        match serde_json::from_slice::<ErrorReply>(&answer.body) {
            Ok(ErrorReply { error: body @ ErrorBody { .. } }) => {
                Err(Error::Refused { status: answer.status, body })
            }
            Err(_) => Err(Error::UnknownForm { request, reason: format!("HTTP status {}", answer.status) }),
        }
    }
}

/// `path?query`, or `path` for a query that says nothing.
pub(crate) fn with_query(path: &str, query: &impl Serialize) -> Result<String> {
    let query = serde_urlencoded::to_string(query)
        .map_err(|error| Error::UnknownForm { request: path.to_owned(), reason: error.to_string() })?;
    Ok(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}

/// A path's segment with everything percent-encoded that is not unreserved (RFC 3986, section 2.3).
pub(crate) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_can_hold_any_name() {
        assert_eq!(segment("i-0123.x_~"), "i-0123.x_~");
        assert_eq!(segment("my key/é?"), "my%20key%2F%C3%A9%3F");
    }

    #[test]
    fn a_query_that_says_nothing_leaves_the_path_alone() {
        use cumulet_api_types::instance::InstanceQuery;
        let mut query = InstanceQuery::default();
        assert_eq!(with_query("/p", &query).unwrap(), "/p");
        query.tag = Some("a=b c".into());
        assert_eq!(with_query("/p", &query).unwrap(), "/p?tag=a%3Db+c");
    }
}
