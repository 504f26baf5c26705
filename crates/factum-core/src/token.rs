//! What a reader is told to wait for.

use std::fmt;
use std::str::FromStr;

use crate::Recorded;

/// A place in an aggregate's topic: whoever reads what has come this far reads its own writes.
///
/// It travels between processes as text, `<partition>:<sequence>`: in a header of an HTTP answer, say,
/// from the service that carried out a command to the one that reads. Without the name of the topic:
/// whoever waits knows which aggregate was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsistencyToken {
    /// The partition.
    pub partition: u32,
    /// The sequence of the last event that must be there; 0 where there is none yet.
    pub sequence: u64,
}

/// A text that is no [`ConsistencyToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token: it looks like <partition>:<sequence>, as in 3:1234")]
pub struct NotAToken;

impl FromStr for ConsistencyToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (partition, sequence) = text.split_once(':').ok_or(NotAToken)?;
        Ok(Self {
            partition: partition.parse().map_err(|_| NotAToken)?,
            sequence: sequence.parse().map_err(|_| NotAToken)?,
        })
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.sequence)
    }
}

/// The place of an event.
impl<E> From<&Recorded<E>> for ConsistencyToken {
    fn from(event: &Recorded<E>) -> Self {
        Self {
            partition: event.partition,
            sequence: event.sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_as_text() {
        let token = ConsistencyToken {
            partition: 3,
            sequence: u64::MAX,
        };
        assert_eq!(token.to_string(), "3:18446744073709551615");
        assert_eq!(token.to_string().parse(), Ok(token));
        for odd in ["", "3", "3:", ":4", "-1:4", "3:4:5", "3: 4", "4294967296:1"] {
            assert_eq!(odd.parse::<ConsistencyToken>(), Err(NotAToken), "{odd}");
        }
    }
}
