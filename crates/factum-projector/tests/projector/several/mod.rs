//! Several aggregates' topics in one read model.

mod letters;
mod order;
mod seek;
mod starts;
mod versions;
mod waiting;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use factum_core::{DecodeError, Event, Recorded};
use factum_projector::{Events, MultiFold, Options, Projection, Projector, Row, Summary};

use crate::bank::{Bank, Ledger, Posted, carrying, within};

const ACCOUNTS: &str = "bank.account.events";
const CARDS: &str = "bank.card.events";

/// What was charged to a card: the same as a posting, of another aggregate.
#[derive(Clone, Debug)]
struct Charged(Posted);

impl Event for Charged {
    const AGGREGATE: &'static str = "bank.card";

    fn name(&self) -> &'static str {
        "Charged"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        Posted::decode(value).map(Self)
    }
}

#[derive(Clone, Debug, Events)]
enum BankEvent {
    Account(Posted),
    Card(Charged),
}

impl BankEvent {
    fn posted(&self) -> &Posted {
        match self {
            Self::Account(posted) | Self::Card(Charged(posted)) => posted,
        }
    }
}

/// What is known of a holder of accounts and cards, or of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "overview")]
struct Overview {
    #[row(key)]
    name: String,
    balance: i64,
    charged: i64,
    /// The events that the row has seen, in their order: `a` or `c`, partition and sequence.
    history: String,
}

const OVERVIEW: &str = "CREATE TABLE IF NOT EXISTS overview (
    name text PRIMARY KEY, balance bigint NOT NULL, charged bigint NOT NULL, history text NOT NULL
)";

/// An event changes the rows of its holder, whose accounts and cards have the same id, and of its branch.
#[derive(Clone, Copy, Debug, Default)]
struct Overviews {
    /// A build that panics at this amount.
    panics_at: Option<i64>,
}

impl MultiFold for Overviews {
    type Event = BankEvent;
    type Row = Overview;
    const NAME: &'static str = "overviews";

    fn keys(&self, event: &Recorded<BankEvent>) -> impl IntoIterator<Item = String> {
        names(&event.id, event.event.posted())
    }

    fn fold(
        &self,
        name: &String,
        row: Option<Overview>,
        event: &Recorded<BankEvent>,
    ) -> Option<Overview> {
        let amount = event.event.posted().amount;
        assert_ne!(self.panics_at, Some(amount), "what is {amount}?");
        let mut row = row.unwrap_or_else(|| Overview {
            name: name.clone(),
            balance: 0,
            charged: 0,
            history: String::new(),
        });
        match event.event {
            BankEvent::Account(_) => row.balance += amount,
            BankEvent::Card(_) => row.charged += amount,
        }
        row.history += &place(event);
        Some(row)
    }
}

/// The rows that an event changes.
fn names(id: &str, posted: &Posted) -> [String; 2] {
    [id.to_owned(), format!("branch {}", posted.branch)]
}

/// An event's place, as it stands in histories.
fn place(event: &Recorded<BankEvent>) -> String {
    let topic = match event.event {
        BankEvent::Account(_) => 'a',
        BankEvent::Card(_) => 'c',
    };
    format!("{topic}{}.{} ", event.partition, event.sequence)
}

/// A bank with a topic of accounts and one of cards, which have other numbers of partitions.
struct Books {
    bank: Bank,
    accounts: Ledger,
    cards: Ledger,
}

impl Books {
    async fn new(seed: u64) -> Self {
        let bank = Bank::new().await;
        Self {
            accounts: Ledger::on(&bank, ACCOUNTS, 3, seed).await,
            cards: Ledger::on(&bank, CARDS, 2, seed + 1).await,
            bank,
        }
    }

    async fn fill(&mut self, commits: usize) {
        self.accounts.fill(commits).await;
        self.cards.fill(commits).await;
    }

    async fn records(&self) -> i64 {
        self.accounts.records().await + self.cards.records().await
    }

    fn options(&self) -> Options {
        Options {
            topic: None,
            ..self.bank.options()
        }
    }

    /// Projects up to the end.
    async fn run<P: Projection>(&self, projector: Projector<P>) -> Summary {
        let (log, url) = (Arc::new(self.bank.view()), self.bank.postgres());
        let run = projector.run(log, &url, std::future::pending());
        within(60, run).await.unwrap()
    }

    fn until_end(&self) -> Options {
        Options {
            until_end: true,
            ..self.options()
        }
    }

    /// All events of both topics; those of one partition in order.
    fn events(&self) -> Vec<Recorded<BankEvent>> {
        let accounts = self.accounts.valid.iter();
        let accounts = accounts.map(|it| of(it, BankEvent::Account(it.event.clone())));
        let cards = self.cards.valid.iter();
        let cards = cards.map(|it| of(it, BankEvent::Card(Charged(it.event.clone()))));
        accounts.chain(cards).collect()
    }

    /// Asserts that each row is the plain fold of all events of its key, each once, in an order that keeps that
    /// of every partition; which one it was, its history tells.
    async fn assert_whole(&self, rows: &[Overview]) {
        let events = self.events();
        let by_place: BTreeMap<_, _> = events.iter().map(|it| (place(it), it)).collect();
        let mut expected = BTreeMap::<String, BTreeSet<String>>::new();
        for event in &events {
            for key in names(&event.id, event.event.posted()) {
                expected.entry(key).or_default().insert(place(event));
            }
        }
        assert_eq!(rows.len(), expected.len());
        for row in rows {
            let seen: Vec<_> = row.history.split_inclusive(' ').collect();
            let once: BTreeSet<_> = seen.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(seen.len(), once.len(), "twice: {row:?}");
            assert_eq!(Some(&once), expected.get(&row.name), "{row:?}");
            let (mut last, mut folded) = (BTreeMap::new(), None);
            for event in seen.iter().map(|it| by_place[*it]) {
                let partition = (event.event.source(), event.partition);
                let before = last.insert(partition, event.sequence);
                assert!(before < Some(event.sequence), "out of order: {row:?}");
                folded = Overviews::default().fold(&row.name, folded, event);
            }
            assert_eq!(folded.as_ref(), Some(row));
        }
    }
}

fn of(event: &Recorded<Posted>, as_one: BankEvent) -> Recorded<BankEvent> {
    carrying(event, as_one)
}

fn overviews(options: Options) -> Projector<Overviews> {
    Projector::new(Overviews::default())
        .table(OVERVIEW)
        .options(options)
}

#[tokio::test]
async fn events_of_two_topics_become_one_read_model() {
    let mut books = Books::new(50).await;
    books.fill(800).await;
    let summary = books.run(overviews(books.until_end())).await;
    assert_eq!(summary.events, books.events().len() as u64);
    books.assert_whole(&books.bank.rows().await).await;

    let again = books.run(overviews(books.until_end())).await;
    assert_eq!((again.events, again.batches), (0, 0));
    books.fill(200).await;
    let more = books.run(overviews(books.until_end())).await;
    assert_eq!(summary.events + more.events, books.events().len() as u64);
    books.assert_whole(&books.bank.rows().await).await;

    let query = "SELECT topic, partition, \"offset\" FROM positions ORDER BY topic, partition";
    let rows = books.bank.client.query(query, &[]).await.unwrap();
    let found: Vec<(String, i32, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let mut expected = Vec::new();
    for (topic, ledger, partitions) in [(ACCOUNTS, &books.accounts, 3), (CARDS, &books.cards, 2)] {
        for partition in 0..partitions {
            let end = ledger.end(partition).await as i64;
            expected.push((topic.to_owned(), partition as i32, end));
        }
    }
    assert_eq!(found, expected);
}
