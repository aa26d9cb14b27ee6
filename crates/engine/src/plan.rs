//! What comes next for an instance: a pure function from its facts.

use cumulet_model::state::{Intent, Machine};

/// What a driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the launch steps.
    Launch,
    /// Take down what an unfinished start may have left, and be off.
    Abandon,
    /// Press the power button, wait, then kill.
    Shutdown,
    /// As [`Action::Shutdown`], and start again.
    Reboot,
    /// Release everything.
    Release,
    /// Nothing until something happens.
    Wait,
    /// Nothing, ever.
    Finish,
}

/// The next action for an instance with these facts. A start found under way is one that an
/// earlier daemon's death cut off, as a driver finishes what it starts before it asks again.
pub(crate) fn next(intent: Intent, machine: Machine, reboot: bool) -> Action {
    match (intent, machine) {
        (_, Machine::Released) => Action::Finish,
        (Intent::Run, Machine::Off | Machine::Resetting) => Action::Launch,
        (Intent::Run, Machine::Starting) => Action::Abandon,
        (Intent::Run, Machine::On) if reboot => Action::Reboot,
        (Intent::Run, Machine::On) => Action::Wait,
        (Intent::Stop | Intent::Terminate, Machine::On) => Action::Shutdown,
        (Intent::Stop | Intent::Terminate, Machine::Starting | Machine::Resetting) => Action::Abandon,
        (Intent::Stop, Machine::Off) => Action::Wait,
        (Intent::Terminate, Machine::Off) => Action::Release,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the facts are after an action went well.
    fn after(action: Action, machine: Machine) -> Machine {
        match action {
            Action::Launch => Machine::On,
            Action::Abandon | Action::Shutdown => Machine::Off,
            Action::Reboot => Machine::Resetting,
            Action::Release => Machine::Released,
            Action::Wait | Action::Finish => machine,
        }
    }

    proptest! {
        /// Whatever the facts are, and however often the intent changed before, actions that go well come to rest in
        /// what is wanted within a few steps.
        #[test]
        fn every_instance_comes_to_rest_in_what_is_wanted(
            intent in prop::sample::select(vec![Intent::Run, Intent::Stop, Intent::Terminate]),
            start in prop::sample::select(vec![Machine::Off, Machine::Starting, Machine::On, Machine::Resetting]),
            reboot: bool,
        ) {
            let (mut machine, mut reboot) = (start, reboot);
            for _ in 0..4 {
                let action = next(intent, machine, reboot);
                reboot &= action != Action::Reboot;
                machine = after(action, machine);
            }
            let wanted = match intent {
                Intent::Run => Machine::On,
                Intent::Stop => Machine::Off,
                Intent::Terminate => Machine::Released,
            };
            prop_assert_eq!(machine, wanted);
        }
    }
}
