//! Gives a book back through the box at the door, whether anyone is at the desk or not:
//! `give_back LOG BOOK`, for example `give_back local:target/library Dune`.

use anyhow::bail;
use factum::{Client, Routing};
use library::{Book, BookCommand};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, book] = &arguments[..] else { bail!("usage: give_back LOG BOOK") };
    let log = factum::open_log(log).await?;
    let books = Client::<Book>::connect(log, Routing::default()).await?;
    let submitted = books.submit(book, BookCommand::Return).await?;
    println!("in the box, command {}", submitted.command);
    Ok(())
}
