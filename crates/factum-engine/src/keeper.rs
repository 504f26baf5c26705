//! Keeps the checkpoint of one partition: reads it at the start, decides when the next one is due,
//! takes it in small steps, holds it until it is fact, and has it written by another thread.
//!
//! Whoever brings a partition's state up to date by replaying its tail uses one of these.

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use factum_core::{Aggregate, CommitReader, LogError, Position, ReaderRule, Topic, chain};
use factum_host::{bound, on_disk};
use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use crate::checkpoints::{Codec, Keeping, Share};
use crate::history::{Groups, Places};
use crate::snapshot::{Hold, NewCommands, Snapshot};
use crate::state::PartitionState;
use crate::store::{Origin, Store, StoreError};

/// How many states are taken into a snapshot between two looks at the commands that wait.
const STEP: usize = 512;
/// How often a checkpoint may turn out unusable before its partition does without.
const DISCARDS: u32 = 2;
/// How long another process may take to give up a checkpoint along with the partition.
const LOCKED_FOR: Duration = Duration::from_secs(1);
const LOCK_RETRY: Duration = Duration::from_millis(50);
/// How long a graceful stop may take for the last checkpoint.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How many bytes of events may wait to be stored, if that is more than changes usually come to.
const MOST_EVENTS: usize = 64 << 20;

/// The checkpoint of one partition.
pub(crate) struct Keeper<A: Aggregate> {
    share: Share<A>,
    origin: Origin,
    store: Use,
    /// Where the log goes on from what is stored.
    stored: Option<Position>,
    /// Whether the log was seen to go on from there.
    fits: bool,
    discards: u32,
    /// The number of the first command that is not stored.
    commands: u64,
    /// The snapshot that is being taken.
    taking: Option<(Position, NewCommands, Option<Arc<Groups>>)>,
    hold: Hold<Snapshot>,
    writing: Option<Writing>,
    began: Instant,
    /// After a failure, when to try again at the earliest.
    not_before: Instant,
    tick: Interval,
}

enum Use {
    /// It was not opened yet.
    Closed,
    Open(Arc<Store>),
    /// The partition does without.
    Without,
}

struct Writing {
    position: Position,
    /// The number of the first command behind those that are written.
    commands: u64,
    done: JoinHandle<Result<(), StoreError>>,
}

/// What became of a write.
pub(crate) type Written = Result<(), StoreError>;

impl<A: Aggregate> Keeper<A> {
    pub fn new(keeping: Arc<Keeping<A>>, topic: &dyn Topic, partition: u32, window: usize) -> Self {
        let origin = Origin {
            topic: topic.name().to_owned(),
            partition,
            shape: keeping.shape,
            window: window as u64,
            history: keeping.options.history,
        };
        let (now, every) = (
            Instant::now(),
            keeping.options.every.max(Duration::from_millis(1)),
        );
        let mut tick = interval_at(now + every, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            share: Share::of(keeping, topic.partitions()),
            origin,
            store: Use::Closed,
            stored: None,
            fits: false,
            discards: 0,
            commands: 0,
            taking: None,
            hold: Hold::EMPTY,
            writing: None,
            began: now,
            not_before: now,
            tick,
        }
    }

    /// The state that is stored, and where the log goes on from it. Nothing is under way then.
    ///
    /// # Errors
    /// The log cannot be asked whether it goes on from there.
    pub async fn resume(
        &mut self,
        topic: &dyn Topic,
    ) -> Result<(PartitionState<A>, Position), LogError> {
        self.void().await;
        if matches!(self.store, Use::Closed) {
            self.open().await;
        }
        if let Some(position) = self.stored
            && !self.fits
            && let Some(why) = misfit(topic, self.origin.partition, &position).await?
        {
            self.discard(why).await;
        }
        loop {
            match self.read_state().await {
                Ok(resumed) => return Ok(resumed),
                Err(error) => self.discard(&chain(&error)).await,
            }
        }
    }

    /// Whether there is a checkpoint, or is to be one.
    pub fn is_used(&self) -> bool {
        matches!(self.store, Use::Open(_))
    }

    /// Whether the log is still to be seen to go on from the checkpoint.
    pub fn is_doubtful(&self) -> bool {
        self.stored.is_some() && !self.fits
    }

    /// Takes note that the log goes on from the checkpoint.
    pub fn fits(&mut self) {
        self.fits = true;
    }

