//! What every command has at hand.

use cumulet_client::{Client, DEFAULT_SOCKET, Target};

use crate::args::Global;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::output::{Paint, json};

/// The client, how to print, and where keys are.
pub struct Context {
    /// Talks to the daemon.
    pub client: Client,
    /// Whether to print JSON.
    pub json: bool,
    /// Colours of standard output.
    pub paint: Paint,
    /// `~/.cumulet`.
    pub home: Home,
}

impl Context {
    /// From the global options.
    pub fn new(global: &Global) -> Result<Self> {
        let target = match (&global.url, &global.token) {
            (None, _) => Target::Unix(global.socket.clone().unwrap_or_else(|| DEFAULT_SOCKET.into())),
            (Some(url), Some(token)) => Target::tcp(url, token)?,
            (Some(_), None) => {
                let text =
                    "--url needs --token (or CUMULET_TOKEN): the daemon keeps it in its state directory";
                return Err(Failure::Usage(text.into()));
            }
        };
        Ok(Self {
            client: Client::new(target),
            json: global.json,
            paint: Paint::for_stdout(),
            home: Home::from_env()?,
        })
    }

    /// Prints `value` as JSON where that was asked for; tells whether it was.
    pub fn printed_json(&self, value: &impl serde::Serialize) -> Result<bool> {
        if self.json {
            json::print(value)?;
        }
        Ok(self.json)
    }
}
