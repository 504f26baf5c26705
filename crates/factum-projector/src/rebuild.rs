//! How a version comes to be live, step by step: filled, indexed, caught up, switched to. Pure: facts
//! that were read go in, and the step to take next comes out. Each step is one transaction, and what
//! it has done is among the facts that are read next; so whoever crashes goes on where it was.

use std::collections::{BTreeMap, BTreeSet};

use crate::versions::{Version, VersionState};

/// A version whose distance to the log's end is no more than this many records is as good as filled.
const FEW: u64 = 10_000;

/// Where a version is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RebuildStage {
    /// Its tables are filled from the first event on, without the indexes that can wait.
    Filling,
    /// It is as good as filled: indexes are built.
    Indexing,
    /// It follows the log, and is to come as far as the live version, and to the end of topics that only it reads.
    CatchingUp,
    /// It is as far as the live version, and waits for somebody to switch to it, or to see to its dead letters.
    Ready,
    /// It is live, or was.
    Done,
}

/// What a worker of a version knows when it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub state: VersionState,
    pub indexed: bool,
    pub automatic: bool,
    pub paused: bool,
    /// Records of all partitions that are not projected yet, and of those that are; none while the
    /// log does not tell.
    pub left: Option<(u64, u64)>,
    /// Whether another version is live, and how many events it is ahead; none where the two can't be
    /// compared.
    pub ahead: Ahead,
    /// Whether all is projected that the topics held a moment ago which the live version does not read.
    pub added: bool,
    /// Events that it has parked and the live version shows.
    pub parked: u64,
}

/// How the live version stands to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// There is no other live version.
    Nobody,
    /// It is ahead by so many events, in all partitions where it is.
    By(u64),
    /// It reads other partitions, or another log.
    Unlike,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing for now.
    Rest(RebuildStage),
    /// Build the indexes that have waited.
    Index,
    /// Switch readers over.
    Switch,
    /// End: the version was given up.
    End,
}

impl Facts {
    /// Whether so little is left that the load is over.
    pub(crate) fn is_filled(&self) -> bool {
        self.left
            .is_some_and(|(left, done)| left <= FEW.max(done / 100))
    }

    /// Whether a switch is likely to succeed: the live one can be reached within a moment.
    fn is_ready(&self) -> bool {
        match self.ahead {
            Ahead::Nobody => true,
            Ahead::By(events) => events <= FEW && self.added,
            Ahead::Unlike => false,
        }
    }
}

/// Decides.
pub(crate) fn next(facts: &Facts) -> Step {
    match facts.state {
        VersionState::Cancelled => Step::End,
        _ if !facts.indexed && facts.is_filled() && !facts.paused => Step::Index,
        VersionState::Live | VersionState::Retired => Step::Rest(RebuildStage::Done),
        VersionState::Building if !facts.indexed && facts.is_filled() => {
            Step::Rest(RebuildStage::Indexing)
        }
        VersionState::Building if !facts.indexed => Step::Rest(RebuildStage::Filling),
        VersionState::Building if !facts.is_filled() || !facts.is_ready() => {
            Step::Rest(RebuildStage::CatchingUp)
        }
        VersionState::Building if facts.automatic && !facts.paused && facts.parked == 0 => {
            Step::Switch
        }
        VersionState::Building => Step::Rest(RebuildStage::Ready),
    }
}

/// Why a version does not come to be live although nothing fails, for whoever asks for the status.
pub(crate) fn hindrance(facts: &Facts) -> Option<String> {
    if facts.state != VersionState::Building {
        return None;
    }
    match facts.ahead {
        Ahead::Unlike => Some(
            "readers are never led to this version: it reads other partitions, or another log, than the live one. Cancel \
             it, and project that log under another name"
                .to_owned(),
        ),
        _ if facts.parked > 0 => Some(format!(
            "{} events are parked that the live version shows, and readers are not led to this one before they are replayed \
             or discarded: see `factum dead-letters list`",
            facts.parked
        )),
        _ => None,
    }
}

