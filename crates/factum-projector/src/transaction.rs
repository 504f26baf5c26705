//! The transaction that a handler writes in.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};

use crate::copy::Copy;
use crate::error::Failure;
use crate::session::Session;
use crate::statement::refused;
use crate::{ProjectorError, Row, sql};

/// How many statements of a session are kept prepared.
const KEPT: usize = 256;

/// The transaction that moves the positions, for a [`Handler`](crate::Handler) to write in. It is the worker's
/// to commit or to undo: statements that would do so are refused, savepoints among them.
///
/// A call that failed spoils the transaction. Statements are prepared once for each session, and told apart by
/// their text: let values travel as parameters.
pub struct Transaction<'a> {
    session: &'a Session,
    prepared: &'a Prepared,
    changed: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

/// The statements that a session has prepared, by their text.
#[derive(Default)]
pub(crate) struct Prepared(Mutex<HashMap<String, Statement>>);

impl<'a> Transaction<'a> {
    pub(crate) fn new(session: &'a Session, prepared: &'a Prepared) -> Self {
        Self {
            session,
            prepared,
            changed: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Executes one statement, with values for `$1`, `$2` and so on, and returns how many rows it changed.
    ///
    /// # Errors
    /// Postgres refuses it, the connection broke, or it would end the transaction.
    pub async fn execute(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, ProjectorError> {
        let executed = async {
            let statement = self.prepare(sql).await?;
            let executed = self.session.client.execute(&statement, values).await;
            executed.map_err(ProjectorError::postgres(doing("execute", sql)))
        };
        let rows = self.noted(executed).await?;
        self.changed.fetch_add(rows, Ordering::Relaxed);
        Ok(rows)
    }

    /// Executes one statement and returns its rows.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, ProjectorError> {
        let queried = async {
            let statement = self.prepare(sql).await?;
            let queried = self.session.client.query(&statement, values).await;
            queried.map_err(ProjectorError::postgres(doing("query", sql)))
        };
        self.noted(queried).await
    }

    /// Appends rows to their table, by binary COPY.
    ///
    /// # Errors
    /// The table does not fit or does not take the rows, or the connection broke.
    pub async fn copy<R: Row>(&self, rows: &[R]) -> Result<(), ProjectorError> {
        let copied = async {
            let described = self.prepare_unchecked(&sql::describe::<R>()).await?;
            let columns = described.columns().iter();
            let types: Vec<Type> = columns.map(|column| column.type_().clone()).collect();
            let insert = self.prepare_unchecked(&sql::insert::<R>()).await?;
            let rows: Vec<_> = rows.iter().collect();
            let copy = Copy::of(&types, &rows)?;
            copy.send(&self.session.client, &insert).await
        };
        self.noted(copied).await?;
        self.changed.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// How many rows were changed so far.
    pub(crate) fn changed(&self) -> u64 {
        self.changed.load(Ordering::Relaxed)
    }

    /// What the first call that failed says of trying again.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let failure = self.failure.lock();
        *failure.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a call failed.
    async fn noted<T>(
        &self,
        call: impl Future<Output = Result<T, ProjectorError>>,
    ) -> Result<T, ProjectorError> {
        let _call = self.session.call();
        let outcome = call.await;
        if let Err(error) = &outcome {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(Failure::of(error));
        }
        outcome
    }

    async fn prepare(&self, sql: &str) -> Result<Statement, ProjectorError> {
        match refused(sql) {
            None => self.prepare_unchecked(sql).await,
            Some(reason) => Err(ProjectorError::Statement {
                statement: shown(sql),
                reason,
            }),
        }
    }

    async fn prepare_unchecked(&self, sql: &str) -> Result<Statement, ProjectorError> {
        if let Some(statement) = self.prepared.find(sql) {
            return Ok(statement);
        }
        let prepared = self.session.client.prepare(sql).await;
        let statement = prepared.map_err(ProjectorError::postgres(doing("prepare", sql)))?;
        self.prepared.keep(sql, &statement);
        Ok(statement)
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("changed", &self.changed())
            .field("failure", &self.failure())
            .finish_non_exhaustive()
    }
}

impl Prepared {
    fn find(&self, sql: &str) -> Option<Statement> {
        let statements = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        statements.get(sql).cloned()
    }

    /// Where there are many, texts are made for one use each, and none is worth keeping.
    fn keep(&self, sql: &str, statement: &Statement) {
        let mut statements = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if statements.len() < KEPT {
            statements.insert(sql.to_owned(), statement.clone());
        }
    }
}

fn doing(verb: &str, sql: &str) -> String {
    format!("{verb} `{}`", shown(sql))
}

/// The start of a statement, on one line.
fn shown(sql: &str) -> String {
    let words: Vec<_> = sql.split_whitespace().collect();
    let mut text = words.join(" ");
    if text.len() > 80 {
        text.truncate(text.floor_char_boundary(80));
        text.push('…');
    }
    text
}
