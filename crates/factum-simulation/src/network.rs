//! What becomes of a batch between its sender and the log.

use std::time::Duration;

use factum_core::{Append, Appended, LogError, Offset, RecordRef, Records};
use tokio::sync::oneshot;

use crate::log::{SimLog, unreachable};
use crate::world::{State, TopicId, World};

/// How long a batch is tried before its sender is told that it failed.
const DELIVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
enum Fate {
    Stored,
    Lost,
    Unanswered,
    Late,
    Torn,
    Doubled,
    Scattered,
}

impl Fate {
    fn draw(state: &mut State) -> Self {
        let weather = state.weather;
        let odds = [
            (weather.lost, Self::Lost),
            (weather.unanswered, Self::Unanswered),
            (weather.late, Self::Late),
            (weather.torn, Self::Torn),
            (weather.doubled, Self::Doubled),
            (weather.scattered, Self::Scattered),
        ];
        let mut drawn = state.chance.below(1000);
        for (share, fate) in odds {
            match drawn.checked_sub(share) {
                Some(rest) => drawn = rest,
                None => return fate,
            }
        }
        Self::Stored
    }
}

/// Sends a batch, which arrives at a given time and goes its way whatever becomes of its sender.
pub(crate) fn append(
    log: &SimLog,
    (topic, partition): (TopicId, u32),
    records: Records,
    arrival: Duration,
) -> Append {
    let (answer, answered) = oneshot::channel();
    let fate = Fate::draw(&mut log.world.state());
    let link = log.link;
    let size = records.len();
    log.world.note(format_args!(
        "process {link} sends {size} records to {topic}/{partition}: {fate:?}"
    ));
    let batch = Batch {
        log: log.clone(),
        topic,
        partition,
        records,
    };
    tokio::spawn(async move {
        tokio::time::sleep(arrival.saturating_sub(batch.log.world.now())).await;
        let outcome = batch.arrive(fate).await;
        batch.log.world.travel().await;
        let _ = answer.send(outcome);
    });
    Box::pin(async move {
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => std::future::pending().await,
        }
    })
}

struct Batch {
    log: SimLog,
    topic: TopicId,
    partition: u32,
    records: Records,
}

impl Batch {
    async fn arrive(&self, fate: Fate) -> Result<Appended, LogError> {
        let world = &self.log.world;
        if let Err(error) = self.log.reach(DELIVERY).await {
            if world.draw(|chance| chance.strikes(200)) {
                self.land_later(self.records.clone());
            }
            return Err(error);
        }
        self.meddle();
        let lost = || Err(unreachable("the batch or its answer was lost"));
        match fate {
            Fate::Lost => {
                tokio::time::sleep(world.draw(|chance| chance.delay(5000))).await;
                lost()
            }
            Fate::Stored => self.answered(self.land(&self.records)).await,
            Fate::Unanswered => {
                self.land(&self.records);
                tokio::time::sleep(world.draw(|chance| chance.delay(5000))).await;
                lost()
            }
            Fate::Late => {
                self.land_later(self.records.clone());
                lost()
            }
            Fate::Torn => {
                let cut = world.draw(|chance| chance.below(self.records.len().max(1) as u64));
                let (first, rest) = self.parts(cut as usize);
                self.land(&first);
                if world.draw(|chance| chance.strikes(500)) {
                    self.land_later(rest);
                }
                lost()
            }
            Fate::Doubled => {
                let first = self.land(&self.records);
                match world.draw(|chance| chance.strikes(500)) {
                    true => _ = self.land(&self.records),
                    false => self.land_later(self.records.clone()),
                }
                self.answered(first).await
            }
            Fate::Scattered => {
                self.scatter();
                self.answered(0).await.map(|_| Appended::Somewhere)
            }
        }
    }

    fn land(&self, records: &Records) -> Offset {
        self.log.world.land(self.topic, self.partition, records)
    }

    /// The answer to a batch that has landed, once it passes.
    async fn answered(&self, first: Offset) -> Result<Appended, LogError> {
        self.log.reach(DELIVERY).await?;
        Ok(Appended::At(first))
    }

    /// Lets records land when nobody thinks of them any more.
    fn land_later(&self, records: Records) {
        let world = self.log.world.clone();
        let (topic, partition) = (self.topic, self.partition);
        let wait = world.draw(|chance| chance.delay(12_000));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            world.note(format_args!("a late batch lands in {topic}/{partition}"));
            world.land(topic, partition, &records);
        });
    }

    /// Someone else writes.
    fn meddle(&self) {
        let world = &self.log.world;
        let foreign = {
            let mut state = world.state();
            let share = state.weather.foreign;
            state.chance.strikes(share)
        };
        if foreign {
            let mut records = Records::new();
            records.push(RecordRef {
                key: b"stranger",
                header: None,
                value: b"?",
            });
            self.land(&records);
        }
    }

    fn parts(&self, cut: usize) -> (Records, Records) {
        let (mut first, mut rest) = (self.records.clone(), Records::new());
        first.truncate(cut);
        self.records
            .iter()
            .skip(cut)
            .for_each(|record| rest.push(record));
        (first, rest)
    }

    /// Lands every record, some of them twice, in any order; mostly in the right one.
    fn scatter(&self) {
        let world: &World = &self.log.world;
        let mut places: Vec<_> = (0..self.records.len()).collect();
        world.draw(|chance| {
            for _ in 0..chance.below(3) {
                let bound = places.len() as u64;
                let (one, other) = (chance.below(bound) as usize, chance.below(bound) as usize);
                match chance.strikes(300) {
                    true => places.insert(one, places[other]),
                    false => places.swap(one, other),
                }
            }
        });
        let mut scattered = Records::new();
        let records = places.iter().filter_map(|place| self.records.get(*place));
        records.for_each(|record| scattered.push(record));
        self.land(&scattered);
    }
}
