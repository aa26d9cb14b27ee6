//! Colours, where a person looks at a terminal and did not ask for none (<https://no-color.org>).

use std::io::IsTerminal;

use cumulet_client::types::instance::InstanceState;

/// A colour of the terminal's own palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Good.
    Green,
    /// On its way, or worth a look.
    Yellow,
    /// Bad.
    Red,
    /// Past or beside the point.
    Dim,
    /// Headings.
    Bold,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// Colours if standard output is a terminal that has any.
    pub fn for_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(std::io::stdout().is_terminal() && !refused)
    }

    /// `text` in `colour`.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Red => "31",
            Colour::Dim => "2",
            Colour::Bold => "1",
        };
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl From<InstanceState> for Colour {
    fn from(state: InstanceState) -> Self {
        match state {
            InstanceState::Running => Self::Green,
            InstanceState::Pending | InstanceState::Stopping | InstanceState::ShuttingDown => Self::Yellow,
            InstanceState::Stopped => Self::Red,
            InstanceState::Terminated => Self::Dim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_leaves_the_text_alone() {
        assert_eq!(Paint(false).paint(Colour::Red, "x"), "x");
        assert_eq!(Paint(true).paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
