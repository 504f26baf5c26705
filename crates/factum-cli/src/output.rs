//! How answers are printed: aligned columns for people, JSON for programs.

use std::borrow::Cow;
use std::io::{self, Write, stdout};

use serde::Serialize;

/// Rows under their headings, aligned, as text.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One value of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    /// Numbers stand on the right of their column.
    number: bool,
}

impl Cell {
    /// Words.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            number: false,
        }
    }

    /// A number; a dash where it is not known.
    pub(crate) fn number<T: ToString>(number: impl Into<Option<T>>) -> Self {
        let number = number.into();
        Self {
            text: number.map_or_else(|| "-".into(), |number| number.to_string()),
            number: true,
        }
    }
}

impl Table {
    /// An empty table with these headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let headings = headings.map(|heading| Cell::text(heading.to_uppercase()));
        Self {
            rows: vec![headings.into()],
        }
    }

    /// Adds a row, a cell for each heading.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|it| self.width(it)).collect();
        let lines = self.rows.iter().map(|row| line(row, &widths));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    fn width(&self, column: usize) -> usize {
        let lengths = self.rows.iter().map(|row| row[column].text.chars().count());
        lengths.max().unwrap_or_default()
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let cell = |(cell, &width): (&Cell, &usize)| match cell.number {
        true => format!("{:>width$}", cell.text),
        false => format!("{:<width$}", cell.text),
    };
    let cells: Vec<_> = row.iter().zip(widths).map(cell).collect();
    cells.join("  ").trim_end().to_owned()
}

/// Prints a list: each item a row, or a line of JSON.
pub(crate) fn list<T: Serialize>(
    items: &[T],
    json: bool,
    table: impl FnOnce(&[T]) -> Table,
) -> io::Result<()> {
    if json {
        return items.iter().try_for_each(object);
    }
    print(&table(items).text())
}

/// Prints one JSON object on a line.
pub(crate) fn object<T: Serialize>(item: &T) -> io::Result<()> {
    print(&(serde_json::to_string(item)? + "\n"))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text as a terminal may be given it: what would act on the terminal, or is no UTF-8, is shown by its escape.
pub(crate) fn plain(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c == '\\' || is_unsafe(c)) => Cow::Borrowed(text),
        _ => Cow::Owned(escaped(bytes)),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if is_unsafe(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        let broken = chunk.invalid().iter();
        broken.for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Whether a character does something to a terminal instead of standing there: controls, line separators, and those
/// that turn the direction of what stands around them.
pub(crate) fn is_unsafe(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Prints text.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        for (bytes, text) in [
            (&b"loan-17"[..], "loan-17"),
            ("Z\u{fc}rich \u{4e2d}".as_bytes(), "Z\u{fc}rich \u{4e2d}"),
            (b"a\x1b[2Jb\n", r"a\u{1b}[2Jb\u{a}"),
            ("\u{9b}2J\u{202e}".as_bytes(), r"\u{9b}2J\u{202e}"),
            (b"a\xff\xfe", r"a\xff\xfe"),
            (br"a\xff", r"a\\xff"),
        ] {
            assert_eq!(plain(bytes), text);
        }
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_on_the_right() {
        let mut table = Table::new(["name", "lag", "state"]);
        table.row([Cell::text("ü"), Cell::number(1200), Cell::text("live")]);
        table.row([
            Cell::text("board"),
            Cell::number::<u64>(None),
            Cell::text(""),
        ]);
        assert_eq!(
            table.text(),
            "NAME   LAG   STATE\nü      1200  live\nboard     -\n"
        );
    }
}