    /// Throws away what is stored: the partition is to be replayed.
    pub async fn discard(&mut self, why: &str) {
        self.void().await;
        self.stored = None;
        self.fits = true; // nothing that is stored from now on can be older than this
        self.commands = 0;
        self.discards += 1;
        self.warn("discarded, the partition is replayed", why);
        let Use::Open(store) = std::mem::replace(&mut self.store, Use::Without) else {
            return;
        };
        if self.discards > DISCARDS {
            return self.warn("not used any more", "it was unusable again and again");
        }
        let (keeping, cache) = (self.share.keeping(), self.share.cache());
        let anew = async {
            let store = alone(store).await?;
            blocking(move || store.discard(&keeping.options.dir, cache)).await
        };
        match anew.await {
            Ok(store) => self.store = Use::Open(Arc::new(store)),
            Err(error) => self.warn("not used", &chain(&error)),
        }
    }

    async fn open(&mut self) {
        let patience = Instant::now() + LOCKED_FOR;
        loop {
            let (keeping, origin) = (self.share.keeping(), self.origin.clone());
            let cache = self.share.cache();
            let opened = blocking(move || Store::open(&keeping.options.dir, origin, cache)).await;
            match opened {
                Ok((store, stored)) => {
                    (self.store, self.stored) = (Use::Open(Arc::new(store)), stored);
                    return;
                }
                Err(StoreError::Locked) if Instant::now() < patience => {
                    tokio::time::sleep(LOCK_RETRY).await;
                }
                Err(error) => {
                    self.store = Use::Without;
                    return self.warn("not used, all states stay in memory", &chain(&error));
                }
            }
        }
    }

    async fn read_state(&mut self) -> Result<(PartitionState<A>, Position), StoreError> {
        let window = self.origin.window as usize;
        let (encode, Use::Open(store)) = (self.share.codec.encode, &self.store) else {
            return Ok((PartitionState::new(window, None), Position::START));
        };
        let Some(position) = self.stored else {
            let mut state = PartitionState::new(window, Some(encode));
            state.aggregates = state.aggregates.weighed_by(self.share.codec.weigh);
            return Ok((state.keeping_events(self.origin.history), Position::START));
        };
        let (store, codec) = (store.clone(), self.share.codec);
        let all = self.share.options.memory.is_none();
        let state = blocking(move || PartitionState::stored(&store, codec, window, all)).await?;
        self.commands = state.commands.numbers().end;
        Ok((state.keeping_events(self.origin.history), position))
    }

    /// Reads into memory what there is of aggregates that are [missing](crate::aggregates::Aggregates::missing) there.
    ///
    /// # Errors
    /// They cannot be read: the state is to be made anew.
    pub async fn load(
        &mut self,
        state: &mut PartitionState<A>,
        ids: Vec<CompactString>,
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let Use::Open(store) = &self.store else {
            return Err(StoreError::Unfit("it is not used"));
        };
        let (store, codec) = (store.clone(), self.share.codec);
        for (id, version, aggregate) in blocking(move || read(&store, codec, &ids)).await? {
            state.aggregates.insert_stored(id, version, aggregate);
        }
        Ok(())
    }

    /// Drops states that were not used lately, where memory is bounded.
    pub fn evict(&self, state: &mut PartitionState<A>) {
        if let (Some(bytes), Use::Open(_)) = (self.share.states(), &self.store)
            && let Some(dropped) = state.aggregates.evict(bytes)
        {
            on_disk(move || drop(dropped));
        }
    }

    /// Begins, goes on with or ends a snapshot, as it is time. `at` is where the log goes on from the
    /// newest state: what is known there, and the next sequence to plan.
    pub fn keep(&mut self, state: &mut PartitionState<A>, known: &ReaderRule, at: Position) {
        if self.has_written() {
            // Under load nobody comes to wait for it.
            let written = self.wake().now_or_never().flatten();
            self.note(state, written);
        }
        if self.is_idle() && self.is_due(state) {
            self.begin(state, at);
        }
        if self.taking.is_some() {
            self.take(state, bound(STEP));
        }
        if self.writing.is_none()
            && let Some((_, snapshot)) = self.hold.release(known)
        {
            self.write(state, snapshot);
        }
        self.bound_events(state);
    }

    /// Keeps what was replayed up to a position: all of it is fact.
    pub async fn keep_replayed(&mut self, state: &mut PartitionState<A>, commits: &CommitReader) {
        let position = *commits.position();
        self.bound_events(state);
        if !self.is_due(state) {
            return;
        }
        let changed = state.changed_bytes();
        if self.writing.is_some() {
            if changed < 2 * self.share.changed_bytes() && !self.has_written() {
                return;
            }
            let written = self.written().await;
            self.note(state, written);
        }
        self.save(state, position);
    }

