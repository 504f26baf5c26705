//! Passing over events of one of several topics.

use factum_projector::{Operations, SeekPartition, SeekTo};

use super::*;
use crate::bank::posted;
use crate::refusals::{assert_says, words};

async fn offsets(books: &Books) -> Vec<(String, i32, i64)> {
    let query = "SELECT topic, partition, \"offset\" FROM positions ORDER BY topic, partition";
    let rows = books.bank.client.query(query, &[]).await.unwrap();
    let offset = |row: &tokio_postgres::Row| (row.get(0), row.get(1), row.get(2));
    rows.iter().map(offset).collect()
}

/// Both topics have that partition, with an event left.
#[tokio::test]
async fn only_the_topic_that_is_said_is_passed_over() {
    let mut books = Books::new(200).await;
    books.run(overviews(books.until_end())).await;
    books.accounts.commit(1, "a", &[posted(1, 5)]).await;
    books.cards.commit(1, "a", &[posted(1, 6)]).await;
    let operations = Operations::connect(&books.bank.postgres(), &books.bank.schema).await;
    let (operations, log) = (operations.unwrap(), books.bank.view());
    let plan = async |topic| {
        let which = SeekPartition {
            projection: "overviews",
            version: 1,
            topic,
            partition: 1,
        };
        let planned = operations.plan_seek(&log, which, SeekTo::End).await;
        planned.map_err(words)
    };
    let unclear = plan(None).await.unwrap_err();
    assert_says(&unclear, &["reads several topics", "--topic"]);
    let unknown = plan(Some("bank.other.events")).await.unwrap_err();
    assert_says(
        &unknown,
        &["no position in partition 1 of bank.other.events"],
    );

    let planned = plan(Some(CARDS)).await.unwrap();
    assert_eq!((&*planned.topic, planned.events), (CARDS, 1));
    let mut expected = offsets(&books).await;
    operations.skip(&planned, None).await.unwrap();
    let moved = expected.iter_mut().find(|it| (&*it.0, it.1) == (CARDS, 1));
    moved.unwrap().2 = books.cards.end(1).await as i64;
    assert_eq!(offsets(&books).await, expected, "no other position moves");
    books.run(overviews(books.until_end())).await;
    let rows = books.bank.rows::<Overview>().await;
    assert!(rows.iter().all(|row| (row.balance, row.charged) == (5, 0)));
    let skipped = operations.status().await.unwrap().into_iter();
    let skipped = skipped.filter(|it| it.skipped != Some(0));
    let places: Vec<_> = skipped.map(|it| (it.topic, it.partition)).collect();
    assert_eq!(places, [(CARDS.to_owned(), 1)]);
}
