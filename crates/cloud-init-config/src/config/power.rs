//! `power_state`: what the machine does when all is done.

use super::fields::Fields;
use super::write::Writer;
use crate::validate::Rule;
use crate::yaml::{Mapping, Value};

/// Power off, halt or reboot at the end of the first boot.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerState {
    /// What to do.
    pub mode: PowerMode,
    /// When.
    pub delay: PowerDelay,
    /// What to tell users who are logged in.
    pub message: Option<String>,
    /// How many seconds to wait for the first boot to end; 30 where absent.
    pub timeout: Option<i64>,
    /// `false`: don't; a command (text or list): only if it succeeds.
    pub condition: Option<Value>,
    /// Keys that this crate doesn't know.
    pub other: Mapping,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerMode {
    /// Switch off.
    PowerOff,
    /// Start again.
    Reboot,
    /// Stop without switching off.
    Halt,
}

/// When to do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerDelay {
    /// At once.
    Now,
    /// After so many minutes.
    Minutes(u32),
}

const MODES: [(&str, PowerMode); 3] =
    [("poweroff", PowerMode::PowerOff), ("reboot", PowerMode::Reboot), ("halt", PowerMode::Halt)];

pub(super) fn read(fields: &mut Fields<'_>) -> Option<PowerState> {
    let map = fields.mapping("power_state")?;
    let mut inner = Fields::new("power_state", map.clone(), fields.notes());
    let mode = inner.text("mode");
    let mode = mode.as_deref().and_then(|name| MODES.iter().find(|(known, _)| *known == name));
    if mode.is_none() {
        inner.note("mode", Rule::InvalidValue, "expected poweroff, reboot or halt: nothing will happen");
    }
    let delay = read_delay(&mut inner);
    let message = inner.text("message");
    let timeout = inner.integer("timeout");
    let condition = inner.take("condition");
    let other = inner.finish(&[]);
    let (_, mode) = mode?;
    Some(PowerState {
        mode: *mode,
        delay: delay.unwrap_or(PowerDelay::Now),
        message,
        timeout,
        condition,
        other,
    })
}

fn read_delay(fields: &mut Fields<'_>) -> Option<PowerDelay> {
    let value = fields.take("delay")?;
    let delay = match &value {
        Value::String(text) if text == "now" => Some(PowerDelay::Now),
        Value::String(text) => text.strip_prefix('+').unwrap_or(text).parse().ok().map(PowerDelay::Minutes),
        Value::Int(minutes) => u32::try_from(*minutes).ok().map(PowerDelay::Minutes),
        _ => None,
    };
    if delay.is_none() {
        fields.wrong("delay", "now or a number of minutes", value);
    }
    delay
}

pub(super) fn write(power: &PowerState) -> Mapping {
    let mode = MODES.iter().find(|(_, mode)| *mode == power.mode);
    let delay: Value = match power.delay {
        PowerDelay::Now => "now".into(),
        PowerDelay::Minutes(minutes) => Value::Int(minutes.into()),
    };
    Writer::default()
        .put("mode", mode.map(|(name, _)| *name))
        .put("delay", Some(delay))
        .put("message", power.message.as_deref())
        .put("timeout", power.timeout)
        .put("condition", power.condition.clone())
        .finish(&power.other)
}
