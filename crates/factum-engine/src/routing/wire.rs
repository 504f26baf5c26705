//! The header of a command's record, as JSON, so that any client can write one.

use factum_core::{Metadata, Offset};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a command brings along. Everything may be left out, even all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The command's id; the record's place stands for it where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Uuid>,
    /// The version at which the aggregate has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
    /// Where an answer is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Who waits for an answer: the key of the reply, its partition in the topic of replies, and the number
/// that its answer bears there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplyTo {
    pub client: Uuid,
    pub partition: u32,
    pub call: u64,
    /// Whether the command is in the topic before: should nobody remember it, it is not carried out.
    #[serde(default)]
    pub again: bool,
}

impl Envelope {
    pub fn new(
        command: Uuid,
        expected_version: Option<u64>,
        reply_to: Option<ReplyTo>,
        metadata: &Metadata,
    ) -> Self {
        Self {
            command: Some(command),
            expected_version,
            reply_to,
            actor: metadata.actor.as_deref().map(str::to_owned),
            correlation: metadata.correlation,
            causation: metadata.causation,
            traceparent: metadata.trace.map(|trace| trace.to_string()),
        }
    }

    /// Where the command came from; a trace that cannot be read is none.
    pub fn metadata(&self) -> Metadata {
        Metadata {
            actor: self.actor.as_deref().map(Into::into),
            correlation: self.correlation,
            causation: self.causation,
            trace: self.traceparent.as_deref().and_then(|it| it.parse().ok()),
        }
    }
}

/// Appends an answer to the value of a reply: the call's number (64 bits), how many bytes follow (32 bits;
/// both little endian), and what the caller is told, as JSON.
pub(crate) fn push_answer(value: &mut Vec<u8>, call: u64, told: &str) {
    value.extend_from_slice(&call.to_le_bytes());
    value.extend_from_slice(&(told.len() as u32).to_le_bytes());
    value.extend_from_slice(told.as_bytes());
}

/// The answers in a reply, up to the first that is cut off.
pub(crate) fn answers(mut value: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (call, rest) = value.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (told, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        value = rest;
        Some((u64::from_le_bytes(*call), told))
    })
}

/// The id of a command whose sender gave it none: of its place, so that it is the same for every
/// owner. Version 8 of UUIDs is for such uses.
pub(crate) fn id_of_place(partition: u32, offset: Offset) -> Uuid {
    let place = u128::from(partition) << 96 | u128::from(offset);
    let mut bytes = place.to_be_bytes();
    bytes[6] = 0x80;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_comes_back_and_may_be_empty() {
        let metadata = Metadata {
            actor: Some("zoë".into()),
            correlation: Some(Uuid::from_u128(1)),
            causation: None,
            trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .ok(),
        };
        let reply_to = ReplyTo {
            client: Uuid::from_u128(2),
            partition: 3,
            call: 7,
            again: true,
        };
        let envelope = Envelope::new(Uuid::from_u128(4), Some(5), Some(reply_to), &metadata);
        let json = serde_json::to_string(&envelope).unwrap();
        let back: Envelope = serde_json::from_str(&json).unwrap();
        assert_eq!((&back, back.metadata()), (&envelope, metadata));
        let empty: Envelope = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, Envelope::default());
    }

    #[test]
    fn the_answers_of_a_reply_come_back() {
        let mut value = Vec::new();
        let sent = [(1, "{}"), (2, "")];
        for (call, told) in sent {
            push_answer(&mut value, call, told);
        }
        let all = sent.map(|(call, told)| (call, told.as_bytes()));
        assert_eq!(answers(&value).collect::<Vec<_>>(), all);
        for end in 0..value.len() {
            assert!(answers(&value[..end]).count() < 2, "cut to {end} bytes");
        }
    }

    #[test]
    fn places_have_ids_of_their_own() {
        let ids = [(0, 0), (0, 1), (1, 0), (256, 0)].map(|(p, o)| id_of_place(p, o));
        assert_eq!(
            ids.iter().collect::<std::collections::HashSet<_>>().len(),
            4
        );
        assert!(ids.iter().all(|id| id.get_version_num() == 8));
    }
}
