//! The judge is judged: a good run passes, and each broken promise is found.
//!
//! `recording/` is one partition of a real run: its records, what the clients asked, and its rows.

mod forge;
mod routed;

use std::collections::BTreeSet;

use factum_chaos::checker::{Commit, Kind};
use factum_chaos::history::Asked;
use factum_chaos::wire::{Answer, Order, Receipt};
use forge::Recording;

fn only(kind: Kind) -> BTreeSet<Kind> {
    BTreeSet::from([kind])
}

/// Whether a commit is the last one of its account, and acknowledged to someone who had no version
/// to expect: nothing else depends on it.
fn stands_alone(it: &Recording, commit: &Commit) -> bool {
    let last = it
        .commits
        .iter()
        .rfind(|other| other[0].account == commit[0].account);
    let asked = it.asked(commit);
    last == Some(commit) && asked.expected.is_none() && is_done(asked)
}

fn is_done(asked: &Asked) -> bool {
    matches!(
        asked.attempts.last().map(|it| &it.answer),
        Some(Answer::Done(_))
    )
}

/// The place of a commit that nothing depends on.
fn lone(it: &Recording) -> usize {
    it.commits
        .iter()
        .position(|commit| stands_alone(it, commit))
        .unwrap()
}

#[test]
fn the_recorded_run_is_good_as_it_was_recorded() {
    let (violations, figures) = Recording::load().judge_raw();
    assert_eq!(violations, []);
    assert!(
        figures.acknowledged > 100 && figures.refused > 10,
        "{figures:?}"
    );
    assert!(
        figures.claims > 1 && !figures.voids.is_empty(),
        "{figures:?}"
    );
}

#[test]
fn the_recorded_run_is_good_when_it_is_written_anew() {
    assert_eq!(Recording::load().kinds(), BTreeSet::new());
}

#[test]
fn a_lost_commit_is_found() {
    let mut it = Recording::load();
    it.commits.remove(lone(&it));
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Lost));
}

#[test]
fn a_record_that_is_gone_from_the_middle_is_found() {
    let mut it = Recording::load();
    let at = it.records.len() / 2;
    it.records.remove(at);
    let (violations, _) = it.judge_raw();
    assert!(
        violations.iter().any(|it| it.kind == Kind::Lost),
        "{violations:?}"
    );
}

#[test]
fn a_doubled_commit_is_found() {
    let mut it = Recording::load();
    let twice = it.commits[lone(&it)].clone();
    it.commits.push(twice);
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Doubled));
}

#[test]
fn a_reordered_commit_is_found() {
    let mut it = Recording::load();
    // Of two accounts, so that each has its versions and states as before.
    let at = (1..it.commits.len()).find(|at| {
        let (earlier, later) = (&it.commits[at - 1], &it.commits[*at]);
        let (first, second) = (it.asked(earlier), it.asked(later));
        earlier[0].account != later[0].account && is_done(first) && first.end < second.begin
    });
    let at = at.unwrap();
    it.commits.swap(at - 1, at);
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Reordered));
}

#[test]
fn a_forged_event_is_found() {
    let mut it = Recording::load();
    let mut forged = it.commits[lone(&it)].clone();
    for fact in &mut forged {
        fact.event.order = "nobody-1".to_owned();
        fact.command = uuid::Uuid::from_u128(7);
    }
    it.commits.push(forged);
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Forged));
}

#[test]
fn a_changed_amount_is_found() {
    let mut it = Recording::load();
    let at = lone(&it);
    it.commits[at][0].event.change += 1;
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Forged));
}

#[test]
fn an_event_under_the_id_of_another_command_is_found() {
    let mut it = Recording::load();
    let at = it
        .commits
        .iter()
        .position(|commit| it.asked(commit).id.is_some())
        .unwrap();
    it.commits[at][0].command = uuid::Uuid::from_u128(7);
    assert!(it.kinds().contains(&Kind::Forged));
}

#[test]
fn what_was_refused_and_is_there_all_the_same_is_found() {
    for refusal in [
        Answer::Rejected,
        Answer::Fenced,
        Answer::Conflict(3),
        Answer::Unavailable,
    ] {
        let mut it = Recording::load();
        let commit = it.commits[lone(&it)].clone();
        it.answer(&commit, std::slice::from_ref(&refusal));
        assert_eq!(it.kinds(), only(Kind::Refused), "{refusal:?}");
    }
}

#[test]
fn what_nobody_was_told_of_may_be_there_or_not_but_not_twice() {
    let mut it = Recording::load();
    let at = lone(&it);
    let commit = it.commits[at].clone();
    // What speaks of its own attempt only says nothing of an earlier one.
    for answers in [
        &[Answer::Unknown][..],
        &[Answer::Unknown, Answer::Fenced],
        &[Answer::Unknown, Answer::Unavailable],
    ] {
        it.answer(&commit, answers);
        assert_eq!(it.kinds(), BTreeSet::new());
    }
    it.commits.push(commit);
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Doubled));
    it.commits.pop();
    it.commits.remove(at);
    it.retell();
    assert_eq!(it.kinds(), BTreeSet::new());
}