/// Where a version stands in one partition: topic, partition, and what a position says.
pub(crate) type Places = BTreeMap<(String, u32), Place>;

/// Where a version stands in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub identity: Option<uuid::Uuid>,
    pub next: u64,
}

/// How far the live version is ahead of another one. Those who read the live one have seen all that
/// it shows, so nobody may be led to a version that is behind in any partition. Topics that only one of them
/// reads say nothing of that; they must have one in common.
pub(crate) fn ahead(live: &Places, other: &Places) -> Ahead {
    let (there, here) = (shared(live, other), shared(other, live));
    if there.is_empty() || !there.keys().eq(here.keys()) {
        return Ahead::Unlike;
    }
    let mut by = 0;
    for (there, here) in there.values().zip(here.values()) {
        if let (Some(one), Some(another)) = (there.identity, here.identity)
            && one != another
        {
            return Ahead::Unlike;
        }
        by += there.next.saturating_sub(here.next);
    }
    Ahead::By(by)
}

/// The topics that another version reads, and the live one does not.
pub(crate) fn added(live: &Places, other: &Places) -> BTreeSet<String> {
    let read = |places: &Places| places.keys().map(|(topic, _)| topic.clone()).collect();
    let (live, other): (BTreeSet<String>, BTreeSet<String>) = (read(live), read(other));
    &other - &live
}

/// The places of one version in topics that the other one reads, too.
fn shared<'a>(of: &'a Places, with: &Places) -> BTreeMap<&'a (String, u32), &'a Place> {
    let topics: BTreeSet<&str> = with.keys().map(|(topic, _)| &**topic).collect();
    let shared = of
        .iter()
        .filter(|((topic, _), _)| topics.contains(&**topic));
    shared.collect()
}

