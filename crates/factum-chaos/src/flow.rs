//! Whether acknowledgements flow, and how long they did not: partition by partition.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::wire::Way;

/// An acknowledged attempt.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// How it was sent.
    pub way: Way,
    /// When the attempt was sent.
    pub sent: Instant,
    /// The account.
    pub account: String,
    /// Its version after it.
    pub version: u64,
}

/// What was acknowledged last in each partition. Its clones are one.
#[derive(Clone)]
pub struct Flow(watch::Sender<Vec<Partition>>);

#[derive(Clone)]
struct Partition {
    /// What came through a node's socket, and what through the topic of commands.
    newest: [Option<Acknowledged>; 2],
    last: Instant,
    silence: Duration,
}

impl Flow {
    /// A flow of so many partitions, where nothing flows yet.
    pub fn new(partitions: u32) -> Self {
        let partition = Partition {
            newest: [None, None],
            last: Instant::now(),
            silence: Duration::ZERO,
        };
        Self(watch::Sender::new(vec![partition; partitions as usize]))
    }

    /// Notes an acknowledgement that has just come in.
    pub fn note(&self, partition: u32, acknowledged: Acknowledged) {
        self.0.send_modify(|partitions| {
            let place = &mut partitions[partition as usize];
            place.silence = place.silence.max(place.last.elapsed());
            place.last = Instant::now();
            let newest = &mut place.newest[usize::from(acknowledged.way != Way::Node)];
            if newest.as_ref().is_none_or(|it| it.sent < acknowledged.sent) {
                *newest = Some(acknowledged);
            }
        });
    }

    /// Begins to listen for silence.
    pub fn listen(&self) {
        self.listen_from(Instant::now());
    }

    fn listen_from(&self, moment: Instant) {
        self.0.send_modify(|partitions| {
            for partition in partitions {
                (partition.last, partition.silence) = (moment, Duration::ZERO);
            }
        });
    }

    /// The longest time that a partition acknowledged nothing, since [`listen`](Self::listen).
    pub fn silence(&self) -> Duration {
        self.silence_until(Instant::now())
    }

    fn silence_until(&self, moment: Instant) -> Duration {
        let partitions = self.0.borrow();
        let lasts = |it: &Partition| moment.saturating_duration_since(it.last);
        let silence = partitions.iter().map(|it| it.silence.max(lasts(it)));
        silence.max().unwrap_or_default()
    }

    /// Waits until every partition has acknowledged an attempt that was sent after `moment`, both
    /// through a node's socket and through the topic of commands, and returns these.
    ///
    /// # Errors
    /// The partitions that have not within `patience`.
    pub async fn after(
        &self,
        moment: Instant,
        patience: Duration,
    ) -> Result<Vec<Acknowledged>, Vec<usize>> {
        let after = |it: &Option<Acknowledged>| it.as_ref().is_some_and(|it| it.sent > moment);
        let flows = |it: &Partition| it.newest.iter().all(after);
        let mut partitions = self.0.subscribe();
        let wait = partitions.wait_for(|partitions| partitions.iter().all(flows));
        if let Ok(Ok(partitions)) = tokio::time::timeout(patience, wait).await {
            return Ok(partitions
                .iter()
                .flat_map(|it| it.newest.clone())
                .flatten()
                .collect());
        }
        let partitions = self.0.borrow();
        Err((0..partitions.len())
            .filter(|it| !flows(&partitions[*it]))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledged(way: Way, sent: Instant) -> Acknowledged {
        Acknowledged {
            way,
            sent,
            account: "a".into(),
            version: 1,
        }
    }

    #[tokio::test]
    async fn all_partitions_have_to_flow_both_ways_after_the_moment() {
        let flow = Flow::new(2);
        let before = Instant::now();
        let moment = before + Duration::from_millis(1);
        let late = moment + Duration::from_millis(1);
        for way in [Way::Node, Way::Execute] {
            flow.note(0, acknowledged(way, late));
        }
        flow.note(1, acknowledged(Way::Node, before));
        flow.note(1, acknowledged(Way::Execute, late));
        let patience = Duration::from_millis(20);
        assert_eq!(flow.after(moment, patience).await.unwrap_err(), [1]);
        assert!(flow.silence() >= patience);
        flow.note(1, acknowledged(Way::Node, late));
        assert_eq!(flow.after(moment, patience).await.unwrap().len(), 4);
        let begin = Instant::now();
        flow.listen_from(begin);
        assert_eq!(flow.silence_until(begin + patience), patience);
    }
}
