//! The judgement: whether a process grew once it was warm.

use std::time::Duration;

use serde::Serialize;

use super::{Life, Usage};
use crate::checker::{Kind, Violation};

/// Of a soak, the first part is there to get warm: caches and windows fill, all connections are made.
const WARM_UP: u32 = 3;
/// Of these at least one has to live from the beginning to the end.
const MUST_LIVE: [&str; 3] = ["node", "worker", "load"];
/// A process counts as there from the beginning, or to the end, if it was seen so soon before or after.
const NEARLY: Duration = Duration::from_secs(10);

/// One measure of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// At first sight.
    pub start: u64,
    /// The median of the second third of the soak, when it was warm.
    pub before: u64,
    /// The median of the last third.
    pub after: u64,
    /// The most that was ever seen, warm or not.
    pub max: u64,
}

/// What a process that lived long enough held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The program's name.
    pub program: String,
    /// The process id.
    pub pid: u32,
    /// Resident memory, in bytes.
    pub resident: Level,
    /// Open file handles.
    pub handles: Level,
    /// Threads.
    pub threads: Level,
}

/// What may be there in the end that was not there before: memory a share or so many bytes, whichever
/// is more. It is for the grain of what is measured: allocators give memory back late, connections are
/// opened before others are closed, and pools of threads breathe.
struct Tolerance {
    share: u64,
    least: u64,
}

const MEMORY: Tolerance = Tolerance {
    share: 10,
    least: 4 << 20,
};
const HANDLES: Tolerance = Tolerance { share: 0, least: 3 };
const THREADS: Tolerance = Tolerance { share: 0, least: 2 };

/// Weighs all processes that were there for the whole of the last two thirds, each by the medians of
/// these two thirds: what a replay or a takeover takes for a moment is no growth, what stays is.
/// Somebody has to have lived through all of it, or nothing is shown.
pub fn judge(lives: &[Life], span: Duration) -> (Vec<Balance>, Vec<Violation>) {
    let balances: Vec<Balance> = lives.iter().filter_map(|it| balance(it, span)).collect();
    let mut violations: Vec<Violation> = balances.iter().flat_map(grown).collect();
    violations.extend(MUST_LIVE.iter().filter_map(|part| {
        let lived = |life: &Life| life.program.starts_with(part) && lived_through(life, span);
        let text =
            format!("no {part} lived from the beginning to the end: its growth is not known");
        (!lives.iter().any(lived)).then(|| Violation::new(Kind::Growth, text))
    }));
    (balances, violations)
}

fn lived_through(life: &Life, span: Duration) -> bool {
    life.begin() <= NEARLY && life.end() + NEARLY >= span
}

