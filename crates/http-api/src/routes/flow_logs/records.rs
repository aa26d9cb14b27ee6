//! `GET /v1/flow-logs/{id}/records`.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::flow_log::{RecordLine, RecordsQuery};
use cumulet_model::error::parse_id;
use futures::StreamExt;

use crate::convert::flow_log::{flow_log_to, line_to};
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// So many records are given when a caller doesn't say.
const USUAL_LAST: usize = 100;
const NDJSON: &str = "application/x-ndjson";

/// The last records of a flow log, and with `follow=true` each that comes, as lines of JSON. A caller that reads slowly is
/// waited for, and told if records were removed meanwhile.
#[utoipa::path(get, path = "/v1/flow-logs/{id}/records", operation_id = "read_flow_log", tag = "network",
    params(("id" = String, Path, description = "Its id"), RecordsQuery), responses(
        (status = 200, description = "Lines of JSON", body = RecordLine, content_type = "application/x-ndjson"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn records(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<RecordsQuery>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let place = if query.follow { Some(api.streams.place()?) } else { None };
    let last = query.last.unwrap_or(USUAL_LAST);
    let (described, lines) = api.cloud.flow_log_records(&id, last, query.follow).await?;
    let fields = flow_log_to(described).fields;
    let lines = futures::stream::unfold((lines, place), async |(mut lines, place)| {
        let line = lines.recv().await?;
        Some((line, (lines, place)))
    });
    let body = lines.map(move |line| std::result::Result::<_, Infallible>::Ok(line_to(line, &fields)));
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    Ok(response)
}
