//! Without any one part of the protocol, the model finds a violation. Each test prints the way to it.

use factum_core::{Guard, do_without};
use factum_model::{
    Mutant, Setup, both_ways, check, claims, commits, hand_over, retries, topic, torn,
};

/// Some state within the setup's bounds breaks the property.
#[track_caller]
fn breaks(setup: Setup, property: &str) {
    let report = check(setup);
    println!("{report}");
    let mut broken = report.violations.iter().map(|(name, _)| *name);
    assert!(broken.any(|name| name == property), "{report}");
}

fn without(mutant: Mutant, setup: Setup) -> Setup {
    let mutant = Some(mutant);
    Setup { mutant, ..setup }
}

/// The setup without a check of `factum-core`.
macro_rules! without {
    ($guard:ident, $setup:expr) => {
        Setup {
            before_step: || do_without(Some(Guard::$guard)),
            ..$setup
        }
    };
}

const ACKNOWLEDGED: &str = "an acknowledged command is valid, once, as its receipt says";
const FENCED: &str = "where a caller heard that nothing happened, nothing did";
const REJECTED: &str = "a command answered as rejected never takes effect";

#[test]
fn any_epoch_is_accepted() {
    breaks(without!(Epoch, claims()), "all readers agree");
}

#[test]
fn any_sequence_is_valid() {
    breaks(
        without!(Sequence, commits()),
        "no command takes effect twice",
    );
}

#[test]
fn a_gap_does_not_close_the_epoch() {
    breaks(without!(Gap, commits()), "all readers agree");
}

#[test]
fn a_claim_does_not_void_a_half_read_commit() {
    breaks(without!(Torn, torn()), "sequences and versions are dense");
}

#[test]
fn a_floor_above_the_log_goes_unnoticed() {
    breaks(without!(Floor, claims()), "damage of the log shows");
}

#[test]
fn a_writer_trusts_acknowledgements() {
    breaks(without!(Ambiguity, commits()), ACKNOWLEDGED);
}

#[test]
fn a_retry_is_not_recognised() {
    breaks(without(Mutant::NoDedupe, retries()), REJECTED);
    breaks(
        without(Mutant::NoDedupe, deposits_twice()),
        "no command takes effect twice",
    );
}

/// [`retries`] of a command that is always accepted.
fn deposits_twice() -> Setup {
    let mut setup = retries();
    setup.commands.remove(0);
    setup.commands[0].attempts = 2;
    setup
}

#[test]
fn rejections_are_forgotten() {
    breaks(without(Mutant::ForgetsRejections, topic()), REJECTED);
}

#[test]
fn rejections_are_forgotten_at_a_takeover() {
    breaks(
        without(Mutant::ForgetsRejectionsAtTakeover, topic()),
        REJECTED,
    );
}

#[test]
fn a_retry_goes_past_the_topic() {
    breaks(without(Mutant::LeavesTheTopic, both_ways()), REJECTED);
}

#[test]
fn a_rejection_is_answered_before_its_marker_is_a_fact() {
    breaks(
        without(Mutant::AnswersBeforeTheMarker, hand_over()),
        REJECTED,
    );
}

#[test]
fn a_rejection_is_answered_by_an_owner_that_was_superseded() {
    breaks(without(Mutant::AnswersUnconfirmed, retries()), REJECTED);
}

#[test]
fn a_takeover_trusts_the_groups_offset() {
    let handled = "at rest, every command of the topic was handled";
    breaks(without(Mutant::TrustsTheGroupsOffset, topic()), handled);
}

#[test]
fn a_hand_over_does_not_drain() {
    breaks(without(Mutant::GivesUpUndrained, hand_over()), FENCED);
}

#[test]
fn a_claim_is_not_read_up_to() {
    breaks(without(Mutant::ClaimsUnread, commits()), FENCED);
}
