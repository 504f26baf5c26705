//! Given these events, when this command comes, then that happens.

use std::fmt::Debug;

use factum_core::Aggregate;

/// An aggregate to which these events have happened.
///
/// ```
/// # use factum_testkit::doctest::{Light, LightEvent::*, Switch, Broken};
/// use factum_testkit::given;
///
/// given::<Light>([TurnedOn]).when(Switch::Off).then([TurnedOff]);
/// given::<Light>([TurnedOn]).when(Switch::On).then_nothing();
/// given::<Light>([Burst]).when(Switch::On).then_rejected(Broken);
/// ```
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut aggregate = A::default();
    events.into_iter().for_each(|event| aggregate.apply(&event));
    Given { aggregate }
}

/// An aggregate with a history.
#[derive(Debug)]
#[must_use = "go on with `when`"]
pub struct Given<A> {
    aggregate: A,
}

impl<A: Aggregate> Given<A> {
    /// Lets the aggregate decide about a command.
    pub fn when(self, command: A::Command) -> Decided<A> {
        Decided {
            decision: self.aggregate.decide(command),
        }
    }

    /// The aggregate's state.
    pub fn into_state(self) -> A {
        self.aggregate
    }
}

/// What the aggregate decided.
#[must_use = "go on with `then`"]
pub struct Decided<A: Aggregate> {
    decision: Result<Vec<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Decided<A>
where
    A::Event: Debug + PartialEq,
    A::Rejection: Debug + PartialEq,
{
    /// Expects exactly these events.
    ///
    /// # Panics
    /// Something else was decided.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        let expected: Vec<_> = events.into_iter().collect();
        match self.decision {
            Ok(events) => assert_eq!(
                events, expected,
                "other events than expected (left: decided)"
            ),
            Err(rejection) => panic!("rejected: {rejection:?}; expected the events {expected:?}"),
        }
    }

    /// Expects that there was nothing to do.
    ///
    /// # Panics
    /// Something else was decided.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Expects this rejection.
    ///
    /// # Panics
    /// Something else was decided.
    #[track_caller]
    pub fn then_rejected(self, rejection: A::Rejection) {
        match self.decision {
            Ok(events) => panic!("decided {events:?}; expected the rejection {rejection:?}"),
            Err(actual) => assert_eq!(
                actual, rejection,
                "another rejection than expected (left: decided)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::given;
    use crate::doctest::{Broken, Light, LightEvent::*, Switch};

    #[test]
    fn expectations_that_hold_pass() {
        given::<Light>([]).when(Switch::On).then([TurnedOn]);
        given::<Light>([TurnedOn]).when(Switch::On).then_nothing();
        given::<Light>([Burst])
            .when(Switch::On)
            .then_rejected(Broken);
    }

    #[test]
    #[should_panic(expected = "other events than expected")]
    fn other_events_fail() {
        given::<Light>([]).when(Switch::On).then([TurnedOff]);
    }

    #[test]
    #[should_panic(expected = "rejected: Broken")]
    fn a_rejection_where_events_were_expected_fails() {
        given::<Light>([Burst]).when(Switch::On).then([TurnedOn]);
    }

    #[test]
    #[should_panic(expected = "expected the rejection Broken")]
    fn events_where_a_rejection_was_expected_fail() {
        given::<Light>([]).when(Switch::On).then_rejected(Broken);
    }
}
