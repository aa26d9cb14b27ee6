//! `POST /v1/instances/{id}/exec`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cumulet_agent_client::OutputLimits;
use cumulet_agent_client::protocol::{self as wire, Command, Exit, TerminalSize};
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::guest::{Exec, ExecResult};
use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, ErrorCode};

use crate::convert::{base64_from, base64_to};
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;
use crate::upgrade::Upgrade;

/// How long a program may run whose end is waited for.
const LONGEST: u32 = 50;

/// How much is kept of each of its outputs.
const OUTPUT: usize = 1 << 20;

/// Runs a program in an instance by its agent, and answers when it has ended.
///
/// With `Connection: upgrade` and `Upgrade: cumulet-agent` the answer is 101, and the connection carries the program's
/// streams from then on, as frames of the agent's protocol. A caller that hangs up ends the program.
#[utoipa::path(post, path = "/v1/instances/{id}/exec", operation_id = "exec", tag = "guests",
    params(("id" = String, Path, description = "The instance's id")), request_body = Exec, responses(
        (status = 200, description = "It has ended", body = ExecResult),
        (status = 101, description = "It runs, and its streams follow"),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn exec(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    upgrade: Option<Upgrade>,
    Body(request): Body<Exec>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let only_for = |field: &str, kind: &str| CloudError::combination(format!("{field}: only for {kind}"));
    let mut exec = wire::Exec {
        argv: request.argv,
        env: request.env,
        cwd: request.cwd,
        user: request.user,
        terminal: None,
        stdin: false,
    };
    if let Some(upgrade) = upgrade {
        if request.stdin_base64.is_some() || request.timeout_seconds.is_some() {
            let text = "stdin_base64, timeout_seconds";
            return Err(only_for(text, "a program whose end is waited for").into());
        }
        exec.stdin = request.stdin;
        exec.terminal = request.terminal.map(|size| TerminalSize { columns: size.columns, rows: size.rows });
        return upgrade.stream_to(&api, &id, Command::Exec(exec)).await;
    }
    if request.stdin || request.terminal.is_some() {
        return Err(only_for("stdin, terminal", "a stream, with `Upgrade: cumulet-agent`").into());
    }
    let seconds = request.timeout_seconds.unwrap_or(LONGEST);
    if !(1..=LONGEST).contains(&seconds) {
        return Err(CloudError::invalid_value(format!("timeout_seconds: 1 to {LONGEST}")).into());
    }
    let stdin = request.stdin_base64.unwrap_or_default();
    let stdin = base64_from("stdin_base64", &stdin, ErrorCode::InvalidParameterValue)?;
    let limits = OutputLimits { bytes: OUTPUT, time: Duration::from_secs(seconds.into()) };
    let done = api.cloud.agent_run(&id, exec, &stdin, limits).await?;
    let (exit_status, signal) = match done.exit {
        Exit::Status(status) => (Some(status), None),
        Exit::Signal(signal) => (None, Some(signal)),
    };
    let result = ExecResult {
        exit_status,
        signal,
        stdout_base64: base64_to(&done.stdout),
        stderr_base64: base64_to(&done.stderr),
        truncated: done.is_cut,
    };
    Ok(Json(result).into_response())
}
