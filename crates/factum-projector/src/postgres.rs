//! A projection's rows and positions in Postgres.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::Position;
use futures::future::try_join3;
use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{SimpleQueryMessage, Statement};

use crate::batch::Move;
use crate::copy::Copy;
use crate::guard;
use crate::positions::{Mover, Positions};
use crate::rows::Unwritten;
use crate::session::{Heard, Server, Session as Connection};
use crate::store::{Applying, Session, Store};
use crate::table::TableTypes;
use crate::transaction::Prepared;
use crate::{KeyArray, ProjectorError, Row, Transaction, sql};

/// One projection in Postgres.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    pub server: Server,
    pub positions: Positions,
    pub types: TableTypes,
    /// Whether its workers here park what fails.
    pub parks: bool,
}

/// A session that works for one projection.
pub(crate) struct PostgresSession {
    pub connection: Connection,
    pub place: Postgres,
    /// Told when a replay of dead letters is asked for.
    pub heard: Arc<Notify>,
    /// Once it is ready to write.
    statements: Option<Statements>,
    /// What a handler has prepared.
    prepared: Prepared,
}

struct Statements {
    mover: Mover,
    /// Where there is a table.
    insert: Option<Statement>,
    /// Where rows have a key.
    keyed: Option<KeyedStatements>,
}

/// Reading and changing rows that are there.
struct KeyedStatements {
    load: Statement,
    load_locked: Statement,
    delete: Statement,
    stage: Statement,
    update: Option<String>,
}

/// What is to be written, in the form in which it is sent; with how many rows that are.
struct Outgoing<R: Row> {
    insert: Option<(usize, Copy)>,
    update: Option<(usize, Copy)>,
    delete: Vec<R::Key>,
}

impl<R: Row> Outgoing<R> {
    fn of(rows: &Unwritten<'_, R>, types: &[Type]) -> Result<Self, ProjectorError> {
        let copy = |rows: &[&R]| match rows.len() {
            0 => Ok(None),
            count => Copy::of(types, rows).map(|copy| Some((count, copy))),
        };
        Ok(Self {
            insert: copy(&rows.insert)?,
            update: copy(&rows.update)?,
            delete: rows.delete.iter().map(|key| (*key).clone()).collect(),
        })
    }

    fn bytes(&self) -> usize {
        let copies = self.insert.iter().chain(&self.update);
        copies.map(|(_, copy)| copy.bytes()).sum()
    }
}

#[async_trait]
impl<R: Row> Store<R> for Postgres {
    fn place(&self) -> String {
        format!("{} as {}", self.server, self.server.application)
    }

    async fn connect(&self) -> Result<Box<dyn Session<R>>, ProjectorError> {
        let heard = Arc::new(Notify::new());
        let (tell, ours) = (heard.clone(), self.positions.name());
        let listen = self.server.listen(move |heard| match heard {
            Heard::Notification(whose) if whose == ours => tell.notify_one(),
            Heard::Notification(_) => {}
            // A worker with nothing to write would not notice, and hear of no replay.
            Heard::End => tell.notify_one(),
        });
        Ok(Box::new(PostgresSession {
            connection: listen.await?,
            place: self.clone(),
            heard,
            statements: None,
            prepared: Prepared::default(),
        }))
    }
}

impl PostgresSession {
    fn statements(&self) -> &Statements {
        let statements = self.statements.as_ref();
        statements.expect("a session is made ready before it writes")
    }

    fn keyed(&self) -> &KeyedStatements {
        let keyed = self.statements().keyed.as_ref();
        keyed.expect("only rows with a key are found and changed")
    }

    async fn prepared<R: Row>(&self, sql: String) -> Result<Statement, ProjectorError> {
        let prepared = self.connection.client.prepare(&sql).await;
        let doing = format!("prepare the writing of {}", R::TABLE);
        prepared.map_err(ProjectorError::postgres(doing))
    }

