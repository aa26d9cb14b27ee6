//! Who may come in: by the unix socket everybody whom its file lets in, by TCP who holds the token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cumulet_model::ErrorCode;
use subtle::ConstantTimeEq;

use crate::error::ApiError;

/// How a router's requests come in.
#[derive(Clone)]
pub enum Door {
    /// A unix socket: the permissions of its file are the check.
    UnixSocket,
    /// TCP: each request carries `Authorization: Bearer TOKEN`.
    Tcp {
        /// The token; must not be empty.
        token: String,
        /// Host names that requests may be addressed to, besides addresses and `localhost`.
        host_names: Vec<String>,
    },
}

/// A TCP door's check, shared by its requests.
#[derive(Clone)]
pub(crate) struct Check(Arc<(String, Vec<String>)>);

impl Check {
    pub(crate) fn new(token: String, host_names: Vec<String>) -> Self {
        Self(Arc::new((token, host_names)))
    }
}

/// Lets a request through that is addressed to this host and carries the token.
///
/// A web page can make its own name resolve to 127.0.0.1 and have its visitor's browser talk to us (DNS rebinding);
/// but then the Host header has the page's name in it, so names that nobody configured are refused.
pub(crate) async fn check(State(check): State<Check>, request: Request, next: Next) -> Response {
    let (token, names) = &*check.0;
    if !host_is_ours(&request, names) {
        let text = "the Host header must be an address, localhost, or a configured name";
        return ApiError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden.as_str(), text).into_response();
    }
    if !carries(&request, token) {
        let text = "this API takes the header `Authorization: Bearer TOKEN` with the daemon's token";
        let refusal = ApiError::new(StatusCode::UNAUTHORIZED, ErrorCode::AuthFailure.as_str(), text);
        return ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response();
    }
    next.run(request).await
}

fn carries(request: &Request, token: &str) -> bool {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(7))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "))
        .map(|(_, given)| given);
    match given {
        Some(given) => !token.is_empty() && bool::from(given.ct_eq(token.as_bytes())),
        None => false,
    }
}

fn host_is_ours(request: &Request, names: &[String]) -> bool {
    let header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(host) = header.and_then(host_of) else { return false };
    host.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

/// The host of `host`, `host:port` or `[v6]:port`.
fn host_of(header: &str) -> Option<&str> {
    if let Some(rest) = header.strip_prefix('[') {
        return rest.split_once(']').map(|(host, _)| host);
    }
    header.split(':').next().filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(headers: &[(header::HeaderName, &str)]) -> Request {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn only_the_whole_token_opens() {
        let with = |value: &str| carries(&request(&[(header::AUTHORIZATION, value)]), "s3cret");
        assert!(with("Bearer s3cret"));
        assert!(with("bearer s3cret"), "RFC 9110: the scheme's case does not matter");
        for wrong in ["Bearer s3cre", "Bearer s3cretx", "Bearer ", "Bearer", "Basic s3cret", "s3cret", ""] {
            assert!(!with(wrong), "{wrong:?}");
        }
        assert!(!carries(&request(&[]), "s3cret"));
        assert!(
            !carries(&request(&[(header::AUTHORIZATION, "Bearer ")]), ""),
            "an empty token opens nothing"
        );
    }

    #[test]
    fn a_name_that_nobody_configured_is_not_this_host() {
        let names = ["cloud.lan".to_owned()];
        let ours = |host: &str| host_is_ours(&request(&[(header::HOST, host)]), &names);
        for host in ["127.0.0.1:8774", "10.1.2.3", "[::1]:8774", "localhost:8774", "LOCALHOST", "Cloud.lan:1"]
        {
            assert!(ours(host), "{host}");
        }
        for host in ["rebound.example:8774", "localhost.example", "", ":8774", "cloud.lan.example"] {
            assert!(!ours(host), "{host:?}");
        }
        assert!(!host_is_ours(&request(&[]), &names));
    }
}
