//! One request: may it be made, by whom, and what is the answer.

use std::net::IpAddr;
use std::time::Instant;

use cumulet_model::VpcId;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use tracing::{debug, warn};

use crate::answer::{self, Answer, FORWARDED_HEADER, TOKEN_HEADER, TTL_HEADER};
use crate::path::Path;
use crate::server::Shared;
use crate::source::InstanceMetadata;
use crate::throttle::Throttle;
use crate::{token, tree, versions};

/// What is known of a caller besides its request.
pub(crate) struct Caller<'a> {
    pub vpc: &'a VpcId,
    pub address: IpAddr,
    pub throttle: &'a Throttle,
}

/// An answer, and the hop limit that its packets must have.
pub(crate) struct Outcome {
    pub answer: Answer,
    pub hop_limit: Option<u8>,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, hop_limit: None }
    }
}

/// Answers a request. Its body is never read.
pub(crate) async fn request(
    shared: &Shared,
    caller: &Caller<'_>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Outcome {
    if !caller.throttle.request(caller.address, Instant::now()) {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE).into();
    }
    let facts = match shared.source.by_address(caller.vpc, caller.address).await {
        Ok(Some(facts)) => facts,
        Ok(None) => {
            debug!(vpc = %caller.vpc, address = %caller.address, "an address without an instance asked for metadata");
            return answer::error(StatusCode::NOT_FOUND).into();
        }
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            warn!(vpc = %caller.vpc, address = %caller.address, error, "metadata can't be answered");
            return answer::error(StatusCode::INTERNAL_SERVER_ERROR).into();
        }
    };
    let options = &facts.instance.metadata_options;
    if !options.endpoint_enabled || (caller.address.is_ipv6() && !options.ipv6_enabled) {
        return answer::error(StatusCode::FORBIDDEN).into();
    }
    let Some(path) = Path::parse(path) else { return answer::error(StatusCode::NOT_FOUND).into() };
    if path.as_strs() == ["latest", "api", "token"] {
        return issue(shared, &facts, method, headers);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return answer::method_not_allowed("GET, HEAD").into();
    }
    if !may_read(shared, &facts, headers) {
        return answer::error(StatusCode::UNAUTHORIZED).into();
    }
    read(shared, &facts, &path).into()
}

/// `PUT /latest/api/token`.
fn issue(shared: &Shared, facts: &InstanceMetadata, method: &Method, headers: &HeaderMap) -> Outcome {
    if *method != Method::PUT {
        return answer::method_not_allowed("PUT").into();
    }
    // A proxy that was tricked into asking adds this; the guest's own programs don't.
    if headers.contains_key(FORWARDED_HEADER) {
        return answer::error(StatusCode::FORBIDDEN).into();
    }
    let ttl = headers.get(TTL_HEADER).and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=token::LONGEST_TTL).contains(ttl)) else {
        return answer::error(StatusCode::BAD_REQUEST).into();
    };
    let token = shared.tokens.issue(&facts.instance.id, (shared.clock)(), ttl);
    let hop_limit = Some(facts.instance.metadata_options.hop_limit.clamp(1, 64));
    Outcome { answer: answer::token(token, ttl), hop_limit }
}

/// A token that is given must be good, whether one is required or not.
fn may_read(shared: &Shared, facts: &InstanceMetadata, headers: &HeaderMap) -> bool {
    match headers.get(TOKEN_HEADER) {
        Some(token) => shared.tokens.verify(token.as_bytes(), &facts.instance.id, (shared.clock)()),
        None => !facts.instance.metadata_options.tokens_required,
    }
}

fn read(shared: &Shared, facts: &InstanceMetadata, path: &Path) -> Answer {
    let parts = path.as_strs();
    let not_found = || answer::error(StatusCode::NOT_FOUND);
    match parts.as_slice() {
        [] => answer::text(versions::listing().into()),
        [version, ..] if !versions::exists(version) => not_found(),
        [_, "user-data"] if !path.is_folder => match &facts.user_data {
            Some(bytes) => answer::octets(bytes.clone().into()),
            None => not_found(),
        },
        [_, rest @ ..] => match tree::of(facts, &shared.identity).find(rest, path.is_folder) {
            Some(body) => answer::text(body),
            None => not_found(),
        },
    }
}