    async fn prepare_keyed<R: Row>(&self) -> Result<KeyedStatements, ProjectorError> {
        let stage = sql::create_stage::<R>();
        let staged = self.connection.client.batch_execute(&stage).await;
        let doing = format!("prepare the writing of {}", R::TABLE);
        staged.map_err(ProjectorError::postgres(doing))?;
        let keys = &self.place.types.keys;
        Ok(KeyedStatements {
            load: self.prepared::<R>(sql::load::<R>(keys)).await?,
            load_locked: self.prepared::<R>(sql::load_locked::<R>(keys)).await?,
            delete: self.prepared::<R>(sql::delete::<R>(keys)).await?,
            stage: self.prepared::<R>(sql::stage::<R>()).await?,
            update: sql::update::<R>(),
        })
    }

    /// The statement that fails where a table is another than at the start.
    fn guard(&self) -> String {
        guard::of(&self.place.types.guarded)
    }

    /// Runs statements in a transaction, that of the guard among them.
    async fn run_guarded(&self, sql: &str, doing: &str) -> Result<(), ProjectorError> {
        let ran = self.run(sql, doing).await;
        ran.map_err(|error| match &error {
            ProjectorError::Postgres { source, .. } => self.gone(source).unwrap_or(error),
            _ => error,
        })
    }

    /// Reads in a transaction of its own, which fails where a table is another than at the start: once it was read, it
    /// stays what it is until the transaction ends. One round trip.
    async fn guarded<T>(
        &self,
        read: impl Future<Output = Result<T, ProjectorError>>,
    ) -> Result<T, ProjectorError> {
        let doing = "read under the guard";
        let commit = format!("{}COMMIT", self.guard());
        let all = try_join3(
            self.run("BEGIN", doing),
            read,
            self.run_guarded(&commit, doing),
        );
        match all.await {
            Ok(((), found, ())) => Ok(found),
            Err(error) => Err(self.explained(error).await),
        }
    }

    /// What an error comes from, after which the transaction is undone.
    async fn explained(&self, error: ProjectorError) -> ProjectorError {
        let guard = format!("ROLLBACK; {}", self.guard());
        match self.connection.client.batch_execute(&guard).await {
            Err(told) => self.gone(&told).unwrap_or(error),
            Ok(()) => error,
        }
    }

    /// The error that says which table is gone, if that is why the guard failed.
    fn gone(&self, error: &tokio_postgres::Error) -> Option<ProjectorError> {
        let table = guard::failed(&self.place.types.guarded, error)?;
        let Positions {
            projection,
            version,
            ..
        } = self.place.positions;
        Some(ProjectorError::TableGone {
            table: table.to_owned(),
            projection,
            version,
        })
    }

    /// Whether rows are staged.
    pub(crate) fn has_stage(&self) -> bool {
        self.statements().keyed.is_some()
    }

    async fn send<R: Row>(&self, rows: Outgoing<R>) -> Result<(), ProjectorError> {
        let _call = self.connection.call();
        let client = &self.connection.client;
        if let (Some((_, rows)), Some(insert)) = (rows.insert, &self.statements().insert) {
            rows.send(client, insert).await?;
        }
        if let Some((count, rows)) = rows.update
            && let Some(update) = &self.keyed().update
        {
            rows.send(client, &self.keyed().stage).await?;
            let doing = format!("update {}", R::TABLE);
            let updated = client.simple_query(update).await;
            let updated = updated.map_err(ProjectorError::postgres(doing.as_str()))?;
            all_of(count, changed(&updated), doing)?;
        }
        if !rows.delete.is_empty() {
            let doing = format!("delete from {}", R::TABLE);
            let keys: Vec<_> = rows.delete.iter().collect();
            let arrays = R::key_arrays(&keys);
            let deleted = client.execute(&self.keyed().delete, &params(&arrays)).await;
            let deleted = deleted.map_err(ProjectorError::postgres(doing.as_str()))?;
            all_of(keys.len(), deleted, doing)?;
        }
        Ok(())
    }

    pub(crate) async fn run(&self, sql: &str, doing: &str) -> Result<(), ProjectorError> {
        let _call = self.connection.call();
        let done = self.connection.client.batch_execute(sql).await;
        done.map_err(ProjectorError::postgres(doing))
    }
}

