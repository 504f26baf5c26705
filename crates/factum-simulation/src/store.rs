//! A store with transactions, in the place of Postgres: committed reads, locks on positions and rows,
//! and sessions that break at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_core::Position;
use factum_projector::simulation::{Ask as Asked, Head, Letter, Move, Parked, Passing};
use tokio::sync::Notify;

use crate::board::Line;
use crate::kind::Kind;
use crate::letters::{LetterChanges, Letters};
use crate::shadow::Shadow;
use crate::world::World;

/// How long a lock is waited for, before that counts as a deadlock.
const DEADLOCK: Duration = Duration::from_secs(8);

/// A store. A clone is the same one.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    world: World,
    state: Mutex<State>,
    /// Told when a transaction has ended.
    ended: Notify,
    kind: Kind,
    /// Whether what failed is mended.
    mended: Arc<AtomicBool>,
}

struct State {
    rows: BTreeMap<String, Line>,
    positions: BTreeMap<u32, Position>,
    locks: BTreeMap<Lock, u64>,
    sessions: BTreeMap<u64, Transaction>,
    opened: u64,
    letters: Letters,
    /// How many events were ever parked.
    parked: u64,
    /// Told when a replay is asked for, by session.
    listeners: BTreeMap<u64, Arc<Notify>>,
    /// What the rows must be.
    shadow: Shadow,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lock {
    Position(u32),
    Row(String),
}

#[derive(Default)]
struct Transaction {
    open: bool,
    failed: bool,
    moves: BTreeMap<u32, Position>,
    changes: BTreeMap<String, Option<Line>>,
    letters: LetterChanges,
    /// The changes as they were when the part under way began.
    part: Option<BTreeMap<String, Option<Line>>>,
}

/// What a session is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Positions,
    Settled(Vec<u32>, Duration),
    Begin,
    Advance(BTreeMap<u32, Move>),
    Load(Vec<String>, bool),
    Apply(Changes),
    Commit,
    RollBack,
    Parked(Vec<u32>),
    Count(Vec<u32>),
    Park(Vec<Letter>),
    Asks(u32),
    Heads(u32, Vec<Asked>, u64, usize),
    Read(u32, Vec<u64>),
    Remove(u32, Vec<u64>),
    Keep(u32, Vec<Asked>, Vec<(u64, Option<String>)>),
    BeginPart,
    EndPart,
    UndoPart,
}

/// Rows to be written.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pub insert: Vec<Line>,
    pub update: Vec<Line>,
    pub delete: Vec<String>,
}

/// What it answers.
#[derive(Debug)]
pub(crate) enum Told {
    Positions(BTreeMap<u32, Position>),
    Stayed(Vec<u32>),
    Rows(Vec<Line>),
    Parked(Parked),
    Count(u64),
    Asks(Vec<Asked>),
    Heads(Vec<Head>),
    Letters(Vec<Letter>),
    Done,
}

impl Store {
    /// A store in which a projection of so many partitions has begun.
    pub fn new(world: &World, partitions: u32, kind: Kind) -> Self {
        let positions = (0..partitions).map(|partition| (partition, Position::START));
        Self(Arc::new(Shared {
            world: world.clone(),
            state: Mutex::new(State {
                rows: BTreeMap::new(),
                positions: positions.collect(),
                locks: BTreeMap::new(),
                sessions: BTreeMap::new(),
                opened: 0,
                letters: Letters::default(),
                parked: 0,
                listeners: BTreeMap::new(),
                shadow: Shadow::new(kind),
            }),
            ended: Notify::new(),
            kind,
            mended: Arc::default(),
        }))
    }

    /// Which projection it is for.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether what failed is mended.
    pub fn mended(&self) -> &Arc<AtomicBool> {
        &self.0.mended
    }

    /// How many dead letters there are, and how many there ever were.
    pub fn letters(&self) -> (usize, u64) {
        let state = self.state();
        (state.letters.len(), state.parked)
    }

    /// Asks for a replay of all letters, or of those of a partition.
    pub fn replay(&self, partition: Option<u32>) {
        let mut state = self.state();
        state.letters.mark(partition);
        let (count, whose) = (state.letters.len(), partition);
        state.listeners.values().for_each(|it| it.notify_one());
        drop(state);
        let note = format_args!("a replay of {whose:?} is asked for, of {count} letters");
        self.0.world.note(note);
    }

    /// The committed positions.
    pub fn positions(&self) -> BTreeMap<u32, Position> {
        self.state().positions.clone()
    }

    /// The committed rows.
    pub fn rows(&self) -> BTreeMap<String, Line> {
        self.state().rows.clone()
    }

    /// Ends all sessions, as a server does that is started again.
    pub fn restart(&self) {
        self.0.world.note(format_args!("the store starts again"));
        let sessions: Vec<u64> = self.state().sessions.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.end(session));
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    pub(crate) fn connect(&self, heard: Arc<Notify>) -> u64 {
        let mut state = self.state();
        state.opened += 1;
        let session = state.opened;
        state.sessions.insert(session, Transaction::default());
        state.listeners.insert(session, heard);
        session
    }

