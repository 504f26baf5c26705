//! Positions are locked in the order of the topics' names, whatever order the code has.

use std::time::Duration;

use super::workers::Worker;
use super::*;
use crate::bank::{connect, eventually, posted};

/// The topics in the order that is not their names'.
#[derive(Clone, Debug, Events)]
enum Reversed {
    Card(Charged),
    Account(Posted),
}

#[derive(Clone, Copy, Debug)]
struct Named;

impl MultiFold for Named {
    type Event = Reversed;
    type Row = Overview;
    const NAME: &'static str = "reversed";

    fn keys(&self, event: &Recorded<Reversed>) -> impl IntoIterator<Item = String> {
        Some(event.id.clone())
    }

    fn fold(
        &self,
        name: &String,
        row: Option<Overview>,
        _: &Recorded<Reversed>,
    ) -> Option<Overview> {
        let new = || Overview {
            name: name.clone(),
            balance: 0,
            charged: 0,
            history: String::new(),
        };
        Some(row.unwrap_or_else(new))
    }
}

/// Whoever waits for the first position has not locked any that comes after it.
#[tokio::test]
async fn a_worker_that_waits_for_a_position_holds_none_behind_it() {
    let mut books = Books::new(90).await;
    let _worker = start(&books);
    let first = format!("topic = '{ACCOUNTS}' AND partition = 0");
    let (hold, others) = (
        format!("BEGIN; SELECT FROM positions WHERE {first} FOR UPDATE"),
        format!("SELECT FROM positions WHERE NOT ({first}) FOR UPDATE NOWAIT"),
    );
    let operator = connect(&books.bank.postgres()).await;
    let mut waited = 0;
    while waited < 3 {
        let end = books.records().await;
        eventually("all is projected", async || {
            books.bank.positions().await == end
        })
        .await;
        operator.batch_execute(&hold).await.unwrap();
        books.accounts.commit(0, "a", &[posted(1, 5)]).await;
        eventually("it waits", async || waits(&books, &operator).await).await;
        // What comes meanwhile goes into one transaction, of all partitions.
        books.fill(40).await;
        operator.batch_execute("COMMIT").await.unwrap();
        operator.batch_execute(&hold).await.unwrap();
        let end = books.records().await;
        eventually("it waits, or was faster", async || {
            waits(&books, &operator).await || books.bank.positions().await == end
        })
        .await;
        if waits(&books, &operator).await {
            let free = books.bank.client.batch_execute(&others).await;
            free.expect("the worker holds none of them");
            waited += 1;
        }
        operator.batch_execute("COMMIT").await.unwrap();
    }
}

fn start(books: &Books) -> Worker {
    let (log, url) = (Arc::new(books.bank.view()), books.bank.postgres());
    let projector = Projector::new(Named).table(OVERVIEW).options(Options {
        lock_wait: Duration::from_secs(60),
        ..books.options()
    });
    Worker(tokio::spawn(async move {
        let ended = projector.run(log, &url, std::future::pending()).await;
        panic!("a worker gave up: {:?}", ended.unwrap_err());
    }))
}

/// Whether anybody waits for what a session holds.
async fn waits(books: &Books, holder: &tokio_postgres::Client) -> bool {
    let pid = "SELECT pg_backend_pid()";
    let pid: i32 = holder.query_one(pid, &[]).await.unwrap().get(0);
    let waits =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))";
    let waits = books.bank.client.query_one(waits, &[&pid]).await;
    waits.unwrap().get(0)
}
