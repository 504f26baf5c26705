//! Waiting in SQL, as the documentation shows it to programs that are not in Rust.

use std::future::poll_fn;

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::Worker;
use crate::bank::{Bank, Ledger, eventually, posted, within};

/// The statements of the page, in order, for this bank instead of the library.
fn documented(bank: &Bank) -> Vec<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/read-your-writes.md"
    );
    let page = std::fs::read_to_string(path).unwrap();
    let shown = page
        .split("```sql\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let shown = shown
        .expect("the page shows SQL")
        .replace("library.book.events", &bank.topic);
    let shown = shown
        .replace("'shelf'", "'balances'")
        .replace("factum.", &format!("{}.", bank.schema));
    shown
        .split_inclusive(';')
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
        .collect()
}

/// A session, and the payloads of what it is notified of.
async fn session(bank: &Bank) -> (Client, mpsc::UnboundedReceiver<String>) {
    let connected = tokio_postgres::connect(&bank.postgres(), NoTls).await;
    let (client, mut connection) = connected.unwrap();
    let (sender, notified) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message {
                sender.send(notification.payload().to_owned()).unwrap();
            }
        }
    });
    (client, notified)
}

#[tokio::test]
async fn the_documented_statements_wait() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 1).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let (client, mut notified) = session(&bank).await;
    let [listen, ask] = documented(&bank).try_into().unwrap();
    client.batch_execute(&listen).await.unwrap();
    let shows = async || {
        let rows = client.query(&ask, &[&3_i32, &2_i64]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<bool>>()
    };
    ledger.commit(3, "a", &[posted(1, 5)]).await;
    let _worker = Worker::start(&bank);
    assert_eq!(within(60, notified.recv()).await.unwrap(), "balances");
    assert_eq!(shows().await, [false], "it is at event 1");
    ledger.commit(3, "a", &[posted(1, 5)]).await;
    assert_eq!(within(60, notified.recv()).await.unwrap(), "balances");
    assert_eq!(shows().await, [true]);
    let none = client.query(&ask, &[&4_i32, &2_i64]).await.unwrap();
    assert!(none.is_empty(), "no such partition");
}

#[tokio::test]
async fn a_transaction_notifies_once_and_one_that_is_undone_does_not() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 2).await;
    ledger.fill(200).await;
    let (client, mut notified) = session(&bank).await;
    let [listen, _] = documented(&bank).try_into().unwrap();
    client.batch_execute(&listen).await.unwrap();
    let run = bank.run(bank.balances().options(bank.until_end())).await;
    let batches = run.unwrap().batches;
    eventually("as many as transactions", async || {
        notified.len() as u64 == batches
    })
    .await;
    bank.sql(&format!("NOTIFY \"{}.positions\", 'last'", bank.schema))
        .await;
    let mut payloads = Vec::new();
    while payloads.last().is_none_or(|it| it != "last") {
        payloads.push(within(60, notified.recv()).await.unwrap());
    }
    assert_eq!(payloads.len() as u64, batches + 1);
}
