//! Reading a request's body, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use cumulet_model::{CloudError, ErrorCode};

/// Far more than the largest real request: user data is 16 KiB, a thousand rules are some 200 KiB.
const MAX_BODY: usize = 512 * 1024;
/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole body.
pub async fn read(body: Body) -> Result<Bytes, CloudError> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let text = format!("The request's body must come whole and be at most {MAX_BODY} bytes");
            Err(CloudError::new(ErrorCode::RequestTooLarge, text))
        }
        Err(_) => {
            let text = format!("The request's body did not come within {} seconds", PATIENCE.as_secs());
            Err(CloudError::new(ErrorCode::RequestExpired, text))
        }
    }
}
