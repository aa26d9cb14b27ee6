//! What machines' jails need of the host: the jailer itself, and what of a jail the kernel has.

use cumulet_jailer::probe::{Finding, State, probe};

use super::programs::find;
use super::row::Row;

/// The jailer's program.
const JAILER: &str = "cumulet-jailer";

/// The program, and the kernel's side.
pub fn check() -> Vec<Row> {
    let mut rows = vec![jailer()];
    rows.extend(probe().into_iter().map(row));
    rows
}

fn jailer() -> Row {
    let beside =
        std::env::current_exe().ok().map(|exe| exe.with_file_name(JAILER)).filter(|path| path.is_file());
    match beside.or_else(|| find(JAILER)) {
        Some(path) => Row::ok("jailer", path.display().to_string()),
        None => Row::fail(
            "jailer",
            format!("{JAILER} was not found, and no machine starts without it"),
            "put it beside cumuletd: cargo build --release -p cumulet-jailer",
        ),
    }
}

fn row(finding: Finding) -> Row {
    match finding.state {
        State::There => Row::ok(finding.name, finding.what),
        State::Without(mend) => Row::warn(finding.name, finding.what, mend),
        State::Needed(mend) => Row::fail(finding.name, finding.what, mend),
    }
}