    /// Ends a session. What it had not committed is undone.
    pub(crate) fn end(&self, session: u64) {
        let mut state = self.state();
        state.release(session);
        state.sessions.remove(&session);
        if let Some(listener) = state.listeners.remove(&session) {
            listener.notify_one(); // it hears that its connection has ended
        }
        drop(state);
        self.0.ended.notify_waiters();
    }

    /// Does what a session is asked to.
    pub(crate) async fn ask(&self, session: u64, ask: Ask) -> Result<Told, Passing> {
        if self.state().session(session)?.failed && !matches!(ask, Ask::RollBack | Ask::UndoPart) {
            return Err(Passing::Conflict);
        }
        let told = match ask {
            Ask::Positions => Ok(Told::Positions(self.positions())),
            Ask::Settled(partitions, patience) => self.settled(session, partitions, patience).await,
            Ask::Begin => {
                self.state().session(session)?.open = true;
                Ok(Told::Done)
            }
            Ask::Advance(moves) => self.advance(session, moves).await,
            Ask::Load(keys, lock) => self.load(session, keys, lock).await,
            Ask::Apply(changes) => self.apply(session, changes).await,
            Ask::Commit => self.commit(session),
            Ask::RollBack => {
                self.state().session(session)?;
                self.state().release(session);
                self.0.ended.notify_waiters();
                Ok(Told::Done)
            }
            Ask::Parked(_) | Ask::Count(_) | Ask::Asks(_) | Ask::Heads(..) | Ask::Read(..) => {
                Ok(self.look(&ask))
            }
            ask => self.state().session(session)?.change(ask),
        };
        if told.is_err()
            && let Ok(transaction) = self.state().session(session)
        {
            transaction.failed = true;
        }
        told
    }

    async fn settled(
        &self,
        session: u64,
        partitions: Vec<u32>,
        patience: Duration,
    ) -> Result<Told, Passing> {
        let world = self.world();
        let mut asked = world.now();
        loop {
            let mut ended = std::pin::pin!(self.0.ended.notified());
            ended.as_mut().enable();
            let blockers: BTreeSet<u64> = {
                let mut state = self.state();
                state.session(session)?;
                let locks = partitions.iter().map(|p| Lock::Position(*p));
                locks
                    .filter_map(|lock| state.locks.get(&lock).copied())
                    .collect()
            };
            if blockers.is_empty() {
                let mut positions = self.positions();
                positions.retain(|partition, _| partitions.contains(partition));
                return Ok(Told::Positions(positions));
            }
            let left = (asked + patience).saturating_sub(world.now());
            if tokio::time::timeout(left, ended).await.is_err() {
                world.note(format_args!("session {session} ends {blockers:?}"));
                blockers.into_iter().for_each(|blocker| self.end(blocker));
                asked = world.now();
            }
        }
    }

    /// Waits for a lock.
    async fn lock(&self, session: u64, lock: Lock) -> Result<(), Passing> {
        let waits = async {
            loop {
                let mut ended = std::pin::pin!(self.0.ended.notified());
                ended.as_mut().enable();
                {
                    let mut state = self.state();
                    state.session(session)?;
                    let holder = *state.locks.entry(lock.clone()).or_insert(session);
                    if holder == session {
                        return Ok(());
                    }
                }
                ended.await;
            }
        };
        let waited = tokio::time::timeout(DEADLOCK, waits).await;
        waited.unwrap_or(Err(Passing::Conflict))
    }

    async fn advance(&self, session: u64, moves: BTreeMap<u32, Move>) -> Result<Told, Passing> {
        if !self.state().session(session)?.open {
            return Ok(Told::Stayed(moves.into_keys().collect()));
        }
        let mut stayed = Vec::new();
        for (partition, step) in moves {
            self.lock(session, Lock::Position(partition)).await?;
            let mut state = self.state();
            if state.positions.get(&partition) == Some(&step.from) {
                state.session(session)?.moves.insert(partition, step.to);
            } else {
                stayed.push(partition);
            }
        }
        Ok(Told::Stayed(stayed))
    }

    async fn load(&self, session: u64, keys: Vec<String>, lock: bool) -> Result<Told, Passing> {
        let mut rows = Vec::new();
        for key in keys {
            if self.state().row(session, &key).is_none() {
                continue;
            }
            if lock {
                self.lock(session, Lock::Row(key.clone())).await?;
            }
            rows.extend(self.state().row(session, &key));
        }
        Ok(Told::Rows(rows))
    }

