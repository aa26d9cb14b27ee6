//! `runcmd` and `bootcmd`: commands, as a line for the shell or as arguments.

use super::fields::Fields;
use crate::validate::Rule;
use crate::yaml::Value;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line (or several) for `/bin/sh`.
    Shell(String),
    /// A program and its arguments, taken literally.
    Argv(Vec<String>),
}

impl Command {
    /// The command as a line of a shell script; arguments are quoted.
    pub fn to_shell(&self) -> String {
        match self {
            Self::Shell(line) => line.clone(),
            Self::Argv(arguments) => {
                let quoted: Vec<_> =
                    arguments.iter().map(|a| format!("'{}'", a.replace('\'', "'\\''"))).collect();
                quoted.join(" ")
            }
        }
    }

    /// The commands as one script for `/bin/sh`. As in cloud-init a failing command doesn't stop the others.
    pub fn script(commands: &[Self]) -> String {
        let lines = commands.iter().map(|command| command.to_shell() + "\n");
        std::iter::once("#!/bin/sh\n".to_owned()).chain(lines).collect()
    }
}

pub(super) fn read(fields: &mut Fields<'_>, key: &'static str) -> Vec<Command> {
    let items = fields.list(key).unwrap_or_default();
    let mut commands = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let place = format!("{key}[{at}]");
        match item {
            Value::Null => {}
            Value::String(line) => commands.push(Command::Shell(line)),
            Value::Sequence(arguments) => commands.extend(argv(fields, &place, &arguments)),
            Value::Mapping(_) => {
                let message = "expected a string or a list, found a mapping: quote a command that holds `: `";
                fields.note(&place, Rule::WrongType, message);
            }
            other => {
                let message = format!("expected a string or a list, found {}", other.kind());
                fields.note(&place, Rule::WrongType, message);
            }
        }
    }
    commands
}

fn argv(fields: &mut Fields<'_>, place: &str, arguments: &[Value]) -> Option<Command> {
    let texts: Option<Vec<_>> = arguments.iter().map(Value::scalar_text).collect();
    match texts {
        Some(texts) if !texts.is_empty() => return Some(Command::Argv(texts)),
        Some(_) => fields.note(place, Rule::InvalidValue, "the command is empty"),
        None => fields.note(place, Rule::WrongType, "expected a list of strings"),
    }
    None
}

pub(super) fn write(command: &Command) -> Value {
    match command {
        Command::Shell(line) => line.as_str().into(),
        Command::Argv(arguments) => arguments.clone().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_shell_literally() {
        let command = Command::Argv(vec!["echo".into(), "it's $HOME".into()]);
        assert_eq!(command.to_shell(), r"'echo' 'it'\''s $HOME'");
        assert_eq!(Command::script(&[command, Command::Shell("a; b".into())]).lines().count(), 3);
    }
}