#[test]
fn a_rejection_speaks_of_earlier_attempts_too() {
    for refusal in [Answer::Rejected, Answer::Conflict(3)] {
        let mut it = Recording::load();
        let commit = it.commits[lone(&it)].clone();
        it.answer(&commit, &[Answer::Unknown, refusal]);
        assert_eq!(it.kinds(), only(Kind::Refused));
    }
}

#[test]
fn what_is_asked_once_more_and_answered_otherwise_is_found() {
    let mut it = Recording::load();
    let commit = it.commits[lone(&it)].clone();
    let done = it.asked(&commit).attempts.last().unwrap().answer.clone();
    let Answer::Done(receipt) = done.clone() else {
        panic!("it was acknowledged");
    };
    // Who asks once more may not be told anything; and one who only submitted it may ask afterwards.
    for answers in [
        [done.clone(), done.clone()],
        [done.clone(), Answer::Unknown],
        [done.clone(), Answer::Unavailable],
    ] {
        it.answer(&commit, &answers);
        assert_eq!(it.kinds(), BTreeSet::new(), "{answers:?}");
    }
    let other = Answer::Done(Receipt {
        version: receipt.version + 1,
        ..receipt
    });
    for (answers, kinds) in [
        ([done.clone(), other], only(Kind::Answers)),
        ([done.clone(), Answer::Rejected], only(Kind::Answers)),
        (
            [Answer::Conflict(1), done],
            BTreeSet::from([Kind::Answers, Kind::Refused]),
        ),
    ] {
        it.answer(&commit, &answers);
        assert_eq!(it.kinds(), kinds, "{answers:?}");
    }
    let lost = lone(&it);
    it.answer(&commit, &[Answer::Done(receipt), Answer::Unknown]);
    it.commits.remove(lost);
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Lost));
}

#[test]
fn an_expected_version_that_was_not_there_is_found() {
    let mut it = Recording::load();
    let commit = it.commits[lone(&it)].clone();
    it.asked_mut(&commit).expected = Some(commit[0].version);
    assert_eq!(it.kinds(), only(Kind::Expected));
}

#[test]
fn a_receipt_that_is_not_true_is_found() {
    let wrong: [fn(&mut Receipt); 4] = [
        |it| it.partition += 1,
        |it| it.sequence += 1,
        |it| it.version -= 1,
        |it| it.events += 1,
    ];
    for change in wrong {
        let mut it = Recording::load();
        let commit = it.commits[lone(&it)].clone();
        let Some(Answer::Done(receipt)) = it
            .asked_mut(&commit)
            .attempts
            .last_mut()
            .map(|it| &mut it.answer)
        else {
            panic!("it was acknowledged");
        };
        change(receipt);
        assert_eq!(it.kinds(), only(Kind::Receipt));
    }
}

#[test]
fn a_version_that_is_left_out_is_found() {
    let mut it = Recording::load();
    it.skip_a_version = true;
    assert!(it.kinds().contains(&Kind::Version));
}

#[test]
fn a_decision_on_a_wrong_state_is_found() {
    let mut it = Recording::load();
    it.wrong_balance = true;
    assert_eq!(it.kinds(), only(Kind::State));
}

#[test]
fn half_a_commit_is_not_the_commit() {
    let mut it = Recording::load();
    let split = |commit: &Commit| {
        matches!(it.asked(commit).command, Order::Split(_)) && stands_alone(&it, commit)
    };
    let at = it.commits.iter().position(split);
    let Some(at) = at else {
        panic!("the recording has a commit of several events")
    };
    it.commits[at].pop();
    it.retell();
    assert_eq!(it.kinds(), only(Kind::Forged));
}

#[test]
fn a_claim_that_stood_on_more_than_there_is_is_found() {
    let mut it = Recording::load();
    it.records = it.encoded();
    it.records.push(it.claim(2, u64::MAX >> 1, it.partitions));
    assert_eq!(it.kinds_of_records(), only(Kind::Damage));
}

#[test]
fn what_a_zombie_appends_has_no_effect() {
    let mut it = Recording::load();
    it.records = it.encoded();
    let again = it.records[it.records.len() - 1].clone();
    it.records.push(it.claim(2, 1, it.partitions));
    it.records.push(again);
    let late = it.claim(2, 1, it.partitions);
    it.records.push(late);
    assert_eq!(it.kinds_of_records(), BTreeSet::new());
}

#[test]
fn a_row_that_is_off_by_one_or_missing_or_of_nothing_is_found() {
    let mut off = Recording::load();
    off.rows[0].balance += 1;
    let mut missing = Recording::load();
    missing.rows.pop();
    let mut extra = Recording::load();
    let mut row = extra.rows[0].clone();
    row.account.push('x');
    extra.rows.push(row);
    let mut order = Recording::load();
    order.rows[0].trail += 1;
    for it in [off, missing, extra, order] {
        assert_eq!(it.kinds(), only(Kind::ReadModel));
    }
}

#[test]
fn a_failure_that_is_no_part_of_the_contract_is_found() {
    let mut it = Recording::load();
    let refused = it
        .history
        .iter_mut()
        .find(|asked| asked.attempts.last().unwrap().answer == Answer::Rejected);
    refused.unwrap().attempts[0].answer = Answer::Failed("panicked".to_owned());
    assert_eq!(it.kinds(), only(Kind::Failed));
}