fn balance(life: &Life, span: Duration) -> Option<Balance> {
    let (warm, middle) = (span / WARM_UP, span / WARM_UP * 2);
    if life.begin() > warm || life.end() + NEARLY < span {
        return None;
    }
    let level = |measure: fn(&Usage) -> u64| {
        let of = |from: Duration, to: Duration| {
            let samples = life.samples.iter().filter(|it| (from..to).contains(&it.at));
            median(samples.map(|it| measure(&it.usage)).collect())
        };
        let max = life.samples.iter().map(|it| measure(&it.usage)).max();
        Some(Level {
            start: measure(&life.samples.first()?.usage),
            before: of(warm, middle)?,
            after: of(middle, Duration::MAX)?,
            max: max?,
        })
    };
    Some(Balance {
        program: life.program.clone(),
        pid: life.pid,
        resident: level(|it| it.resident)?,
        handles: level(|it| it.handles)?,
        threads: level(|it| it.threads)?,
    })
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn grown(balance: &Balance) -> Vec<Violation> {
    let measures = [
        ("bytes of memory", balance.resident, MEMORY),
        ("file handles", balance.handles, HANDLES),
        ("threads", balance.threads, THREADS),
    ];
    let grown = measures
        .into_iter()
        .filter(|(_, level, tolerance)| tolerance.is_passed(level));
    let violation = |(what, level, _): (&str, Level, Tolerance)| {
        let (program, pid) = (&balance.program, balance.pid);
        let (before, after) = (level.before, level.after);
        let text = format!("{program} (process {pid}) grew from {before} to {after} {what}");
        Violation::new(Kind::Growth, text)
    };
    grown.map(violation).collect()
}

impl Tolerance {
    fn is_passed(&self, level: &Level) -> bool {
        let share = level.before * self.share / 100;
        level.after > level.before + share.max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::Sample;

    const SPAN: Duration = Duration::from_secs(1800);
    const LEVEL: Usage = Usage {
        resident: 100 << 20,
        anonymous: 80 << 20,
        handles: 60,
        threads: 30,
    };

    /// A process that is seen every other second, and holds then what `usage` says of the second.
    fn life(program: &str, from: u64, to: u64, usage: impl Fn(u64) -> Usage) -> Life {
        let sample = |second| Sample {
            at: Duration::from_secs(second),
            usage: usage(second),
        };
        Life {
            program: program.to_owned(),
            pid: 1,
            samples: (from..=to).step_by(2).map(sample).collect(),
        }
    }

    /// The judgement of a node beside a worker and a load that stay as they are.
    fn judged(node: Life) -> Vec<String> {
        let level = |program| life(program, 0, 1800, |_| LEVEL);
        let (_, violations) = judge(&[node, level("worker-0"), level("load")], SPAN);
        violations.into_iter().map(|it| it.text).collect()
    }

    fn found(node: Life, what: &str) {
        let violations = judged(node);
        assert!(
            violations.len() == 1 && violations[0].contains(what),
            "{violations:?}"
        );
    }

    #[test]
    fn what_stays_level_is_no_growth() {
        assert_eq!(judged(life("node-0", 0, 1800, |_| LEVEL)), [""; 0]);
    }

    #[test]
    fn what_fills_while_it_gets_warm_is_no_growth() {
        let node = life("node-0", 0, 1800, |second| Usage {
            resident: (20 << 20) + second.min(500) * (1 << 20),
            handles: 10 + second.min(500) / 10,
            threads: 5 + second.min(500) / 20,
            ..LEVEL
        });
        assert_eq!(judged(node), [""; 0]);
    }

    #[test]
    fn what_a_takeover_takes_for_a_moment_is_no_growth() {
        let node = life("node-0", 0, 1800, |second| match second % 60 {
            0..20 if second > 1200 => Usage {
                resident: LEVEL.resident * 3,
                handles: 200,
                threads: 60,
                ..LEVEL
            },
            _ => LEVEL,
        });
        let (balances, violations) = judge(&[node], SPAN);
        assert_eq!(violations.len(), 2, "the other parts only: {violations:?}");
        assert_eq!(
            balances[0].handles,
            Level {
                start: 60,
                before: 60,
                after: 60,
                max: 200
            }
        );
    }

    #[test]
    fn a_steady_leak_is_found() {
        // 30 KiB a second: 18 MiB from the middle of one third to the middle of the next.
        found(
            life("node-0", 0, 1800, |second| Usage {
                resident: LEVEL.resident + second * 30 * 1024,
                ..LEVEL
            }),
            "bytes of memory",
        );
    }

    #[test]
    fn a_handle_or_a_thread_that_each_fault_leaves_behind_is_found() {
        found(
            life("node-0", 0, 1800, |second| Usage {
                handles: LEVEL.handles + second / 60,
                ..LEVEL
            }),
            "from 74 to 85 file handles",
        );
        found(
            life("node-0", 0, 1800, |second| Usage {
                threads: LEVEL.threads + second / 150,
                ..LEVEL
            }),
            "threads",
        );
    }

    #[test]
    fn someone_has_to_live_through_all_of_it() {
        found(life("node-0", 20, 1800, |_| LEVEL), "no node lived");
        found(life("node-0", 0, 1780, |_| LEVEL), "no node lived");
        found(life("worker-1", 0, 1800, |_| LEVEL), "no node lived");
    }

    #[test]
    fn a_process_that_began_while_others_got_warm_is_weighed_too() {
        let level = |program| life(program, 0, 1800, |_| LEVEL);
        let late = |from| {
            life("node-1", from, 1800, |second| Usage {
                handles: second,
                ..LEVEL
            })
        };
        for (from, weighed) in [(590, 1), (610, 0)] {
            let lives = [
                level("node-0"),
                level("worker-0"),
                level("load"),
                late(from),
            ];
            let (balances, violations) = judge(&lives, SPAN);
            assert_eq!((balances.len(), violations.len()), (3 + weighed, weighed));
        }
    }
}
