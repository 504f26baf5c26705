//! Without any one part of the code, some seed finds a violation.

use factum_core::Guard as Rule;
use factum_host::Guard as Code;
use factum_simulation::{Flaw, Kind, kind_of, run_without};

/// One of the first so many seeds breaks a promise.
#[track_caller]
fn caught(flaw: Flaw, within: u64) {
    for seed in 0..within {
        let report = run_without(Some(flaw), seed, false);
        if let Some(violation) = report.violations.first() {
            println!("{flaw:?}: seed {seed}: {violation}");
            return;
        }
    }
    panic!("{flaw:?} is not caught within {within} seeds");
}

/// The same, by the seeds that have this projection alone.
#[track_caller]
fn caught_by(kind: Kind, flaw: Flaw, within: u64) {
    for seed in (0..within).filter(|seed| kind_of(*seed) == kind) {
        let report = run_without(Some(flaw), seed, false);
        if let Some(violation) = report.violations.first() {
            println!("{flaw:?} of {kind:?}: seed {seed}: {violation}");
            return;
        }
    }
    panic!("{flaw:?} is not caught within {within} seeds");
}

#[test]
fn letters_are_written_apart_from_the_position() {
    caught_by(Kind::Parking, Flaw::Code(Code::Letters), 500);
}

#[test]
fn a_parking_worker_that_is_behind_writes_all_the_same() {
    caught_by(Kind::Parking, Flaw::Code(Code::Compared), 5000);
}

/// What a worker appended before it crashed, the next one appends again.
#[test]
fn rows_are_appended_twice_after_a_crash() {
    caught_by(Kind::Append, Flaw::Code(Code::Compared), 5000);
}

#[test]
fn rows_are_appended_apart_from_the_position() {
    caught_by(Kind::Append, Flaw::Code(Code::Together), 500);
}

macro_rules! mutants {
    ($($(#[$attribute:meta])? $name:ident: $flaw:expr, $within:expr;)*) => {$(
        #[test]
        $(#[$attribute])?
        fn $name() {
            caught($flaw, $within);
        }
    )*};
}

mutants! {
    any_epoch_is_accepted: Flaw::Rule(Rule::Epoch), 500;
    any_sequence_is_valid: Flaw::Rule(Rule::Sequence), 500;
    a_gap_does_not_close_the_epoch: Flaw::Rule(Rule::Gap), 500;
    a_claim_does_not_void_a_half_read_commit: Flaw::Rule(Rule::Torn), 500;
    a_writer_trusts_acknowledgements: Flaw::Rule(Rule::Ambiguity), 500;
    callers_are_answered_before_their_commits_are_facts: Flaw::Code(Code::Settled), 500;
    rejections_are_answered_at_once: Flaw::Code(Code::Newest), 2000;
    an_append_that_failed_is_passed_over: Flaw::Code(Code::Reclaim), 500;
    a_replay_forgets_commands: Flaw::Code(Code::Replayed), 500;
    a_checkpoint_forgets_commands: Flaw::Code(Code::Remembered), 500;
    expected_versions_are_not_compared: Flaw::Code(Code::Expected), 500;
    a_checkpoint_is_ahead_of_the_facts: Flaw::Code(Code::Facts), 500;
    #[ignore = "takes minutes"]
    a_checkpoint_holds_states_of_several_moments: Flaw::Code(Code::Whole), 4000;
    #[ignore = "takes about a minute"]
    a_state_is_dropped_that_no_checkpoint_has: Flaw::Code(Code::Saved), 4000;
    a_position_moves_before_the_rows_are_written: Flaw::Code(Code::Together), 500;
    a_worker_that_is_behind_writes_all_the_same: Flaw::Code(Code::Compared), 500;
    a_worker_keeps_rows_that_others_change: Flaw::Code(Code::Alone), 4000;
    rows_are_not_locked: Flaw::Code(Code::Locked), 500;
    a_takeover_forgets_which_commands_were_handled: Flaw::Code(Code::Handled), 500;
    refusals_are_not_written_down: Flaw::Code(Code::Noted), 500;
    a_routed_command_is_answered_though_its_commit_is_void: Flaw::Code(Code::Routed), 1000;
    #[ignore = "not found: refusals are in the log where commands are routed, and elsewhere a queue seldom outlives another owner; the model finds it"]
    a_command_is_decided_though_its_caller_gave_up: Flaw::Code(Code::Gone), 3000;
    a_copy_is_carried_out_whose_first_is_forgotten: Flaw::Code(Code::Copied), 500;
    a_replay_goes_on_that_was_broken_off: Flaw::Code(Code::Unbroken), 3000;
}
