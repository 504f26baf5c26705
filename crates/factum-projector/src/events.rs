//! What a projection is made of: the events of one aggregate, or those of several.

use factum_core::{DecodeError, Event, LogError, Recorded, ValidEvent};

use crate::sources::{slot, source_of};

/// The events of a projection: those of one aggregate, as every [`Event`] is; or those of several, as an
/// enum with `#[derive(Events)]` whose variants hold them.
///
/// ```
/// # use factum_core::{DecodeError, Event};
/// # macro_rules! event { ($name:ident, $aggregate:literal) => {
/// #     struct $name;
/// #     impl Event for $name {
/// #         const AGGREGATE: &'static str = $aggregate;
/// #         fn name(&self) -> &'static str { "Placed" }
/// #         fn encode(&self, _: &mut Vec<u8>) {}
/// #         fn decode(_: &[u8]) -> Result<Self, DecodeError> { Ok(Self) }
/// #     }
/// # } }
/// # event!(OrderEvent, "shop.order");
/// # event!(PaymentEvent, "shop.payment");
/// use factum_projector::Events; // an application: factum::Events
///
/// #[derive(Events)]
/// enum CustomerEvent {
///     Order(OrderEvent),
///     Payment(PaymentEvent),
/// }
/// assert_eq!(CustomerEvent::AGGREGATES, ["shop.order", "shop.payment"]);
/// ```
///
/// The events of each aggregate come in order. Those of different topics have no order with each other, as
/// those of different partitions have none: any interleaving may come, and after a rebuild another one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are no events",
    note = "the events of one aggregate are generated from its schemas; for those of several, derive `Events` for \
            an enum with a variant for each"
)]
pub trait Events: Sized + Send + Sync + 'static {
    /// The aggregates that emit them, as `<context>.<aggregate>`, each once.
    const AGGREGATES: &'static [&'static str];

    /// What of them is read otherwise than Avro's rules say, in the order of [`AGGREGATES`](Self::AGGREGATES):
    /// their [`Event::READINGS`].
    const READINGS: &'static [&'static [&'static str]];

    /// Which of the aggregates the event is of, by its index.
    fn source(&self) -> usize;

    /// The event's name within its aggregate.
    fn event_name(&self) -> &'static str;

    /// Reads an event of the aggregate with this index from a framed value.
    ///
    /// # Errors
    /// Those of [`Event::decode`].
    fn decode_from(source: usize, value: &[u8]) -> Result<Self, DecodeError>;
}

impl<E: Event> Events for E {
    const AGGREGATES: &'static [&'static str] = &[E::AGGREGATE];
    const READINGS: &'static [&'static [&'static str]] = &[E::READINGS];

    fn source(&self) -> usize {
        0
    }

    fn event_name(&self) -> &'static str {
        self.name()
    }

    fn decode_from(_: usize, value: &[u8]) -> Result<Self, DecodeError> {
        E::decode(value)
    }
}

/// The worker's number of the partition that holds an event.
pub(crate) fn slot_of<E: Events>(event: &Recorded<E>) -> u32 {
    slot(event.event.source(), event.partition)
}

/// Decodes a valid event of a topic, whose partition has this slot.
///
/// # Errors
/// It cannot be read by this build.
pub(crate) fn decode<E: Events>(
    topic: &str,
    slot: u32,
    valid: &ValidEvent<'_>,
) -> Result<Recorded<E>, LogError> {
    let source = source_of(slot);
    let aggregate = E::AGGREGATES[source];
    Recorded::decode_by(topic, aggregate, valid, |value| {
        E::decode_from(source, value)
    })
}

/// Whether no text is there twice.
#[doc(hidden)]
pub const fn are_distinct(texts: &[&str]) -> bool {
    let mut one = 0;
    while one < texts.len() {
        let mut other = one + 1;
        while other < texts.len() {
            if is_same(texts[one].as_bytes(), texts[other].as_bytes()) {
                return false;
            }
            other += 1;
        }
        one += 1;
    }
    true
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_there_twice_are_found() {
        for (texts, distinct) in [
            (&[][..], true),
            (&["a"], true),
            (&["a", "ab", "b"], true),
            (&["a", "b", "a"], false),
            (&["", "b", ""], false),
        ] {
            assert_eq!(are_distinct(texts), distinct, "{texts:?}");
        }
    }
}
