//! Keeps the table `shelf`: `shelf --log local:target/library --postgres postgres://…`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    factum::projector(library::Shelf).table(include_str!("../../sql/shelf.sql")).main().await
}
