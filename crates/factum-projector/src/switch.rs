//! Leading readers from one version to another: one transaction, or nothing.
//!
//! The live version is held where it is, by locks on its positions, until the other one has come as far. So
//! readers never go back, whatever they have seen. Then the names that readers use are given to views of the
//! other version's tables. Nothing waits for long: locks are tried for a moment and let go again, since
//! everybody who reads would queue up behind one that is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Client;

use crate::ProjectorError;
use crate::dead_letters;
use crate::place::own_schema;
use crate::positions::{self, IN_ORDER, channel, places};
use crate::rebuild::{Ahead, Places, added, ahead, live};
use crate::versions::{Version, VersionState, Versions};
use crate::view;

/// How long one attempt waits for a lock. Readers that come meanwhile wait, too.
const LOCK: Duration = Duration::from_millis(200);
/// How long the live version is held for the other one to come as far.
const HOLD: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// Why readers are not switched to a version, or why it is not taken away. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// There is no such version.
    #[error(
        "there is no {projection} version {version}: `factum projection list` shows what there is"
    )]
    Unknown {
        /// The projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// It is not fit to be read.
    #[error("{version} cannot be switched to: {why}")]
    Unfit {
        /// The version, with its projection's name.
        version: String,
        /// Why, and what to do.
        why: String,
    },
    /// It cannot be taken away.
    #[error("{version} cannot be {done}: {why}")]
    Kept {
        /// The version, with its projection's name.
        version: String,
        /// What was to be done to it: "dropped" or "cancelled".
        done: &'static str,
        /// Why not, and what to do.
        why: String,
    },
    /// It does not come as far as the live version.
    #[error(
        "{version} is {events} events behind version {live}, which readers see, and does not come as far \
         within {HOLD:?}: readers would go back. Do its workers run? Try again when it has caught up"
    )]
    Behind {
        /// The version, with its projection's name.
        version: String,
        /// The live version.
        live: u32,
        /// How far it is behind.
        events: u64,
    },
    /// It reads topics that the live version does not, and nobody has asked the log how far it is in them.
    #[error(
        "{version} reads {topics}, which version {live} does not: only the log tells whether it has caught up there. Say \
         where that is with --log"
    )]
    Added {
        /// The version, with its projection's name.
        version: String,
        /// The live version.
        live: u32,
        /// The topics that only the other one reads.
        topics: String,
    },
    /// Another program uses what is to be changed.
    #[error(
        "{version} cannot be switched to now: cannot {what}, which somebody uses, within {LOCK:?}. Let that end, or try again"
    )]
    Busy {
        /// The version, with its projection's name.
        version: String,
        /// What was to be done.
        what: String,
        /// What Postgres says.
        source: tokio_postgres::Error,
    },
}

