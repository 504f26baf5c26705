//! Commands that came through the topic: a good run passes, and each broken promise is found.

use std::collections::BTreeSet;

use factum_chaos::checker::{Handled, Kind, read_commands, read_partition, unhandled};
use factum_chaos::history::Asked;
use factum_chaos::wire::{Answer, Order};
use uuid::Uuid;

use super::forge::{PARTITION, Recording, record};
use super::{only, stands_alone};

/// A run in which every other command came through the topic, up to one that nothing depends on and
/// that is the last one there; and whatever else nothing depends on.
struct Routed {
    it: Recording,
    /// The place of the last routed commit.
    last: usize,
    /// The places of the commits that nothing depends on.
    lone: Vec<usize>,
}

impl Routed {
    fn load() -> Self {
        let it = Recording::load();
        let lone = |at: &usize| stands_alone(&it, &it.commits[*at]);
        let lone: Vec<usize> = (0..it.commits.len()).filter(lone).collect();
        let last = lone[lone.len() - 1];
        let mut routed = Self {
            it: Recording {
                commands: Some(Vec::new()),
                ..Recording::load()
            },
            last,
            lone,
        };
        let mut refused = it.history.iter().filter(|asked| is_refused(asked));
        let lone = routed.lone.clone();
        for at in (0..=last).filter(|at| (last - at).is_multiple_of(2) || lone.contains(at)) {
            // Two in a row, so that they can be swapped and nothing else is.
            if at % 3 == 0 {
                for asked in refused.by_ref().take(2) {
                    routed.refuse(asked, at);
                }
            }
            routed.route(at);
        }
        routed.it.retell();
        routed
    }

