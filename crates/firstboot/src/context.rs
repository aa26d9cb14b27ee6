//! What a phase works with, and how it says what it did.

use cumulet_cloud_init_config::Warning;

use crate::args::Arguments;
use crate::error::{ActionError, chain};
use crate::log::Log;
use crate::report::{Problem, Report};
use crate::settings::Settings;
use crate::system::System;

/// One run of one phase.
#[derive(Debug)]
pub struct Context {
    /// The machine.
    pub system: System,
    /// The settings.
    pub settings: Settings,
    /// The story.
    pub log: Log,
    /// The outcome so far.
    pub report: Report,
    phase: &'static str,
    failures_before: usize,
}

impl Context {
    /// Gets ready for the phase that the command line asks for.
    pub fn new(arguments: Arguments) -> Result<Self, ActionError> {
        let system = System::new(&arguments.root);
        let settings = Settings::load(&system, &arguments)?;
        let report = Report::load(&system);
        let log = Log::open(&system);
        let failures_before = report.failed.len();
        Ok(Self { system, settings, log, report, phase: arguments.phase.name(), failures_before })
    }

    /// Does one thing and notes how it went. A failure doesn't stop what comes after.
    pub fn act(&mut self, what: &str, action: impl FnOnce(&mut Self) -> Result<(), ActionError>) {
        match action(self) {
            Ok(()) => {
                self.log.say(&format!("done: {what}"));
                self.report.done.push(what.to_owned());
            }
            Err(error) => {
                let why = chain(&error);
                self.log.say(&format!("FAILED: {what}: {why}"));
                self.report.failed.push(Problem { what: what.to_owned(), why });
            }
        }
    }

    /// Notes that something was done at an earlier boot.
    pub fn skip(&mut self, what: &str) {
        self.report.skipped.push(what.to_owned());
    }

    /// Notes that user data asks for something that isn't done here.
    pub fn not_implemented(&mut self, what: &str) {
        self.log.say(&format!("NOT DONE: {what}: this image doesn't do that, use one with cloud-init"));
        self.report.not_implemented.push(what.to_owned());
    }

    /// Notes what is wrong in user data.
    pub fn warn(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.log.say(&format!("user data: {warning}"));
            self.report.warnings.push(warning.to_string());
        }
    }

    /// Ends the phase: writes the report. True where nothing failed.
    pub fn finish(mut self, outcome: Result<(), ActionError>) -> Result<bool, ActionError> {
        if let Err(error) = &outcome {
            let why = chain(error);
            self.log.say(&format!("FAILED: {}: {why}", self.phase));
            self.report.failed.push(Problem { what: self.phase.to_owned(), why });
        }
        self.report.finished.push(self.phase.to_owned());
        self.report.save(&self.system)?;
        let failures = self.report.failed.len() - self.failures_before;
        self.log.say(&format!("{} finished, {failures} failed", self.phase));
        Ok(failures == 0)
    }
}
