//! Lends a book: `lend LOG BOOK READER`, for example `lend local:target/library "Dune" Ada`.

use factum::{Engine, EngineOptions};
use library::{Book, BookCommand};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, book, reader] = arguments.try_into().map_err(|_| "usage: lend LOG BOOK READER")?;
    let books = Engine::<Book>::start(factum::open_log(&log).await?, EngineOptions::default()).await?;
    let lent = books.execute(book, BookCommand::Lend { reader }).await;
    books.shutdown().await?;
    println!("lent, version {}", lent?.version);
    Ok(())
}
