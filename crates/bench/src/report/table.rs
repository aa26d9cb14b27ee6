//! A report for people: a block for each figure.

use super::{Figure, Report, Row};
use std::fmt::{self, Display, Write};

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.host)?;
        self.figures.iter().try_for_each(|figure| write!(f, "\n{figure}"))
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}{})",
            self.title,
            self.unit,
            if self.less_is_better { "" } else { ", more is better" }
        )?;
        writeln!(f, "    {}", self.stop)?;
        let width = self.rows.iter().map(|row| row.who.len()).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "  {:<width$}  {}{}", row.who, values(row), self.beside(row))?;
        }
        for verdict in self.verdicts() {
            let met = match verdict.met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "can't be told here",
            };
            writeln!(f, "  goal: {}: {met}", verdict.goal)?;
        }
        Ok(())
    }
}

impl Figure {
    /// The row's ratios to peers.
    fn beside(&self, row: &Row) -> String {
        let mut text = String::new();
        for ratio in self.ratios().iter().filter(|ratio| ratio.who == row.who) {
            // Writing to a string can't fail.
            let _ = write!(text, "  {:.2} x {}", ratio.ratio, ratio.to);
        }
        text
    }
}

fn values(row: &Row) -> String {
    let note = row.note.as_deref().unwrap_or("");
    let Some(spread) = &row.spread else { return format!("-  {note}") };
    let mut text = format!(
        "median {:>9}  p10 {:>9}  p90 {:>9}",
        number(spread.median),
        number(spread.p10),
        number(spread.p90)
    );
    if let Some(p99) = spread.p99 {
        let _ = write!(text, "  p99 {:>9}", number(p99));
    }
    let _ = write!(text, "  n {:<4}", spread.n);
    if !note.is_empty() {
        let _ = write!(text, "  ({note})");
    }
    text
}

/// Three digits that mean something, or all of a larger number.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Rule;

    #[test]
    fn a_block_names_the_event_the_values_the_ratio_and_the_goal() {
        let mut figure = Figure::new("boot", "Boot", "ms", "until init").goal("cumulet", Rule::Median(40.0));
        figure.row("cumulet", false, &[20.0], None);
        figure.row("QEMU", true, &[40.0], None);
        figure.row("Firecracker", true, &[], Some("not there".into()));
        let text = figure.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["Boot (ms)", "    until init"]);
        assert!(lines[2].starts_with("  cumulet      median      20.0  p10"), "{text}");
        assert!(lines[2].ends_with("n 1     0.50 x QEMU"), "{text}");
        assert_eq!(lines[4], "  Firecracker  -  not there");
        assert_eq!(lines[5], "  goal: cumulet: median at most 40 ms: met");
    }
}
