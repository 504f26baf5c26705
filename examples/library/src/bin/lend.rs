//! Lends a book: `lend LOG BOOK READER`, for example `lend local:target/library "Dune" Ada`. With the address
//! of a Postgres behind it, waits until the shelf there shows it.

use std::time::Duration;

use anyhow::bail;
use factum::{Engine, EngineOptions, Fold, ReadModel, ReadModelOptions};
use library::{Book, BookCommand, Shelf};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, book, reader, postgres @ ..] = &arguments[..] else {
        bail!("usage: lend LOG BOOK READER [POSTGRES]")
    };
    let books = Engine::<Book>::start(factum::open_log(log).await?, EngineOptions::default()).await?;
    let lent = books.execute(book, BookCommand::Lend { reader: reader.clone() }).await;
    books.shutdown().await?;
    let receipt = lent?;
    println!("lent, version {}", receipt.version);
    if let [postgres] = postgres {
        let shelf = ReadModel::open(postgres, Shelf::NAME, ReadModelOptions::default()).await?;
        shelf.wait_for(&receipt, Duration::from_secs(5)).await?;
        println!("on the shelf, as of {}", receipt.token());
    }
    Ok(())
}