    fn save(&mut self, state: &mut PartitionState<A>, position: Position) {
        if position.identity.is_none() || Instant::now() < self.not_before {
            return;
        }
        self.begin(state, position);
        self.take(state, usize::MAX);
        if let Some((_, snapshot)) = self.hold.release(&ReaderRule::at(&position)) {
            self.write(state, snapshot);
        }
    }

    /// Stores what has changed, at a stop: `at` is where the log goes on from the state, all of which
    /// is fact. Takes a bounded time.
    pub async fn finish(&mut self, state: &mut PartitionState<A>, at: Position) {
        let finish = async {
            if self.taking.is_some() {
                self.take(state, usize::MAX);
            }
            if let Some((_, snapshot)) = self.hold.release(&ReaderRule::at(&at)) {
                self.write(state, snapshot);
            }
            let written = self.written().await;
            self.note(state, written);
            if self.has_news(state) && self.is_used() {
                self.save(state, at);
                let written = self.written().await;
                self.note(state, written);
            }
        };
        if timeout(STOP_WITHIN, finish).await.is_err() {
            self.warn(
                "not up to date",
                "writing it took too long; the next start replays more",
            );
        }
    }

    /// Throws away what is not fact yet, and lets the disk finish what is.
    pub async fn void(&mut self) {
        self.taking = None;
        self.hold.void();
        if self.writing.is_some() {
            let written = self.written().await;
            if let Some(written) = written {
                self.note_stored(written);
            }
        }
    }

    /// Gives the checkpoint up, so that another process can take it.
    pub async fn close(mut self) {
        let close = async {
            self.void().await;
            if let Use::Open(store) = std::mem::replace(&mut self.store, Use::Without) {
                let _ = on_disk(move || drop(store)).await;
            }
        };
        let _ = timeout(STOP_WITHIN, close).await;
    }

    /// Waits until something is to be [noted](Keeper::note), or until it may be time for a snapshot.
    /// Cancel safe.
    pub async fn wake(&mut self) -> Option<Written> {
        match &mut self.writing {
            Some(writing) => Some(outcome((&mut writing.done).await)),
            None => {
                self.tick.tick().await;
                None
            }
        }
    }

    /// Whether a snapshot is being taken: then there is always something to do.
    pub fn is_taking(&self) -> bool {
        self.taking.is_some()
    }

    /// Takes note of what became of a write.
    pub fn note(&mut self, state: &mut PartitionState<A>, written: Option<Written>) {
        let Some(written) = written else { return };
        let saved = self.note_stored(written);
        state.noted(saved);
    }

    fn note_stored(&mut self, written: Written) -> bool {
        let Some(writing) = self.writing.take() else {
            return false;
        };
        match written {
            Ok(()) => {
                self.stored = Some(writing.position);
                self.commands = writing.commands;
                true
            }
            Err(error) => {
                self.not_before = Instant::now() + self.share.options.every.max(LOCK_RETRY);
                self.warn("not written", &chain(&error));
                false
            }
        }
    }

    async fn written(&mut self) -> Option<Written> {
        match &mut self.writing {
            Some(writing) => Some(outcome((&mut writing.done).await)),
            None => None,
        }
    }

    fn has_written(&self) -> bool {
        self.writing
            .as_ref()
            .is_some_and(|writing| writing.done.is_finished())
    }

    fn is_idle(&self) -> bool {
        self.taking.is_none() && self.hold.is_empty() && self.writing.is_none()
    }

    fn is_due(&self, state: &PartitionState<A>) -> bool {
        if !self.has_news(state) || !self.is_used() {
            return false;
        }
        let changed = state.changed_bytes();
        let now = Instant::now();
        let late = now >= self.began + self.share.options.every;
        (late || changed >= self.share.changed_bytes()) && now >= self.not_before
    }

    /// Whether anything came since the last checkpoint: a command without events counts, too.
    fn has_news(&self, state: &PartitionState<A>) -> bool {
        state.changed_bytes() > 0 || state.commands.numbers().end > self.commands
    }

    fn begin(&mut self, state: &mut PartitionState<A>, at: Position) {
        self.began = Instant::now();
        let events = state.begin_snapshot(at.next);
        let window = state.commands.numbers();
        let entries: Vec<_> = state.commands.since(self.commands).cloned().collect();
        let commands = NewCommands {
            first: window.end - entries.len() as u64,
            entries,
            oldest: window.start,
            handled: state.handled,
        };
        self.taking = Some((at, commands, events));
    }

