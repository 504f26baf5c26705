//! Workers that share the partitions of several topics, through crashes; what they say, and what is waited for.

use std::time::Duration;

use factum_core::ConsistencyToken;
use factum_projector::{Operations, ReadModel, ReadModelOptions, WaitError};
use factum_status::Components;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;

use super::*;
use crate::bank::{eventually, posted};

pub(super) struct Worker(pub(super) JoinHandle<()>);

impl Worker {
    fn start(books: &Books, options: &Options) -> Self {
        let (log, url) = (Arc::new(books.bank.view()), books.bank.postgres());
        let projector = overviews(options.clone());
        Self(tokio::spawn(async move {
            let ended = projector.run(log, &url, std::future::pending()).await;
            panic!("a worker gave up: {:?}", ended.unwrap_err());
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Workers that are dropped in mid-step and lose their sessions, at random moments, until they have
/// projected everything.
async fn through_crashes(seed: u64, workers: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut books = Books::new(seed).await;
    books.fill(700).await;
    let options = Options {
        batch_bytes: random.random_range(100..20_000),
        lock_wait: Duration::from_millis(300),
        start_timeout: Duration::from_secs(60),
        ..books.options()
    };
    let mut running: Vec<_> = (0..workers)
        .map(|_| Worker::start(&books, &options))
        .collect();
    for step in 0..40 {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        let victim = random.random_range(0..workers);
        match random.random_range(0..3) {
            0 => running[victim] = Worker::start(&books, &options),
            1 => books.bank.kill_sessions().await,
            _ if step < 30 => books.fill(30).await,
            _ => {}
        }
    }
    let end = books.records().await;
    eventually("all is projected", async || {
        books.bank.positions().await == end
    })
    .await;
    for worker in &running {
        assert!(!worker.0.is_finished(), "seed {seed}: no worker gives up");
    }
    books.assert_whole(&books.bank.rows().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_of_two_topics_survives_crashes() {
    for seed in 60..63 {
        through_crashes(seed, 1).await;
    }
}

/// The row of a branch is changed by events of both topics, which different workers project.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_share_rows_of_two_topics_survive_crashes() {
    for seed in 70..74 {
        through_crashes(seed, 3).await;
    }
}

#[tokio::test]
async fn what_was_done_in_either_topic_is_waited_for() {
    let mut books = Books::new(80).await;
    books.fill(20).await;
    let _worker = Worker::start(&books, &books.options());
    let open = async |topic: Option<&str>| {
        let options = ReadModelOptions {
            topic: topic.map(str::to_owned),
            schema: books.bank.schema.clone(),
            ..ReadModelOptions::default()
        };
        let url = books.bank.postgres();
        ReadModel::open(&url, "overviews", options).await.unwrap()
    };
    let (accounts, cards) = (open(Some(ACCOUNTS)).await, open(Some(CARDS)).await);
    let neither = open(None).await;
    let minute = Duration::from_secs(60);
    eventually("it has begun", async || books.bank.positions().await > 0).await;
    for round in 0..10 {
        books.accounts.commit(1, "a", &[posted(1, 5)]).await;
        let token = ConsistencyToken::from(books.accounts.valid.last().unwrap());
        accounts.wait_for(token, minute).await.unwrap();
        let card = posted(1, 7);
        books.cards.commit(1, "a", &[card]).await;
        let token = ConsistencyToken::from(books.cards.valid.last().unwrap());
        cards.wait_for(token, minute).await.unwrap();
        let rows = books.bank.rows::<Overview>().await;
        let row = rows.iter().find(|row| row.name == "a").unwrap();
        assert_eq!(
            (row.balance, row.charged),
            (5 * (round + 1), 7 * (round + 1))
        );
    }
    let token = ConsistencyToken::from(books.cards.valid.last().unwrap());
    let unclear = neither.wait_for(token, minute).await.unwrap_err();
    assert!(
        matches!(unclear, WaitError::SeveralTopics { .. }),
        "{unclear}"
    );
}

#[tokio::test]
async fn a_worker_tells_lag_by_topic_and_partition() {
    let mut books = Books::new(90).await;
    books.accounts.commit(1, "a", &[posted(1, 5)]).await;
    books
        .cards
        .commit(1, "a", &[posted(1, 5), posted(1, 6)])
        .await;
    let components = Components::new();
    let options = Options {
        components: components.clone(),
        progress_interval: Duration::from_millis(20),
        ..books.options()
    };
    let _worker = Worker::start(&books, &options);
    let status = || components.all().first().map(|it| it.status());
    let done = |it: &serde_json::Value| it["events"] == 3 && it["lag"] == 0;
    eventually("all is projected", async || {
        status().as_ref().is_some_and(done)
    })
    .await;
    let status = status().unwrap();
    let owned: Vec<_> = status["owned"].as_array().unwrap().iter().collect();
    let places: Vec<_> = owned
        .iter()
        .map(|it| {
            (
                it["topic"].as_str().unwrap(),
                it["partition"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        (ACCOUNTS, 0),
        (ACCOUNTS, 1),
        (ACCOUNTS, 2),
        (CARDS, 0),
        (CARDS, 1),
    ];
    assert_eq!(places, expected);
    assert_eq!(owned[4]["offset"], books.cards.end(1).await);
    let families = components.all()[0].metrics();
    let offsets = families
        .iter()
        .find(|it| it.name() == "factum_projector_offset");
    let labels: Vec<_> = offsets
        .unwrap()
        .get_metric()
        .iter()
        .map(|it| it.get_label())
        .collect();
    let named = |name: &str| {
        labels
            .iter()
            .any(|of| of.iter().any(|it| it.value() == name))
    };
    assert!(
        named("bank.card.events/1") && named("bank.account.events/2"),
        "{labels:?}"
    );

    let operations = Operations::connect(&books.bank.postgres(), &books.bank.schema).await;
    let operations = operations.unwrap();
    let ends = async || {
        let progress = operations.status().await.unwrap();
        progress
            .iter()
            .map(|it| (it.topic.clone(), it.partition, it.end))
            .collect::<Vec<_>>()
    };
    let (first, second) = (books.accounts.end(1).await, books.cards.end(1).await);
    assert_ne!(first, second);
    eventually("each partition's own end is told", async || {
        let ends = ends().await;
        ends.contains(&(ACCOUNTS.into(), 1, Some(first)))
            && ends.contains(&(CARDS.into(), 1, Some(second)))
    })
    .await;
}
