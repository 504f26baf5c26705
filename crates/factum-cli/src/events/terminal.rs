//! JSON that does nothing to a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::output::is_unsafe;

/// Writes a value as JSON, with escapes also for what JSON would let stand.
pub(super) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, Escaping))?)
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            write!(out, "\\u{:04x}", u32::from(c))?; // none of them is beyond four digits
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_the_same_in_letters_only() {
        let text = "\u{9b}2J\u{7f} \"Z\u{fc}rich\"\n\u{202e}";
        let mut out = Vec::new();
        json(&mut out, &text).unwrap();
        let shown = r#""\u009b2J\u007f \"Zürich\"\n\u202e""#;
        assert_eq!(String::from_utf8(out.clone()).unwrap(), shown);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