    /// Adds a command to the topic, and says where it stands.
    fn submit(&mut self, asked: &Asked, id: Uuid) -> u64 {
        let commands = self.it.commands.get_or_insert_default();
        let offset = commands.len() as u64;
        let header = format!(r#"{{"command":"{id}","reply":{{"node":1}}}}"#);
        let value = serde_json::to_vec(&(&asked.order, &asked.command)).unwrap();
        let account = asked.account.clone().into_bytes();
        let mut record = record(account, header.into_bytes(), value);
        (record.partition, record.offset) = (PARTITION, offset);
        commands.push(record);
        offset
    }

    fn route(&mut self, at: usize) {
        let commit = self.it.commits[at].clone();
        let asked = self.it.asked(&commit).clone();
        let offset = self.submit(&asked, commit[0].command);
        let facts = self.it.commits[at].iter_mut();
        facts.for_each(|fact| fact.command_offset = Some(offset));
    }

    /// Lets a command have been rejected behind so many commits.
    fn refuse(&mut self, asked: &Asked, at: usize) {
        let id = asked.id.unwrap_or_else(|| Uuid::from_u128(at as u128 + 1));
        let offset = self.submit(asked, id);
        self.handled(asked, at, id, Some(offset));
    }

    fn handled(&mut self, asked: &Asked, at: usize, id: Uuid, offset: Option<u64>) {
        let handled = Handled {
            partition: PARTITION,
            offset: 0,
            sequence: 0,
            version: self.it.version(&asked.account, at),
            account: asked.account.clone(),
            command: id,
            command_offset: offset,
            outcome: r#"{"rejected":"Overdrawn"}"#.to_owned(),
        };
        self.it.handled.push((at, handled));
        self.it.handled.sort_by_key(|it| it.0);
    }

    /// Lets the client of a commit have heard nothing but this.
    fn told(&mut self, at: usize, answer: Answer) {
        let commit = self.it.commits[at].clone();
        self.it.answer(&commit, &[answer]);
    }

    fn kinds(&mut self) -> BTreeSet<Kind> {
        self.it.retell();
        self.it.kinds()
    }

    /// Lets everything be as it was, but for a commit that is not there.
    fn lose(&mut self, at: usize) {
        self.it.commits.remove(at);
        let behind = self.it.handled.iter_mut().filter(|it| it.0 > at);
        behind.for_each(|it| it.0 -= 1);
    }

    /// The place of a commit before the last one that only its client knows of.
    fn middle(&self) -> usize {
        let told_later = |at: usize| {
            let account = &self.it.commits[at][0].account;
            let mut handled = self.it.handled.iter();
            handled.any(|it| it.0 > at && it.1.account == *account)
        };
        let mut lone = self.lone.iter().copied();
        lone.find(|at| *at < self.last && !told_later(*at)).unwrap()
    }
}

fn is_refused(asked: &Asked) -> bool {
    let unknown = asked.attempts.iter().any(|it| it.answer == Answer::Unknown);
    let last = asked.attempts.last().map(|it| &it.answer);
    !unknown && matches!(last, Some(Answer::Rejected | Answer::Conflict(_)))
}

#[test]
fn a_good_run_passes() {
    let mut routed = Routed::load();
    assert_eq!(routed.kinds(), BTreeSet::new());
    routed.it.records = routed.it.encoded();
    let (_, figures) = routed.it.judge_raw();
    assert!(figures.handled > 10 && figures.routed > 50, "{figures:?}");
    // What was submitted is handled, whatever came of it; nobody but its client looks at the answer.
    let last = routed.last;
    routed.told(last, Answer::Submitted);
    assert_eq!(routed.kinds(), BTreeSet::new());
}

#[test]
fn a_lost_command_is_found() {
    // Neither its events are there nor a word that it emitted none.
    let mut unhandled = Routed::load();
    let last = unhandled.last;
    unhandled.told(last, Answer::Submitted);
    unhandled.lose(last);
    assert_eq!(unhandled.kinds(), only(Kind::Lost));
    // It is not even in the topic.
    let mut gone = Routed::load();
    gone.told(last, Answer::Submitted);
    gone.lose(last);
    gone.it.commands.as_mut().unwrap().pop();
    assert_eq!(gone.kinds(), only(Kind::Lost));
}

#[test]
fn a_command_that_was_passed_over_is_found() {
    let mut routed = Routed::load();
    let at = routed.middle();
    routed.told(at, Answer::Unknown);
    routed.lose(at);
    assert_eq!(routed.kinds(), only(Kind::PassedOver));
    let mut rejected = Routed::load();
    rejected.it.handled.remove(0);
    assert_eq!(rejected.kinds(), only(Kind::PassedOver));
}

#[test]
fn a_doubled_command_is_found() {
    let mut handled = Routed::load();
    let again = handled.it.handled[3].clone();
    handled.it.handled.insert(3, again);
    assert_eq!(handled.kinds(), only(Kind::Doubled));
    // Both copies of a command emitted events, under names of their own.
    let mut events = Routed::load();
    let last = events.last;
    let commit = events.it.commits[last].clone();
    events.told(last, Answer::Unknown);
    let mut asked = events.it.asked(&commit).clone();
    let mut again = commit.clone();
    asked.order.push('x');
    again.iter_mut().for_each(|fact| fact.event.order.push('x'));
    events.it.history.push(asked);
    events.it.commits.push(again);
    events.route(events.it.commits.len() - 1);
    assert_eq!(events.kinds(), only(Kind::Doubled));
}

#[test]
fn a_command_out_of_the_topics_order_is_found() {
    let mut routed = Routed::load();
    let handled = &mut routed.it.handled;
    let pair = handled.windows(2).position(|pair| pair[0].0 == pair[1].0);
    let pair = pair.unwrap();
    handled.swap(pair, pair + 1);
    assert_eq!(routed.kinds(), only(Kind::Reordered));
}

#[test]
fn what_no_command_of_the_topic_is_behind_is_found() {
    let forgeries: [fn(&mut Routed); 7] = [
        // Another command's id, another account.
        |it| it.it.handled[0].1.command = Uuid::from_u128(1 << 80),
        |it| {
            let account = it.it.handled[1].1.account.clone();
            let it = &mut it.it;
            let other = it.commits.iter().map(|commit| commit[0].account.clone());
            let other = other.into_iter().find(|other| *other != account).unwrap();
            it.handled[1].1.version = it.version(&other, it.handled[1].0);
            it.handled[1].1.account = other;
        },
        // An offset beyond the topic's end, or none.
        |it| {
            let at = it.it.commits.len();
            let mut late = it.it.handled.last().unwrap().1.clone();
            late.version = it.it.version(&late.account, at);
            late.command_offset = Some(1 << 40);
            it.it.commands.as_mut().unwrap().truncate(0);
            it.it.handled = vec![(at, late)];
            let facts = it.it.commits.iter_mut().flatten();
            facts.for_each(|fact| fact.command_offset = None);
        },
        |it| {
            let asked = it.it.history[0].clone();
            it.handled(&asked, 0, Uuid::from_u128(1 << 80), None);
        },
        // Events that are not what the record asks for.
        |it| {
            let last = it.it.commands.as_mut().unwrap().last_mut().unwrap();
            let (order, _): (String, Order) = serde_json::from_slice(&last.value).unwrap();
            last.value = serde_json::to_vec(&(order, Order::Deposit(5))).unwrap();
        },
        // A record that nobody sent.
        |it| {
            let mut asked = it.it.history[0].clone();
            asked.order.push('x');
            it.submit(&asked, Uuid::from_u128(1 << 80));
        },
        // Events under the id of another command.
        |it| {
            let last = it.last;
            let commit = it.it.commits[last].clone();
            it.it.asked_mut(&commit).id = None;
            let facts = it.it.commits[last].iter_mut();
            facts.for_each(|fact| fact.command = Uuid::from_u128(1 << 80));
        },
    ];
    for (number, forge) in forgeries.into_iter().enumerate() {
        let mut routed = Routed::load();
        forge(&mut routed);
        assert_eq!(routed.kinds(), only(Kind::Forged), "forgery {number}");
    }
}

#[test]
fn an_effect_of_what_was_rejected_is_found() {
    for outcome in [
        r#"{"rejected":"Overdrawn"}"#,
        r#"{"conflict":{"actual":3}}"#,
        "\"rejected\"",
    ] {
        for behind in [false, true] {
            let mut routed = Routed::load();
            let chose = |at: &usize| {
                let commit = &routed.it.commits[*at];
                let asked = routed.it.asked(commit);
                commit[0].command_offset.is_none() && asked.id.is_some()
            };
            let at = (0..routed.it.commits.len()).find(chose).unwrap();
            let commit = routed.it.commits[at].clone();
            routed.told(at, Answer::Unknown);
            let asked = routed.it.asked(&commit).clone();
            let id = asked.id.unwrap();
            routed.handled(&asked, at + usize::from(behind), id, None);
            let told = routed.it.handled.iter_mut().find(|it| it.1.command == id);
            told.unwrap().1.outcome = outcome.to_owned();
            assert_eq!(routed.kinds(), only(Kind::Refused), "{outcome}");
        }
    }
}

/// A run in which a copy of a command that took effect comes last, and is said to have come to what
/// `outcome` makes of the commit's sequence.
fn copied(outcome: fn(u64) -> String) -> Routed {
    let mut routed = Routed::load();
    let last = routed.last;
    let commit = routed.it.commits[last].clone();
    let asked = routed.it.asked(&commit).clone();
    let (id, at) = (commit[0].command, routed.it.commits.len());
    let offset = routed.submit(&asked, id);
    routed.handled(&asked, at, id, Some(offset));
    routed.it.retell();
    let fact = routed.it.commits[last].last().unwrap().clone();
    let outcome = outcome(fact.sequence)
        .replace("VERSION", &fact.version.to_string())
        .replace("EVENTS", &commit.len().to_string());
    routed.it.handled.last_mut().unwrap().1.outcome = outcome;
    routed
}

fn done(sequence: u64) -> String {
    format!(
        r#"{{"done":{{"partition":{PARTITION},"sequence":{sequence},"version":VERSION,"events":EVENTS}}}}"#
    )
}

#[test]
fn a_copy_of_a_command_that_took_effect_may_follow() {
    assert_eq!(copied(done).kinds(), BTreeSet::new());
}

#[test]
fn a_copy_that_is_said_to_have_come_to_something_else_is_found() {
    let wrong = copied(|sequence| done(sequence + 1)).kinds();
    assert_eq!(wrong, only(Kind::Receipt));
    let nowhere = Routed::load().it.handled.len() / 2;
    let mut routed = Routed::load();
    routed.it.handled[nowhere].1.outcome = done(1).replace("VERSION", "1").replace("EVENTS", "1");
    assert_eq!(routed.kinds(), only(Kind::Receipt));
    let strange = copied(|_| r#"{"panicked":"oh"}"#.to_owned()).kinds();
    assert_eq!(strange, only(Kind::Failed));
}

#[test]
fn two_outcomes_of_one_command_id_are_found() {
    let mut routed = Routed::load();
    let chose = |it: &Handled| {
        routed
            .it
            .history
            .iter()
            .any(|asked| asked.id == Some(it.command))
    };
    let refused = routed
        .it
        .handled
        .iter()
        .map(|it| &it.1)
        .find(|it| chose(it));
    let refused = refused.unwrap().clone();
    let of = |asked: &&Asked| asked.id == Some(refused.command);
    let asked = routed.it.history.iter().find(of).unwrap().clone();
    let at = routed.it.commits.len();
    let offset = routed.submit(&asked, refused.command);
    routed.handled(&asked, at, refused.command, Some(offset));
    assert_eq!(routed.kinds(), BTreeSet::new());
    let copy = routed.it.handled.last_mut().unwrap();
    copy.1.outcome = r#"{"conflict":{"expected":1,"actual":2}}"#.to_owned();
    assert_eq!(routed.kinds(), only(Kind::Answers));
}

#[test]
fn what_waits_in_the_topic_is_known() {
    let mut routed = Routed::load();
    let waiting = |it: &Recording| {
        let logs = [read_partition(&it.encoded(), it.partitions)];
        let (commands, _) = read_commands(it.commands.as_deref().unwrap());
        unhandled(&logs, &[commands]).len()
    };
    assert_eq!(waiting(&routed.it), 0);
    let asked = routed.it.history[0].clone();
    routed.submit(&asked, Uuid::from_u128(1 << 80));
    assert_eq!(waiting(&routed.it), 1);
}

#[test]
fn a_version_that_was_not_left_as_it_was_is_found() {
    for change in [-1, 1] {
        let mut routed = Routed::load();
        let handled = routed.it.handled.iter_mut().rfind(|it| it.1.version > 0);
        let version = &mut handled.unwrap().1.version;
        *version = version.checked_add_signed(change).unwrap();
        assert_eq!(routed.kinds(), only(Kind::Version));
    }
}

#[test]
fn what_can_not_be_read_is_found() {
    let mut outcome = Routed::load();
    outcome.it.handled[0].1.outcome = "{}".to_owned();
    assert_eq!(outcome.kinds(), only(Kind::Damage));
    let mut command = Routed::load();
    let asked = command.it.history[0].clone();
    command.submit(&asked, Uuid::nil());
    let last = command.it.commands.as_mut().unwrap().last_mut().unwrap();
    last.header = None;
    assert_eq!(command.kinds(), only(Kind::Damage));
}