#[async_trait]
impl<R: Row> Session<R> for PostgresSession {
    async fn positions(&self) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        let _call = self.connection.call();
        self.place.positions.all(&self.connection.client).await
    }

    async fn settled(
        &self,
        partitions: &[u32],
        patience: Duration,
    ) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        let _call = self.connection.call();
        let Postgres {
            server, positions, ..
        } = &self.place;
        positions
            .settled(server, &self.connection, partitions, patience)
            .await
    }

    async fn is_paused(&self) -> Result<bool, ProjectorError> {
        let _call = self.connection.call();
        self.place
            .positions
            .are_paused(&self.connection.client)
            .await
    }

    async fn prepare(&mut self) -> Result<(), ProjectorError> {
        let call = self.connection.call();
        let mover = self.place.positions.mover(&self.connection.client).await?;
        let has_key = sql::keys::<R>().next().is_some();
        let statements = Statements {
            mover,
            insert: match sql::has_table::<R>() {
                true => Some(self.prepared::<R>(sql::insert::<R>()).await?),
                false => None,
            },
            keyed: match has_key {
                true => Some(self.prepare_keyed::<R>().await?),
                false => None,
            },
        };
        drop(call);
        self.statements = Some(statements);
        Ok(())
    }

    /// Begins a transaction and marks it: the move of positions is sent right behind, and where
    /// beginning failed it must not take effect by itself.
    async fn begin(&self) -> Result<(), ProjectorError> {
        let begin = format!("BEGIN; SET LOCAL factum.open = '1'; {}", self.guard());
        self.run_guarded(&begin, "begin a transaction").await
    }

    async fn advance(&self, moves: &BTreeMap<u32, Move>) -> Result<Vec<u32>, ProjectorError> {
        let _call = self.connection.call();
        let (client, mover) = (&self.connection.client, &self.statements().mover);
        let advanced = self.place.positions.advance(client, mover, moves).await;
        advanced.map_err(ProjectorError::postgres("move the positions"))
    }

    async fn load(&self, keys: &[&R::Key], lock: bool) -> Result<Vec<R>, ProjectorError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let _call = self.connection.call();
        let statement = match lock {
            true => &self.keyed().load_locked,
            false => &self.keyed().load,
        };
        let failed = || ProjectorError::postgres(format!("read rows of {}", R::TABLE));
        let arrays = R::key_arrays(keys);
        let client = &self.connection.client;
        let params = params(&arrays);
        let query = async { client.query(statement, &params).await.map_err(failed()) };
        let rows = match lock {
            true => query.await?,
            false => self.guarded(query).await?,
        };
        let rows: Result<_, _> = rows.iter().map(R::read).collect();
        rows.map_err(failed())
    }

    fn apply<'s>(&'s self, rows: &Unwritten<'_, R>) -> Result<Applying<'s>, ProjectorError> {
        let outgoing = Outgoing::<R>::of(rows, &self.place.types.all)?;
        Ok(Applying {
            bytes: outgoing.bytes(),
            done: Box::pin(self.send(outgoing)),
        })
    }

    fn transaction(&self) -> Option<Transaction<'_>> {
        Some(Transaction::new(&self.connection, &self.prepared))
    }

    /// Notifies those who wait, once for all that moved: transactions that notify take turns to commit,
    /// on the whole server, and who is notified only looks.
    async fn commit(&self) -> Result<(), ProjectorError> {
        let commit = format!("{}{}; COMMIT", self.guard(), self.place.positions.notify());
        self.run_guarded(&commit, "commit a transaction").await
    }

    async fn roll_back(&self) -> Result<(), ProjectorError> {
        self.run("ROLLBACK", "undo a transaction").await
    }
}

/// How many rows a statement changed. Sent as text, because a prepared statement without parameters
/// would keep the plan of its first batch.
fn changed(answers: &[SimpleQueryMessage]) -> u64 {
    let count = |answer: &_| match answer {
        SimpleQueryMessage::CommandComplete(rows) => *rows,
        _ => 0,
    };
    answers.iter().map(count).sum()
}

/// Refuses when not just the rows that were given have changed.
fn all_of(expected: usize, changed: u64, doing: String) -> Result<(), ProjectorError> {
    let expected = expected as u64;
    if changed == expected {
        return Ok(());
    }
    Err(ProjectorError::Miscounted {
        doing,
        expected,
        changed,
    })
}

fn params<'a>(arrays: &'a [KeyArray<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    arrays.iter().map(|array| &**array as _).collect()
}