    async fn apply(&self, session: u64, changes: Changes) -> Result<Told, Passing> {
        let Changes {
            insert,
            update,
            delete,
        } = changes;
        let insert = insert
            .into_iter()
            .map(|row| (row.key.clone(), Some(row), false));
        let update = update
            .into_iter()
            .map(|row| (row.key.clone(), Some(row), true));
        let delete = delete.into_iter().map(|key| (key, None, true));
        for (key, row, stored) in insert.chain(update).chain(delete) {
            self.lock(session, Lock::Row(key.clone())).await?;
            let mut state = self.state();
            let there = state.row(session, &key).is_some();
            match (there, stored) {
                (true, false) if self.0.kind == Kind::Append => {
                    drop(state);
                    // The table has no key that would refuse it.
                    self.world().broken(format!("{key} is appended twice"));
                    return Err(Passing::Conflict);
                }
                (true, false) => return Err(Passing::Conflict),
                (false, true) => {
                    drop(state);
                    let what = format!("session {session} changes {key}, which is not there");
                    self.world().broken(what);
                    return Err(Passing::Conflict);
                }
                _ => _ = state.session(session)?.changes.insert(key, row),
            }
        }
        Ok(Told::Done)
    }

    fn commit(&self, session: u64) -> Result<Told, Passing> {
        let mut state = self.state();
        let transaction = std::mem::take(state.session(session)?);
        self.0.world.note(format_args!(
            "session {session} commits {:?}, {} rows",
            transaction.moves,
            transaction.changes.len()
        ));
        let letters = transaction.letters;
        let (parked, replayed) = (letters.parked.keys().copied().collect(), &letters.removed);
        let moves: Vec<_> = transaction
            .moves
            .into_iter()
            .map(|(partition, to)| {
                let from = state.positions.insert(partition, to);
                (partition, from.unwrap_or(Position::START), to)
            })
            .collect();
        let world = &self.0.world;
        state.shadow.commit(world, &moves, parked, replayed);
        state.parked += letters.parked.len() as u64;
        state.letters.commit(letters);
        for (key, row) in transaction.changes {
            match row {
                Some(row) => state.insert(self.0.kind, key, row),
                None => _ = state.rows.remove(&key),
            }
        }
        state.release(session);
        let difference = state.shadow.difference(&state.rows);
        drop(state);
        if let Some(difference) = difference {
            self.world().broken(difference);
        }
        self.0.ended.notify_waiters();
        Ok(Told::Done)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transaction {
    /// Does what changes nothing but the transaction.
    fn change(&mut self, ask: Ask) -> Result<Told, Passing> {
        match ask {
            Ask::Park(letters) => {
                let place = |letter: Letter| ((letter.partition, letter.sequence), letter);
                self.letters.parked.extend(letters.into_iter().map(place));
            }
            Ask::Remove(partition, sequences) => {
                let places = sequences.into_iter().map(|sequence| (partition, sequence));
                self.letters.removed.extend(places);
            }
            Ask::Keep(partition, asks, stay) => {
                let kept = stay.into_iter();
                let kept = kept.map(|(at, error)| ((partition, at), error, asks.clone()));
                self.letters.kept.extend(kept);
            }
            Ask::BeginPart => self.part = Some(self.changes.clone()),
            Ask::EndPart => self.part = None,
            Ask::UndoPart => {
                self.changes = self.part.take().unwrap_or_default();
                self.failed = false;
            }
            ask => unreachable!("{ask:?}"),
        }
        Ok(Told::Done)
    }
}

impl Store {
    /// Looks at the letters, as committed.
    fn look(&self, ask: &Ask) -> Told {
        let letters = &self.state().letters;
        match ask {
            Ask::Parked(partitions) => Told::Parked(letters.parked(partitions)),
            Ask::Count(partitions) => Told::Count(letters.count(partitions)),
            Ask::Asks(partition) => Told::Asks(letters.asks(*partition)),
            Ask::Heads(partition, asks, after, limit) => {
                Told::Heads(letters.heads(*partition, asks, *after, *limit))
            }
            Ask::Read(partition, sequences) => Told::Letters(letters.read(*partition, sequences)),
            ask => unreachable!("{ask:?}"),
        }
    }
}

impl State {
    /// A row as a session's transaction sees it.
    fn row(&self, session: u64, key: &str) -> Option<Line> {
        let changes = self.sessions.get(&session).map(|it| &it.changes);
        match changes.and_then(|changes| changes.get(key)) {
            Some(changed) => changed.clone(),
            None => self.rows.get(key).cloned(),
        }
    }

    /// Writes a row. A table without a key takes it once more: that shows in how many events it stands for.
    fn insert(&mut self, kind: Kind, key: String, mut row: Line) {
        if kind == Kind::Append
            && let Some(there) = self.rows.get(&key)
        {
            row.events += there.events;
        }
        self.rows.insert(key, row);
    }

    fn session(&mut self, session: u64) -> Result<&mut Transaction, Passing> {
        self.sessions.get_mut(&session).ok_or(Passing::Broken)
    }

    /// Lets go of everything that a session's transaction has.
    fn release(&mut self, session: u64) {
        self.locks.retain(|_, holder| *holder != session);
        if let Ok(transaction) = self.session(session) {
            *transaction = Transaction::default();
        }
    }
}
