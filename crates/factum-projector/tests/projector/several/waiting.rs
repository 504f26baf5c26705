//! Waiting for the end of the log, while readers are led to a version that reads other topics.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{EventLog, LogError, NewTopic, Topic};
use factum_projector::Operations;
use factum_testkit::MemoryLog;

use super::*;
use crate::bank::{eventually, posted};

/// A log that tells which topics were asked for.
#[derive(Clone)]
struct Asked {
    log: MemoryLog,
    topics: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl EventLog for Asked {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let opened = self.log.open(topic, create).await;
        self.topics.lock().unwrap().push(topic.to_owned());
        opened
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.log.open_fleeting(topic, create, keep).await
    }
}

/// What a worker of the next version writes down: it is behind by `records` in each partition of the cards.
async fn lead_to_both(books: &Books, records: i64) {
    let bank = &books.bank;
    let mut rows = Vec::new();
    for (topic, ledger, behind) in [
        (ACCOUNTS, &books.accounts, 0),
        (CARDS, &books.cards, records),
    ] {
        for partition in 0..ledger.topic.partitions() {
            let end = ledger.end(partition).await as i64 - behind;
            rows.push(format!(
                "('overviews', 2, '{topic}', {partition}, {end}, 1, 1, false)"
            ));
        }
    }
    bank.sql(&format!(
        "BEGIN; UPDATE versions SET state = 'retired'; \
         INSERT INTO versions SELECT projection, 2, 'live', topic, home, place, tables, shape, indexed, automatic FROM versions; \
         INSERT INTO positions (projection, version, topic, partition, \"offset\", epoch, next, closed) VALUES {}; COMMIT",
        rows.join(", ")
    ))
    .await;
}

#[tokio::test]
async fn the_topics_of_the_version_that_comes_to_be_live_count() {
    let mut books = Books::new(190).await;
    books.fill(50).await;
    books
        .run(super::versions::accounts(books.until_end()))
        .await;
    books.accounts.commit(1, "late", &[posted(1, 5)]).await;
    let asked = Asked {
        log: books.bank.log.clone(),
        topics: Arc::default(),
    };
    let has_asked = async |topic: &str| asked.topics.lock().unwrap().contains(&topic.to_owned());
    let operations = Operations::connect(&books.bank.postgres(), &books.bank.schema).await;
    let (operations, log) = (operations.unwrap(), asked.clone());
    let wait = tokio::spawn(async move {
        let minute = Duration::from_secs(60);
        let waited = operations.wait_for_end(&log, "overviews", None, minute);
        waited.await
    });
    eventually("it has begun", async || has_asked(ACCOUNTS).await).await;
    lead_to_both(&books, 1).await;
    eventually("it asks for the cards", async || has_asked(CARDS).await).await;
    assert!(!wait.is_finished(), "one record of each is left");
    books
        .bank
        .sql("UPDATE positions SET \"offset\" = \"offset\" + 1 WHERE version = 2 AND topic = 'bank.card.events'")
        .await;
    let end = wait.await.unwrap().unwrap();
    assert_eq!((end.version, end.partitions), (2, 5));
}
