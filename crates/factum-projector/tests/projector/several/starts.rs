//! What a start refuses, and what it goes on from.

use super::*;
use crate::refusals::{assert_says, words};

async fn refused<P: Projection>(books: &Books, projector: Projector<P>) -> String {
    let (log, url) = (Arc::new(books.bank.view()), books.bank.postgres());
    let run = projector.run(log, &url, std::future::pending());
    words(within(60, run).await.unwrap_err())
}

/// The cards come first, and nothing else differs.
#[derive(Clone, Debug, Events)]
enum Turned {
    Card(Charged),
    Account(Posted),
}

#[derive(Clone, Copy, Debug)]
struct TurnedOverviews;

impl TurnedOverviews {
    fn event(event: &Recorded<Turned>) -> Recorded<BankEvent> {
        let turned = match &event.event {
            Turned::Account(posted) => BankEvent::Account(posted.clone()),
            Turned::Card(charged) => BankEvent::Card(charged.clone()),
        };
        carrying(event, turned)
    }
}

impl MultiFold for TurnedOverviews {
    type Event = Turned;
    type Row = Overview;
    const NAME: &'static str = "overviews";

    fn keys(&self, event: &Recorded<Turned>) -> impl IntoIterator<Item = String> {
        names(&event.id, Self::event(event).event.posted())
    }

    fn fold(
        &self,
        name: &String,
        row: Option<Overview>,
        event: &Recorded<Turned>,
    ) -> Option<Overview> {
        Overviews::default().fold(name, row, &Self::event(event))
    }
}

/// Positions are kept by the topics' names, not by their order in the code.
#[tokio::test]
async fn the_order_of_the_aggregates_may_change() {
    let mut books = Books::new(130).await;
    books.fill(200).await;
    let first = books.run(overviews(books.until_end())).await;
    books.fill(200).await;
    let turned = Projector::new(TurnedOverviews).table(OVERVIEW);
    let second = books.run(turned.options(books.until_end())).await;
    assert_eq!(first.events + second.events, books.events().len() as u64);
    books.assert_whole(&books.bank.rows().await).await;
}

/// The accounts only, under the same name and version.
#[derive(Clone, Copy, Debug)]
struct OfAccounts;

impl MultiFold for OfAccounts {
    type Event = Posted;
    type Row = Overview;
    const NAME: &'static str = "overviews";

    fn keys(&self, _: &Recorded<Posted>) -> impl IntoIterator<Item = String> {
        []
    }

    fn fold(&self, _: &String, _: Option<Overview>, _: &Recorded<Posted>) -> Option<Overview> {
        None
    }
}

#[tokio::test]
async fn a_version_reads_the_topics_that_it_began_with() {
    let books = Books::new(140).await;
    books.run(overviews(books.until_end())).await;
    let fewer = Projector::new(OfAccounts).table(OVERVIEW);
    let error = refused(&books, fewer.options(books.options())).await;
    assert_says(
        &error,
        &[
            "its version has not",
            "bank.account + bank.card",
            "Raise `VERSION`",
        ],
    );
    let gone = format!("DELETE FROM positions WHERE topic = '{CARDS}'");
    books.bank.sql(&gone).await;
    let error = refused(&books, overviews(books.options())).await;
    assert_says(
        &error,
        &["the position of bank.card.events partition 0 is gone"],
    );
}

#[tokio::test]
async fn another_topic_can_be_named_only_for_one_aggregate() {
    let books = Books::new(150).await;
    let options = Options {
        topic: Some(CARDS.into()),
        ..books.options()
    };
    let error = refused(&books, overviews(options)).await;
    assert_says(&error, &[CARDS, "overviews", "bank.account, bank.card"]);
}