/// The version that is live, if one is.
pub(crate) fn live(versions: &[Version]) -> Option<&Version> {
    versions.iter().find(|it| it.state == VersionState::Live)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn version(version: u32, state: VersionState) -> Version {
        Version {
            projection: "board".into(),
            version,
            state,
            topic: "t".into(),
            home: "public".into(),
            place: "public".into(),
            tables: vec!["board".into()],
            shape: "s".into(),
            indexed: true,
            automatic: true,
            failure: None,
        }
    }

    fn all_facts() -> impl Iterator<Item = Facts> {
        use VersionState::{Building, Cancelled, Live, Retired};
        let states = [Building, Live, Retired, Cancelled];
        let lefts = [None, Some((FEW + 1, 0)), Some((FEW, 0)), Some((0, 9))];
        let aheads = [
            Ahead::Nobody,
            Ahead::By(0),
            Ahead::By(FEW + 1),
            Ahead::Unlike,
        ];
        let flags = (0..32_u8).map(|bits| [1, 2, 4, 8, 16].map(|bit| bits & bit > 0));
        flags.flat_map(move |[indexed, automatic, paused, parks, added]| {
            states.into_iter().flat_map(move |state| {
                lefts.into_iter().flat_map(move |left| {
                    aheads.into_iter().map(move |ahead| Facts {
                        state,
                        indexed,
                        automatic,
                        paused,
                        left,
                        ahead,
                        added,
                        parked: parks.into(),
                    })
                })
            })
        })
    }

    #[test]
    fn in_every_case_a_switch_needs_all_that_makes_it_right() {
        let mut switched = 0;
        for facts in all_facts() {
            let step = next(&facts);
            if step == Step::Switch {
                switched += 1;
                let asked = facts.automatic && !facts.paused;
                assert!(asked && facts.indexed && facts.is_filled(), "{facts:?}");
                assert_eq!(facts.state, VersionState::Building, "{facts:?}");
                assert!(!matches!(facts.ahead, Ahead::Unlike), "{facts:?}");
                assert!(facts.added || facts.ahead == Ahead::Nobody, "{facts:?}");
                assert_eq!(facts.parked, 0, "{facts:?}");
            }
            if step == Step::Index {
                assert!(
                    !facts.indexed && !facts.paused && facts.left.is_some(),
                    "{facts:?}"
                );
            }
            let ends = facts.state == VersionState::Cancelled;
            assert_eq!(step == Step::End, ends, "{facts:?}");
            // Whoever waits for a switch that time alone does not bring is told so.
            let never = facts.ahead == Ahead::Unlike || facts.parked > 0;
            let building = facts.state == VersionState::Building;
            assert_eq!(hindrance(&facts).is_some(), building && never, "{facts:?}");
        }
        assert!(switched > 0);
    }

    /// Whatever happens in between, steps that succeed lead to the end: no case rests for ever that
    /// time and the log's readers alone will not change.
    #[test]
    fn a_version_that_nothing_holds_up_becomes_live() {
        let mut facts = Facts {
            state: VersionState::Building,
            indexed: false,
            automatic: true,
            paused: false,
            left: None,
            ahead: Ahead::By(1_000_000),
            added: false,
            parked: 0,
        };
        let mut steps = Vec::new();
        while facts.state == VersionState::Building {
            let step = next(&facts);
            steps.push(step);
            match step {
                Step::Rest(RebuildStage::Filling) => facts.left = Some((FEW, 1_000_000)),
                Step::Rest(RebuildStage::CatchingUp) if !facts.added => facts.added = true,
                Step::Rest(RebuildStage::CatchingUp) => facts.ahead = Ahead::By(3),
                Step::Index => facts.indexed = true,
                Step::Switch => facts.state = VersionState::Live,
                other => panic!("{other:?} after {steps:?}"),
            }
        }
        assert_eq!(next(&facts), Step::Rest(RebuildStage::Done));
        assert_eq!(steps.len(), 5, "{steps:?}");
    }

    #[test]
    fn a_version_is_behind_if_it_is_in_any_partition() {
        let id = |it| Some(uuid::Uuid::from_u128(it));
        let places = |all: &[(u32, Option<uuid::Uuid>, u64)]| -> Places {
            let place = |&(partition, identity, next)| {
                (("t".to_owned(), partition), Place { identity, next })
            };
            all.iter().map(place).collect()
        };
        let live = places(&[(0, id(1), 7), (1, None, 1)]);
        assert_eq!(
            ahead(&live, &places(&[(0, id(1), 7), (1, None, 1)])),
            Ahead::By(0)
        );
        assert_eq!(
            ahead(&live, &places(&[(0, id(1), 9), (1, id(2), 3)])),
            Ahead::By(0)
        );
        assert_eq!(
            ahead(&live, &places(&[(0, id(1), 5), (1, id(2), 99)])),
            Ahead::By(2)
        );
        assert_eq!(
            ahead(&live, &places(&[(0, id(3), 9), (1, None, 1)])),
            Ahead::Unlike
        );
        assert_eq!(ahead(&live, &places(&[(0, id(1), 9)])), Ahead::Unlike);
    }

    #[test]
    fn topics_that_only_one_version_reads_do_not_count() {
        let places = |all: &[(&str, u32, u64)]| -> Places {
            let place = |&(topic, partition, next): &(&str, u32, u64)| {
                let identity = None;
                ((topic.to_owned(), partition), Place { identity, next })
            };
            all.iter().map(place).collect()
        };
        let one = places(&[("a", 0, 7), ("a", 1, 4)]);
        let more = places(&[("a", 0, 5), ("a", 1, 9), ("b", 0, 3)]);
        assert_eq!(ahead(&one, &more), Ahead::By(2));
        assert_eq!(ahead(&more, &one), Ahead::By(5));
        assert_eq!(ahead(&one, &places(&[("b", 0, 3)])), Ahead::Unlike);
        let fewer = places(&[("a", 0, 7), ("b", 0, 3)]);
        assert_eq!(ahead(&one, &fewer), Ahead::Unlike, "of a topic of both");
        assert_eq!(added(&one, &more), BTreeSet::from(["b".to_owned()]));
        assert_eq!(added(&more, &one), BTreeSet::new());
    }
}
