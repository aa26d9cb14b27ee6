//! The endpoint: reads a request, finds out who sent it, runs its action, answers in XML.
//!
//! A request that has come whole is answered in a task of its own, so that it is carried out also when its client hangs
//! up, and a panic ends as an `InternalError`.

mod authenticate;
mod body;
mod respond;
mod service;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Response, header};
use axum::routing::post;
use cumulet_engine::Cloud;
use cumulet_model::{CloudError, ErrorCode};
use tracing::{debug, info, warn};

use crate::Clock;
use crate::actions::{self, Action};
use crate::call::Call;
use crate::query::{Query, decode_pairs};
pub use service::Service;

/// The EC2 endpoint of a cloud: `POST /` and `GET /`, answering EC2's actions and STS's GetCallerIdentity.
pub fn router(cloud: Cloud, clock: Clock) -> Router {
    let api = Api { cloud, clock };
    Router::new().route("/", post(serve).get(serve)).fallback(nothing_here).with_state(api)
}

#[derive(Clone)]
struct Api {
    cloud: Cloud,
    clock: Clock,
}

async fn nothing_here() -> Response<Body> {
    let text = "There is nothing at this path: requests go to /";
    let error = CloudError::new(ErrorCode::InvalidAction, text);
    respond::failure(Service::Ec2, &error, &respond::request_id())
}

async fn serve(State(api): State<Api>, request: Request) -> Response<Body> {
    let request_id = respond::request_id();
    let (parts, body) = request.into_parts();
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(error) => return respond::failure(Service::Ec2, &error, &request_id),
    };
    let task = tokio::spawn(answer(api, parts, body, request_id.clone()));
    task.await.unwrap_or_else(|error| {
        warn!(request = %request_id, %error, "a request broke off");
        let error = CloudError::internal("An internal error has occurred");
        respond::failure(Service::Ec2, &error, &request_id)
    })
}

/// Answers a request that has come whole, and logs it.
async fn answer(api: Api, parts: Parts, body: Bytes, request_id: String) -> Response<Body> {
    let started = Instant::now();
    let mut service = Service::Ec2;
    let call = match admit(&api, &parts, &body, &mut service).await {
        Ok(call) => call,
        Err(error) => {
            info!(request = %request_id, %error, "turned a request away");
            return respond::failure(service, &error, &request_id);
        }
    };
    let (call, action) = (Arc::new(call.0), call.1);
    let outcome = (action.run)(call.clone()).await;
    let (action, key, millis) = (action.name, call.access_key.as_str(), started.elapsed().as_millis());
    match &outcome {
        Ok(_) if actions::is_read_only(action) => {
            debug!(action, key, request = %request_id, millis, "answered a request");
        }
        Ok(_) => info!(action, key, request = %request_id, millis, "answered a request"),
        Err(error) if error.code.http_status() >= 500 => {
            warn!(action, key, request = %request_id, millis, %error, "a request failed");
        }
        Err(error) => info!(action, key, request = %request_id, millis, %error, "refused a request"),
    }
    match outcome {
        Ok(xml) => respond::success(service, action, xml, &call.warnings(), &request_id),
        Err(error) => respond::failure(service, &error, &request_id),
    }
}

/// Finds out who sent a request and what it asks for. Sets `service` as soon as it is known.
async fn admit(
    api: &Api,
    parts: &Parts,
    body: &[u8],
    service: &mut Service,
) -> Result<(Call, &'static Action), CloudError> {
    let in_url = decode_pairs(parts.uri.query().unwrap_or_default().as_bytes()).map_err(malformed)?;
    let caller = authenticate::caller(api, parts, &in_url, body, service).await?;
    let in_body = decode_pairs(body).map_err(malformed)?;
    let query =
        Query::new(in_url.into_iter().filter(|(name, _)| !name.starts_with("X-Amz-")).chain(in_body))?;
    let action = find_action(*service, &query)?;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok((Call::new(api.cloud.clone(), action.name, caller, host.to_owned(), query), action))
}

fn malformed(error: crate::query::DecodeError) -> CloudError {
    CloudError::new(ErrorCode::MalformedQueryString, error.to_string())
}

fn find_action(service: Service, query: &Query) -> Result<&'static Action, CloudError> {
    let params = query.params();
    let name = params.text("Action").ok_or_else(|| {
        CloudError::new(ErrorCode::MissingAction, "The request must contain the parameter Action")
    })?;
    match params.text("Version") {
        Some(version) if version != service.version() => {
            let rule = format!("this cloud speaks version {}", service.version());
            return Err(params.invalid("Version", version, &rule));
        }
        _ => {}
    }
    actions::find(service, name)
}
