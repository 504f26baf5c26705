//! Where nodes route commands: one answer for each command id, whichever way it came.

use std::collections::BTreeMap;

use factum_engine::Receipt;
use uuid::Uuid;

use crate::facts::{Commit, Facts};
use crate::history::{Answer, Asked};

/// What everybody is told of commands, by account and command id.
type Final<'a> = BTreeMap<(&'a str, Uuid), Vec<Answer>>;

/// Commands with several answers, and submitted ones without any. Where ids are forgotten, only these.
pub fn judge(history: &[Asked], facts: &Facts, forgetful: bool) -> Vec<String> {
    let logged = logged(facts);
    let mut violations = Vec::new();
    for ((id, command), answers) in &logged {
        if !forgetful && answers.iter().any(|answer| *answer != answers[0]) {
            violations.push(format!("{id} {command}: the log says {answers:?}"));
        }
    }
    for asked in history {
        let said = |command: Uuid| logged.get(&(&*asked.id, command)).map(|all| all[0]);
        for attempt in &asked.attempts {
            if let Answer::Submitted(command) = attempt.answer
                && said(command).is_none()
            {
                violations.push(format!("submitted, and not handled: {asked:?}"));
            }
        }
        let Some(command) = asked.command.filter(|_| !forgetful) else {
            continue;
        };
        let told = asked.attempts.iter().map(|it| it.answer);
        let mut told = told.filter(Answer::is_final).chain(said(command));
        let first = told.next();
        if let Some(other) = told.find(|other| Some(*other) != first) {
            violations.push(format!("{first:?} and {other:?} are answers to {asked:?}"));
        }
        if first.is_some() && said(command).is_none() {
            violations.push(format!("answered, and not in the log: {asked:?}"));
        }
    }
    violations
}

/// What the log says of each command.
fn logged(facts: &Facts) -> Final<'_> {
    let mut logged = Final::new();
    for commit in &facts.commits {
        let answers = logged.entry((&commit.id, commit.command)).or_default();
        answers.push(Answer::Done(receipt(commit)));
    }
    // Whose key is not an account's was not understood.
    for noted in facts.noted.iter().filter(|it| it.id != "stranger") {
        let answers = logged.entry((&noted.id, noted.command)).or_default();
        answers.push(noted.answer);
    }
    logged
}

fn receipt(commit: &Commit) -> Receipt {
    Receipt {
        command: commit.command,
        partition: commit.partition,
        sequence: commit.sequence,
        version: commit.version,
        events: commit.amounts.len() as u32,
    }
}
