//! W3C trace context: which trace a command, and what it caused, belongs to.

use std::fmt;
use std::str::FromStr;

/// A span of a trace, as the header `traceparent` of W3C Trace Context (version 00) names it.
///
/// It is read from and written as text: `00-<trace id>-<span id>-<flags>`, in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace's id; not 0.
    pub trace: u128,
    /// The id of the span that asks; not 0.
    pub span: u64,
    /// Flags; bit 0 says that the trace is recorded.
    pub flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent: it looks like 00-<32 hexadecimal digits>-<16>-<2>")]
pub struct NotATraceParent;

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    /// Reads a `traceparent`. One of a later version is read as far as version 00 goes, as W3C asks.
    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let mut parts = text.split('-');
        let mut part = |len: usize| {
            let part = parts.next().filter(|part| part.len() == len);
            part.and_then(hexadecimal).ok_or(NotATraceParent)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let more = parts.next().is_some();
        if version == 0xff || version == 0 && more || trace == 0 || span == 0 {
            return Err(NotATraceParent);
        }
        let (span, flags) = (span as u64, flags as u8);
        Ok(Self { trace, span, flags })
    }
}

/// The number; only lower-case digits are allowed.
fn hexadecimal(digits: &str) -> Option<u128> {
    let fine = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits
        .bytes()
        .all(fine)
        .then(|| u128::from_str_radix(digits, 16).ok())?
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_w3c_comes_back() {
        let parent: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(parent.span, 0xb7ad_6b71_6920_3331);
        assert_eq!(parent.to_string(), EXAMPLE);
        let later = format!("01{}-what-may-come", &EXAMPLE[2..]);
        assert_eq!(later.parse(), Ok(parent));
    }

    #[test]
    fn what_w3c_forbids_is_refused() {
        let zero = format!("00-{:032}-{:016}-00", 0, 1);
        let upper = EXAMPLE.to_uppercase();
        let wrong = [
            "",
            "00",
            &zero,
            &upper,
            &EXAMPLE[1..],
            &format!("{EXAMPLE}-"),
        ];
        for text in wrong.into_iter().chain([&*format!("ff{}", &EXAMPLE[2..])]) {
            assert_eq!(text.parse::<TraceParent>(), Err(NotATraceParent), "{text}");
        }
    }
}
