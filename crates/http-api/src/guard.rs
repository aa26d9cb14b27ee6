//! What stands around every handler: a limit of requests at a time, a limit of time, and a task of its own.
//!
//! Each request runs in its own task. So one whose caller hangs up goes on to its end instead of being dropped half
//! way through a change, and one that panics answers 500 and takes nobody with it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cumulet_model::{CloudError, ErrorCode};
use tokio::sync::Semaphore;
use tracing::error;

use crate::error::ApiError;

/// How many requests are worked on at a time; the next one is told to come again.
const AT_A_TIME: usize = 512;

/// The limits, shared by all the routes of a router.
#[derive(Clone)]
pub(crate) struct Guard {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Guard {
    /// Limits with `patience` for each answer.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME)), patience }
    }
}

/// Runs the rest of the stack under the limits.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Ok(place) = guard.places.try_acquire_owned() else {
        let text = format!("more than {AT_A_TIME} requests are being worked on; try again");
        return refuse(ErrorCode::RequestLimitExceeded, text);
    };
    let what = format!("{} {}", request.method(), request.uri().path());
    let work = tokio::spawn(async move {
        let response = next.run(request).await;
        drop(place);
        response
    });
    match tokio::time::timeout(guard.patience, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => {
            error!(request = %what, %failure, "a request's task failed");
            refuse(ErrorCode::InternalError, "the daemon met an error of its own; its log says more")
        }
        Err(_) => {
            let text = format!("no answer after {} s; the request goes on", guard.patience.as_secs());
            refuse(ErrorCode::Unavailable, text)
        }
    }
}

fn refuse(code: ErrorCode, message: impl Into<String>) -> Response {
    ApiError::from(CloudError::new(code, message)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;

    async fn panics() -> &'static str {
        panic!("a handler's bug")
    }

    async fn never() -> &'static str {
        std::future::pending().await
    }

    async fn status(path: &str, patience: Duration) -> StatusCode {
        let router = Router::new()
            .route("/panics", get(panics))
            .route("/never", get(never))
            .layer(middleware::from_fn_with_state(Guard::new(patience), guard));
        router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let patience = Duration::from_secs(60);
        assert_eq!(status("/panics", patience).await, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_given_up() {
        assert_eq!(status("/never", Duration::from_secs(60)).await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
