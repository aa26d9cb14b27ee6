//! What an instance's agent does.

use cumulet_api_types::guest::{Agent, Exec, ExecResult, Forward, GetFiles, PutFiles};

use crate::client::segment;
use crate::{AgentStream, Client, Result};

fn path(id: &str, rest: &str) -> String {
    format!("/v1/instances/{}{rest}", segment(id))
}

impl Client {
    /// Who the agent of an instance is.
    pub async fn agent(&self, id: &str) -> Result<Agent> {
        self.get(&path(id, "/agent")).await
    }

    /// Runs a program to its end, which must come within 50 s.
    pub async fn exec(&self, id: &str, exec: &Exec) -> Result<ExecResult> {
        self.post(&path(id, "/exec"), exec).await
    }

    /// Runs a program, its streams with it. The first answer is `started`.
    pub async fn exec_stream(&self, id: &str, exec: &Exec) -> Result<AgentStream> {
        self.stream(&path(id, "/exec"), exec).await
    }

    /// Connects from within an instance. The first answer is `ready`.
    pub async fn forward(&self, id: &str, forward: &Forward) -> Result<AgentStream> {
        self.stream(&path(id, "/forward"), forward).await
    }

    /// Gets a file or directory. The first answer is `ready`; the tree follows.
    pub async fn get_files(&self, id: &str, get: &GetFiles) -> Result<AgentStream> {
        self.stream(&path(id, "/files/get"), get).await
    }

    /// Puts a file or directory. The first answer is `ready`; then the tree may be sent.
    pub async fn put_files(&self, id: &str, put: &PutFiles) -> Result<AgentStream> {
        self.stream(&path(id, "/files/put"), put).await
    }
}
