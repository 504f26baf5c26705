//! Lends a book: `lend LOG BOOK READER`, for example `lend local:target/library "Dune" Ada`.

use anyhow::bail;
use factum::{Engine, EngineOptions};
use library::{Book, BookCommand};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, book, reader] = &arguments[..] else { bail!("usage: lend LOG BOOK READER") };
    let books = Engine::<Book>::start(factum::open_log(log).await?, EngineOptions::default()).await?;
    let lent = books.execute(book, BookCommand::Lend { reader: reader.clone() }).await;
    books.shutdown().await?;
    println!("lent, version {}", lent?.version);
    Ok(())
}