    fn take(&mut self, state: &mut PartitionState<A>, count: usize) {
        if !state.aggregates.take(count) {
            return;
        }
        let Some((position, commands, events)) = self.taking.take() else {
            return;
        };
        match state.aggregates.finish_snapshot() {
            Ok(states) => self.hold.put(
                position,
                Snapshot {
                    position,
                    states,
                    commands,
                    events,
                    places: Places::default(),
                },
            ),
            Err(error) => {
                // What could not be encoded now will not be later.
                self.store = Use::Without;
                self.warn("not used any more", &chain(&error));
            }
        }
    }

    fn write(&mut self, state: &PartitionState<A>, mut snapshot: Snapshot) {
        let Use::Open(store) = &self.store else {
            return;
        };
        if let Some(tail) = &state.tail {
            snapshot.places = tail.places.clone();
        }
        let (store, position) = (store.clone(), snapshot.position);
        let commands = snapshot.commands.first + snapshot.commands.entries.len() as u64;
        let done = on_disk(move || store.write(&snapshot));
        self.writing = Some(Writing {
            position,
            commands,
            done,
        });
    }

    /// Lets events go that wait to be stored, where the disk has not taken them for long: memory is bounded.
    /// The next checkpoint is without them then, and does not count for whoever wants them.
    fn bound_events(&self, state: &mut PartitionState<A>) {
        let Some(tail) = &state.tail else { return };
        if tail.bytes() > MOST_EVENTS.max(8 * self.share.changed_bytes()) || !self.is_used() {
            state.tail = None;
            self.warn(
                "without the history of aggregates from now on",
                "it cannot be stored fast enough, or at all; the next start makes it anew",
            );
        }
    }

    /// The checkpoint, where it has the events of aggregates.
    pub fn history(&self) -> Option<Arc<Store>> {
        match &self.store {
            Use::Open(store) if self.origin.history => Some(store.clone()),
            _ => None,
        }
    }

    fn warn(&self, what: &str, cause: &str) {
        let Origin {
            topic, partition, ..
        } = &self.origin;
        tracing::warn!(topic, partition, cause, "the checkpoint is {what}");
    }
}

/// Waits for whatever the keeper waits for, if there is one.
pub(crate) async fn wake<A: Aggregate>(keeper: &mut Option<Keeper<A>>) -> Option<Written> {
    match keeper {
        Some(keeper) => keeper.wake().await,
        None => std::future::pending().await,
    }
}

/// Why the log does not go on from a position, if that can be told.
async fn misfit(
    topic: &dyn Topic,
    partition: u32,
    position: &Position,
) -> Result<Option<&'static str>, LogError> {
    if topic.end(partition).await? < position.offset {
        return Ok(Some("the log ends before it"));
    }
    let found = identity(topic, partition, position.offset).await?;
    Ok((found != position.identity).then_some("the log is another one under the same name"))
}

/// The claimant of epoch 1, as far as some offset.
async fn identity(
    topic: &dyn Topic,
    partition: u32,
    end: u64,
) -> Result<Option<uuid::Uuid>, LogError> {
    let mut reader = topic.read(&[(partition, 0)]).await?;
    let mut commits =
        CommitReader::new(topic.name(), partition, topic.partitions(), Position::START);
    let mut at = 0;
    while at < end && commits.rule().identity().is_none() {
        for fetched in reader.next().await? {
            commits.read(&fetched, |_| Ok(()))?;
            at = at.max(fetched.next);
        }
    }
    Ok(commits.rule().identity())
}

/// An aggregate from a checkpoint: its id, version and state.
type Stored<A> = (CompactString, u64, A);

fn read<A>(
    store: &Store,
    codec: Codec<A>,
    ids: &[CompactString],
) -> Result<Vec<Stored<A>>, StoreError> {
    let mut found = Vec::new();
    store.read(
        ids.iter().map(CompactString::as_str),
        |id, version, bytes| {
            let state = (codec.decode)(bytes).ok_or(StoreError::Unfit("a state cannot be read"))?;
            found.push((id.into(), version, state));
            Ok(())
        },
    )?;
    Ok(found)
}

/// The store, once nobody reads in it.
async fn alone(mut store: Arc<Store>) -> Result<Store, StoreError> {
    let patience = Instant::now() + LOCKED_FOR;
    loop {
        match Arc::try_unwrap(store) {
            Ok(alone) => return Ok(alone),
            Err(_) if Instant::now() >= patience => return Err(StoreError::Locked),
            Err(shared) => store = shared,
        }
        tokio::time::sleep(LOCK_RETRY).await;
    }
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    outcome(on_disk(call).await)
}

fn outcome<T>(
    result: Result<Result<T, StoreError>, tokio::task::JoinError>,
) -> Result<T, StoreError> {
    result.unwrap_or_else(|panic| Err(StoreError::File(panic.into())))
}
