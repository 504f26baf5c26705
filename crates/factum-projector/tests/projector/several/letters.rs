//! Parking events of several topics.

use factum_projector::FailurePolicy;

use super::*;
use crate::bank::posted;

const POISON: i64 = 66_666;

async fn letters(books: &Books) -> Vec<(String, i32, i64, String)> {
    let query = "SELECT topic, partition, sequence, aggregate FROM dead_letters \
                 ORDER BY topic, partition, sequence";
    let rows = books.bank.client.query(query, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

async fn project(books: &Books, panics_at: Option<i64>) -> Summary {
    let options = Options {
        failure: FailurePolicy::PARK,
        ..books.until_end()
    };
    let projector = Projector::new(Overviews { panics_at }).table(OVERVIEW);
    books.run(projector.options(options)).await
}

/// Letters of the two topics have the same partition and sequence.
#[tokio::test]
async fn events_of_both_topics_are_parked_and_replayed() {
    let mut books = Books::new(100).await;
    books.accounts.commit(1, "a", &[posted(1, POISON)]).await;
    books.cards.commit(1, "a", &[posted(2, POISON)]).await;
    books.accounts.commit(1, "a", &[posted(3, 5)]).await;
    books.cards.commit(1, "b", &[posted(4, 6)]).await;
    books.cards.commit(1, "a", &[posted(5, 7)]).await;
    project(&books, Some(POISON)).await;
    let letter = |topic: &str, sequence| (topic.to_owned(), 1, sequence, "a".to_owned());
    let parked = [
        letter(ACCOUNTS, 1),
        letter(ACCOUNTS, 2),
        letter(CARDS, 1),
        letter(CARDS, 3),
    ];
    assert_eq!(letters(&books).await, parked);
    let names: Vec<_> = books.bank.rows::<Overview>().await;
    let names: Vec<_> = names.iter().map(|row| &*row.name).collect();
    assert_eq!(names, ["b", "branch 4"]);

    // A worker that starts anew knows what is parked, of each topic.
    books.cards.commit(1, "a", &[posted(5, 8)]).await;
    books.accounts.commit(1, "b", &[posted(6, 9)]).await;
    project(&books, Some(POISON)).await;
    assert_eq!(letters(&books).await.len(), 5);

    let replay = "UPDATE dead_letters SET replay_asked_at = now()";
    let of_cards = format!("{replay} WHERE topic = '{CARDS}'");
    books.bank.sql(&of_cards).await;
    project(&books, None).await;
    let left = letters(&books).await;
    assert_eq!(left, parked[..2], "those of the other topic stay");
    books.bank.sql(replay).await;
    project(&books, None).await;
    assert_eq!(letters(&books).await, []);
    books.assert_whole(&books.bank.rows().await).await;
}

/// An event that cannot be decoded is parked under its own topic, and replayed by that topic's events.
#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_of_its_topic() {
    let mut books = Books::new(110).await;
    books.accounts.commit(0, "a", &[posted(1, 5)]).await;
    books.cards.commit_newer(0, "a", &[posted(1, 6)]).await;
    books.cards.commit(0, "b", &[posted(1, 7)]).await;
    project(&books, None).await;
    let parked = [(CARDS.to_owned(), 0, 1, "a".to_owned())];
    assert_eq!(letters(&books).await, parked);
    let query = "SELECT error FROM dead_letters";
    let row = books.bank.client.query_one(query, &[]).await.unwrap();
    let error: String = row.get(0);
    for part in [CARDS, "partition 0", "bank.card `a`"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}
