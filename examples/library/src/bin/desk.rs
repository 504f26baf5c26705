//! The library's desk as an HTTP service: `desk LOG ADDRESS`, for example
//! `desk local:target/library 127.0.0.1:8080`.

use std::sync::Arc;

use anyhow::bail;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use factum::{Engine, ExecuteError, Routing};
use library::{AlreadyLent, Book, BookCommand};
use tokio::net::TcpListener;

type Books = Arc<Engine<Book>>;
type Answer = Result<String, (StatusCode, String)>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stop = factum::shutdown_signal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init(); // the engine logs by tracing
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, address] = &arguments[..] else { bail!("usage: desk LOG ADDRESS") };
    let log = factum::open_log(log).await?;
    let books = Arc::new(Engine::<Book>::builder(log).routing(Routing::default()).start().await?);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let routes = Router::new()
        .route("/books/{book}/lend", post(lend))
        .route("/books/{book}/return", post(give_back))
        .with_state(books.clone());
    tokio::select! {
        served = axum::serve(listener, routes).with_graceful_shutdown(stop).into_future() => served?,
        error = books.failed() => bail!(error),
    }
    Ok(books.shutdown().await?) // answers whoever waits, and lets another node take over
}

async fn lend(State(books): State<Books>, Path(book): Path<String>, reader: String) -> Answer {
    carry_out(&books, book, BookCommand::Lend { reader }).await
}

async fn give_back(State(books): State<Books>, Path(book): Path<String>) -> Answer {
    carry_out(&books, book, BookCommand::Return).await
}

async fn carry_out(books: &Engine<Book>, book: String, command: BookCommand) -> Answer {
    match books.execute(book, command).await {
        Ok(receipt) => Ok(format!("version {}\n", receipt.version)),
        Err(ExecuteError::Rejected(AlreadyLent)) => Err((StatusCode::CONFLICT, "lent already\n".into())),
        Err(error) if error.is_retryable() => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
    }
}
