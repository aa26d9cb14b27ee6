//! The endpoint: reads a request, finds out who sent it, runs its action, answers in XML.
//!
//! An action runs as a task of its own, so that a client which hangs up does not leave a launch half done, and a panic
//! ends as an `InternalError`.

mod authenticate;
mod body;
mod respond;
mod service;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
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
    let (started, request_id) = (Instant::now(), respond::request_id());
    let (parts, body) = request.into_parts();
    let mut service = Service::Ec2;
    let outcome = answer(&api, &parts, body, &mut service).await;
    let millis = started.elapsed().as_millis();
    match outcome {
        Ok((call, xml)) => {
            let (action, key) = (call.action, call.access_key.as_str());
            if actions::is_read_only(action) {
                debug!(action, key, request = %request_id, millis, "answered a request");
            } else {
                info!(action, key, request = %request_id, millis, "answered a request");
            }
            respond::success(service, action, xml, &call.warnings(), &request_id)
        }
        Err((action, error)) => {
            if error.code.http_status() >= 500 {
                warn!(action, request = %request_id, millis, %error, "a request failed");
            } else {
                info!(action, request = %request_id, millis, %error, "refused a request");
            }
            respond::failure(service, &error, &request_id)
        }
    }
}

type Answered = (Arc<Call>, crate::xml::Xml);

async fn answer(
    api: &Api,
    parts: &Parts,
    body: Body,
    service: &mut Service,
) -> Result<Answered, (&'static str, CloudError)> {
    let unnamed = |error: CloudError| ("", error);
    let body = body::read(body).await.map_err(unnamed)?;
    let raw = parts.uri.query().unwrap_or_default();
    let in_url = decode_pairs(raw.as_bytes()).map_err(malformed).map_err(unnamed)?;
    let caller = authenticate::caller(api, parts, &in_url, &body, service).await.map_err(unnamed)?;
    let in_body = decode_pairs(&body).map_err(malformed).map_err(unnamed)?;
    let pairs = in_url.into_iter().filter(|(name, _)| !name.starts_with("X-Amz-")).chain(in_body);
    let query = Query::new(pairs).map_err(unnamed)?;
    let action = find_action(*service, &query).map_err(unnamed)?;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let call = Arc::new(Call::new(api.cloud.clone(), action.name, caller, host.to_owned(), query));
    let xml = run(action, call.clone()).await.map_err(|error| (action.name, error))?;
    Ok((call, xml))
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

async fn run(action: &'static Action, call: Arc<Call>) -> crate::call::Answer {
    match tokio::spawn((action.run)(call)).await {
        Ok(answer) => answer,
        Err(error) => {
            warn!(action = action.name, %error, "an action broke off");
            Err(CloudError::internal("An internal error has occurred"))
        }
    }
}