/// Who asks for a switch, and of which topics they know that the version has caught up with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks<'a> {
    /// A worker of the version. It does nothing once that is paused.
    Worker(&'a BTreeSet<String>),
    /// An operator, who may lead readers to a paused version.
    Operator(&'a BTreeSet<String>),
}

/// Leads readers to a version. The session must have no transaction open.
///
/// # Errors
/// It is unknown, unfit or behind, or something is in use; or Postgres fails. Readers stay where they are.
pub(crate) async fn switch(
    client: &Client,
    schema: &str,
    (projection, to): (&str, u32),
    asks: Asks<'_>,
) -> Result<(), ProjectorError> {
    // Whoever is stopped in the middle must not hold the live version for long.
    let begin = format!(
        "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = '5s'",
        LOCK.as_millis()
    );
    run(client, &begin, "begin a switch").await?;
    let switched = switch_in_transaction(client, schema, (projection, to), asks).await;
    let Err(error) = switched else {
        let commit = format!("{}; COMMIT", notify(schema, projection));
        return run(client, &commit, "commit a switch").await;
    };
    run(client, "ROLLBACK", "undo a switch").await?;
    Err(busy(error, projection, to))
}

/// Tells those who wait for positions, and the workers, that versions have changed.
pub(crate) fn notify(schema: &str, projection: &str) -> String {
    let channels = [channel(schema), crate::versions::channel(schema)];
    channels
        .map(|channel| positions::notify(&channel, projection))
        .join("; ")
}

async fn switch_in_transaction(
    client: &Client,
    schema: &str,
    (projection, to): (&str, u32),
    asks: Asks<'_>,
) -> Result<(), ProjectorError> {
    let versions = Versions::new(schema);
    let known = versions.held(client, projection).await?;
    let Some(new) = known.iter().find(|it| it.version == to) else {
        let projection = projection.to_owned();
        return Err(SwitchError::Unknown {
            projection,
            version: to,
        }
        .into());
    };
    let Some(old) = live(&known).filter(|old| old.version != to) else {
        return match new.state {
            VersionState::Live => Ok(()),
            _ => Err(unfit(new, "no version is live").into()),
        };
    };
    fit(new)?;
    let topics = reach(client, schema, old, new).await?;
    has_caught_up(topics, asks, old, new)?;
    is_whole(client, schema, old, new).await?;
    if matches!(asks, Asks::Worker(_)) {
        runs(client, schema, new).await?;
    }
    view::lead(client, old, new).await?;
    note(client, &versions, old, new).await
}

/// Whether a version may be live at all.
fn fit(new: &Version) -> Result<(), SwitchError> {
    match new.state {
        VersionState::Cancelled => Err(unfit(new, "it was cancelled")),
        _ if !new.indexed => Err(unfit(
            new,
            "its indexes are not built yet; its workers do that when it is filled",
        )),
        _ => Ok(()),
    }
}

/// Holds the live version where it is, until the other one has come as far. Returns the topics that only the
/// other one reads.
async fn reach(
    client: &Client,
    schema: &str,
    old: &Version,
    new: &Version,
) -> Result<BTreeSet<String>, ProjectorError> {
    let held = places(client, schema, old, "FOR UPDATE").await?;
    let waiting = tokio::time::Instant::now();
    loop {
        let there = places(client, schema, new, "").await?;
        match judge(&held, &there, old, new)? {
            0 => return Ok(added(&held, &there)),
            events if waiting.elapsed() > HOLD => {
                return Err(SwitchError::Behind {
                    version: new.to_string(),
                    live: old.version,
                    events,
                }
                .into());
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Refuses a version that reads topics which the live one does not, and in which it may be far behind.
fn has_caught_up(
    mut topics: BTreeSet<String>,
    asks: Asks<'_>,
    old: &Version,
    new: &Version,
) -> Result<(), SwitchError> {
    let (Asks::Worker(known) | Asks::Operator(known)) = asks;
    topics.retain(|topic| !known.contains(topic));
    if topics.is_empty() {
        return Ok(());
    }
    Err(SwitchError::Added {
        version: new.to_string(),
        live: old.version,
        topics: Vec::from_iter(topics).join(" and "),
    })
}

/// Refuses a version that has set events aside which the live one shows: readers would see less than before.
async fn is_whole(
    client: &Client,
    schema: &str,
    old: &Version,
    new: &Version,
) -> Result<(), ProjectorError> {
    match dead_letters::lacking(client, schema, new, old).await? {
        0 => Ok(()),
        parked => {
            let why = format!(
                "{parked} events are parked that version {} shows: see `factum dead-letters list`, and replay or \
                 discard them",
                old.version
            );
            Err(unfit(new, &why).into())
        }
    }
}

/// Refuses a version that an operator has paused. Whoever pauses it from here on waits for the switch.
async fn runs(client: &Client, schema: &str, new: &Version) -> Result<(), ProjectorError> {
    let query = format!(
        "SELECT paused FROM {} WHERE projection = $1 AND version = $2 {IN_ORDER} FOR SHARE",
        crate::positions::table(schema)
    );
    let number = new.version as i32;
    let held = client.query(&query, &[&new.projection, &number]).await;
    let held = held.map_err(ProjectorError::postgres(format!("hold {new} as it is")))?;
    match held.iter().any(|row| row.get(0)) {
        true => Err(unfit(new, "it is paused").into()),
        false => Ok(()),
    }
}

/// How many events are missing.
fn judge(held: &Places, there: &Places, old: &Version, new: &Version) -> Result<u64, SwitchError> {
    match ahead(held, there) {
        Ahead::By(events) => Ok(events),
        Ahead::Nobody => Ok(0),
        Ahead::Unlike => Err(unfit(
            new,
            &format!(
                "it does not read the same partitions of the same log as version {}",
                old.version
            ),
        )),
    }
}

async fn note(
    client: &Client,
    versions: &Versions,
    old: &Version,
    new: &Version,
) -> Result<(), ProjectorError> {
    let projection = &*old.projection;
    let place = match view::moves(old, new) {
        true => own_schema(&old.home, projection, old.version),
        false => old.place.clone(),
    };
    let place = place.replace('\'', "''");
    let retired = format!("state = 'retired', automatic = false, place = '{place}'");
    versions
        .set(client, (projection, old.version), &retired)
        .await?;
    let live = "state = 'live', failure = NULL, switched_at = now()";
    versions.set(client, (projection, new.version), live).await
}

fn unfit(version: &Version, why: &str) -> SwitchError {
    SwitchError::Unfit {
        version: version.to_string(),
        why: why.to_owned(),
    }
}

/// Says in its own words that a lock was not to be had.
fn busy(error: ProjectorError, projection: &str, version: u32) -> ProjectorError {
    match error {
        ProjectorError::Postgres { doing, source }
            if source.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) =>
        {
            SwitchError::Busy {
                version: format!("{projection} version {version}"),
                what: doing,
                source,
            }
            .into()
        }
        error => error,
    }
}

async fn run(client: &Client, sql: &str, doing: &str) -> Result<(), ProjectorError> {
    let done = client.batch_execute(sql).await;
    done.map_err(ProjectorError::postgres(doing))
}
