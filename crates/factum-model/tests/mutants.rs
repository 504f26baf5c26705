//! Without any one part of the protocol, the model finds a violation. Each test prints the way to it.

use factum_core::{Guard, do_without};
use factum_model::{
    Mutant, Setup, answers, both_ways, claims, commits, crashes, hand_over, retries, search, topic,
    torn,
};

/// Some state within the setup's bounds breaks the property.
#[track_caller]
fn breaks(setup: Setup, property: &'static str) {
    let report = search(setup, property);
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
const PASSED_OVER: &str = "no command of the topic is passed over";
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
    let told = "what the log says was rejected has no events";
    breaks(without(Mutant::ForgetsRejections, topic()), told);
}

#[test]
fn rejections_are_forgotten_at_a_takeover() {
    breaks(
        without(Mutant::ForgetsRejectionsAtTakeover, topic()),
        REJECTED,
    );
}

#[test]
fn what_a_command_came_to_is_told_before_its_word_is_a_fact() {
    let mutant = Mutant::AnswersBeforeItIsNoted;
    breaks(without(mutant, hand_over()), REJECTED);
}

#[test]
fn a_word_does_not_carry_the_commands_offset() {
    breaks(without(Mutant::NotesNoOffset, crashes()), PASSED_OVER);
}

#[test]
fn a_direct_rejection_leaves_no_word() {
    breaks(without(Mutant::NotesNothingDirect, both_ways()), REJECTED);
}

#[test]
fn a_copy_leaves_no_word() {
    breaks(without(Mutant::PassesOverCopies, topic()), PASSED_OVER);
}

#[test]
fn a_rejection_is_answered_by_an_owner_that_was_superseded() {
    let right = "a rejection was right after its command was sent";
    breaks(without(Mutant::AnswersUnconfirmed, answers()), right);
    breaks(without(Mutant::AnswersUnconfirmed, retries()), REJECTED);
}

#[test]
fn what_was_given_up_is_decided() {
    let mutant = Mutant::DecidesWhatWasGivenUp;
    breaks(without(mutant, retries()), REJECTED);
}

#[test]
fn a_takeover_trusts_the_groups_offset() {
    let handled = "at rest, every command of the topic was handled";
    breaks(without(Mutant::TrustsTheGroupsOffset, topic()), handled);
    breaks(without(Mutant::TrustsTheGroupsOffset, topic()), PASSED_OVER);
}

#[test]
fn an_owner_goes_on_in_the_topic_where_it_was_itself() {
    breaks(without(Mutant::KeepsItsOwnPlace, topic()), PASSED_OVER);
}

#[test]
fn a_takeover_reads_the_topic_from_its_start() {
    let order = "commands of the topic leave their commits in its order, one each";
    breaks(without(Mutant::BeginsTheTopicAnew, crashes()), order);
}

#[test]
fn a_command_of_the_topic_is_fenced_with_its_owner() {
    breaks(without(Mutant::FencesTheTopic, topic()), FENCED);
}

#[test]
fn a_hand_over_does_not_drain() {
    breaks(without(Mutant::GivesUpUndrained, hand_over()), FENCED);
}

#[test]
fn a_claim_is_not_read_up_to() {
    breaks(without(Mutant::ClaimsUnread, commits()), FENCED);
}
