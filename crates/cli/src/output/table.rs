//! Tables: a heading and left-aligned columns, two spaces apart, no lines, so that `awk` can read them too.

use super::{Colour, Paint};
use crate::failure::Result;

/// A table being filled.
pub struct Table {
    paint: Paint,
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(paint: Paint, headings: &[&'static str]) -> Self {
        Self { paint, headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Begins a row.
    pub fn row(&mut self) -> &mut Self {
        self.rows.push(Vec::new());
        self
    }

    /// Adds a cell to the row.
    pub fn cell(&mut self, text: impl Into<String>) -> &mut Self {
        self.put(text.into(), None)
    }

    /// Adds a coloured cell to the row.
    pub fn coloured(&mut self, colour: Colour, text: impl Into<String>) -> &mut Self {
        self.put(text.into(), Some(colour))
    }

    fn put(&mut self, text: String, colour: Option<Colour>) -> &mut Self {
        if let Some(row) = self.rows.last_mut() {
            row.push(Cell { text: printable(&text), colour });
        }
        self
    }

    /// Prints it on standard output.
    pub fn print(&self) -> Result<()> {
        super::put(self.render().as_bytes())
    }

    fn render(&self) -> String {
        let widths: Vec<usize> = self
            .headings
            .iter()
            .enumerate()
            .map(|(i, heading)| {
                let cells = self.rows.iter().filter_map(|row| row.get(i)).map(|cell| width(&cell.text));
                cells.max().unwrap_or(0).max(width(heading))
            })
            .collect();
        let heading =
            self.headings.iter().map(|text| Cell { text: (*text).into(), colour: Some(Colour::Bold) });
        let mut out = self.line(&heading.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            out.push_str(&self.line(row, &widths));
        }
        out
    }

    fn line(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut out = String::new();
        for (i, (cell, column)) in cells.iter().zip(widths).enumerate() {
            match cell.colour {
                Some(colour) => out.push_str(&self.paint.paint(colour, &cell.text)),
                None => out.push_str(&cell.text),
            }
            if i + 1 < cells.len() {
                out.push_str(&" ".repeat(column - width(&cell.text) + 2));
            }
        }
        out.push('\n');
        out
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Names and tags come from callers: control characters would move the reader's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(Paint::for_stdout(), &["ID", "NAME"]);
        table.row().cell("i-1").cell("é");
        table.row().cell("i-12345").cell("a\x1b[2Jb");
        assert_eq!(table.render(), "ID       NAME\ni-1      é\ni-12345  a\u{fffd}[2Jb\n");
    }
}
