//! How a worker gets on, for its log lines and for those who ask.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use factum_core::Offset;
use factum_status::Families;
use factum_status::prometheus::{Histogram, HistogramOpts, exponential_buckets};
use futures::future::try_join_all;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::batch::Move;
use crate::ends::Ends;
use crate::parked::Parked;
use crate::sources::{Source, Sources, partition_in, source_of};
use crate::status::{ProjectedPartition, ProjectionPhase, ProjectionStatus};
use crate::{Projection, RebuildStage, Row, VersionState};

/// How often a paused worker looks whether it is to go on, if it hears nothing.
const PAUSED: Duration = Duration::from_secs(5);

/// Counts what a worker has committed since it started.
#[derive(Debug)]
pub(crate) struct Progress {
    projection: &'static str,
    version: u32,
    table: &'static str,
    id: OnceLock<Uuid>,
    events: AtomicU64,
    rows: AtomicU64,
    batches: AtomicU64,
    place: Mutex<Place>,
    transactions: Histogram,
    resume: Notify,
    /// Whether readers do not see the version, as far as is known.
    building: Arc<AtomicBool>,
}

/// Where a worker stands.
#[derive(Debug, Default)]
struct Place {
    /// The topics that are read, once the log is open.
    sources: Vec<Source>,
    phase: ProjectionPhase,
    /// Whether the steward found a pause: an idle worker does not meet it, as it moves no position.
    paused: bool,
    interruption: Option<String>,
    version: Option<(VersionState, RebuildStage)>,
    /// The next offset to project of each partition that is owned now.
    offsets: BTreeMap<u32, Offset>,
    /// Where each of them ended, whenever that was asked for.
    ends: BTreeMap<u32, Ends>,
    per_second: Option<u64>,
    /// Dead letters of the owned partitions.
    parked_events: u64,
    /// The keys and aggregates that they keep parked.
    parked_keys: u64,
}

/// What a worker has done, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events projected, whether or not they changed a row.
    pub events: u64,
    /// Rows written or deleted; one that changed in several batches counts for each.
    pub rows: u64,
    /// Transactions committed.
    pub batches: u64,
}

impl Progress {
    pub(crate) fn new<P: Projection>() -> Self {
        let transactions = HistogramOpts::new(
            "factum_projector_transaction_seconds",
            "How long it took to write a batch to Postgres, and to commit it.",
        );
        let buckets = exponential_buckets(0.001, 2.0, 15).expect("sound bounds"); // to 16 s
        let transactions = transactions
            .const_label("projection", name(P::NAME, P::VERSION))
            .buckets(buckets);
        Self {
            projection: P::NAME,
            version: P::VERSION,
            table: P::Row::TABLE,
            id: OnceLock::new(),
            events: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            place: Mutex::default(),
            resume: Notify::new(),
            building: Arc::new(AtomicBool::new(true)),
            transactions: Histogram::with_opts(transactions).expect("sound names"),
        }
    }

    /// What the worker is called where it says how it is.
    pub(crate) fn id(&self) -> Uuid {
        *self.id.get_or_init(factum_host::random_id)
    }

    /// The projection's name with its version.
    pub(crate) fn name(&self) -> String {
        name(self.projection, self.version)
    }

    /// Whether the version is being built; true until that is known.
    pub(crate) fn building(&self) -> Arc<AtomicBool> {
        self.building.clone()
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            events: self.events.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
        }
    }

    /// Notes which partitions are owned from now on, and where.
    pub(crate) fn own(&self, offsets: BTreeMap<u32, Offset>) {
        let mut place = self.place();
        place.phase = ProjectionPhase::Projecting;
        place.interruption = None;
        place
            .ends
            .retain(|partition, _| offsets.contains_key(partition));
        if offsets.is_empty() {
            (place.parked_events, place.parked_keys) = (0, 0);
        }
        place.offsets = offsets;
    }

    /// Notes that the log is open and the table sound.
    pub(crate) fn started(&self, sources: &Sources) {
        let mut place = self.place();
        place.sources = sources.described();
        place.phase = ProjectionPhase::Projecting;
    }

    /// Whether the log was open and the table sound, at any time.
    pub(crate) fn has_started(&self) -> bool {
        self.place().phase != ProjectionPhase::Starting
    }

    /// Notes what the version is to readers, and where it is on its way.
    pub(crate) fn stage(&self, state: VersionState, stage: RebuildStage) {
        let building = state == VersionState::Building;
        self.building.store(building, Ordering::Relaxed);
        let mut place = self.place();
        if place.version.replace((state, stage)) != Some((state, stage)) {
            tracing::info!(%state, ?stage, "this version");
        }
    }

    /// Notes that a server is out of reach.
    pub(crate) fn interrupted(&self, cause: &str) {
        let mut place = self.place();
        place.phase = ProjectionPhase::Interrupted;
        place.interruption = Some(cause.to_owned());
    }

    /// Notes what is parked in the owned partitions.
    pub(crate) fn parked(&self, parked: &Parked) {
        let mut place = self.place();
        (place.parked_events, place.parked_keys) = (parked.letters(), parked.keys() as u64);
    }

    /// Notes that an operator has paused the projection.
    pub(crate) fn paused(&self) {
        self.note_pause(|place| place.phase = ProjectionPhase::Paused);
    }

    /// Notes whether the steward finds that an operator has paused the projection. It is for show: what may be
    /// committed is decided by the positions.
    pub(crate) fn seen_paused(&self, paused: bool) {
        self.note_pause(|place| place.paused = paused);
    }

    fn note_pause(&self, note: impl FnOnce(&mut Place)) {
        let mut place = self.place();
        let before = place.phase();
        note(&mut place);
        if before != ProjectionPhase::Paused && place.phase() == ProjectionPhase::Paused {
            tracing::info!("paused by an operator");
        }
    }

    /// Wakes those who wait for the end of a pause, to look whether it has come.
    pub(crate) fn may_resume(&self) {
        self.resume.notify_waiters();
    }

    /// Resolves when it is time to look whether a pause is over: an operator has done something, or some
    /// seconds went by.
    pub(crate) async fn resumed(&self) {
        let _ = tokio::time::timeout(PAUSED, self.resume.notified()).await;
    }

    /// Measures how long a transaction took.
    pub(crate) fn transaction(&self, took: Duration) {
        self.transactions.observe(took.as_secs_f64());
    }

    /// Notes a commit: so many events, so many rows, and where the partitions stand now.
    pub(crate) fn committed(&self, events: usize, rows: usize, moves: &BTreeMap<u32, Move>) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        let moved = moves.iter().map(|(p, step)| (*p, step.to.offset));
        self.place().offsets.extend(moved);
    }

    pub(crate) fn status(&self) -> ProjectionStatus {
        let (summary, place) = (self.summary(), self.place());
        let owned: Vec<ProjectedPartition> = place.owned().collect();
        ProjectionStatus {
            projection: self.projection,
            version: self.version,
            table: self.table,
            topic: place.topic(),
            phase: place.phase(),
            interruption: place.interruption.clone(),
            state: place.version.map(|it| it.0),
            stage: place.version.map(|it| it.1),
            events: summary.events,
            rows: summary.rows,
            batches: summary.batches,
            parked_events: place.parked_events,
            parked_keys: place.parked_keys,
            lag: owned.iter().map(|partition| partition.lag).sum(),
            per_second: place.per_second,
            owned,
        }
    }

    pub(crate) fn add_to(&self, families: &mut Families) {
        families.add(&self.transactions);
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a line every `interval` in which something happened or is left to do, for ever.
    pub(crate) async fn report(&self, sources: &Sources, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut last, mut at) = (self.summary().events, Instant::now());
        loop {
            ticks.tick().await;
            let lag = self.lag(sources).await;
            let (summary, now) = (self.summary(), Instant::now());
            let per_second = (summary.events - last) as f64 / (now - at).as_secs_f64();
            self.place().per_second = Some(per_second as u64);
            let idle = summary.events == last && lag == Some(0);
            (last, at) = (summary.events, now);
            if idle {
                continue;
            }
            tracing::info!(
                events = summary.events,
                rows = summary.rows,
                batches = summary.batches,
                per_second = per_second as u64,
                lag,
                "progress"
            );
        }
    }

    /// How many records of the owned partitions are not projected yet; `None` while the log does
    /// not tell.
    async fn lag(&self, sources: &Sources) -> Option<u64> {
        let owned: Vec<u32> = self.place().offsets.keys().copied().collect();
        let ends = owned.into_iter().map(|partition| async move {
            let end = sources.end(partition).await?;
            Ok::<_, factum_core::LogError>((partition, end))
        });
        let ends = try_join_all(ends).await.ok()?;
        let mut place = self.place();
        let now = Instant::now();
        for (partition, end) in ends {
            place.ends.entry(partition).or_default().saw(now, end);
        }
        place.owned().map(|partition| partition.lag).sum()
    }
}

impl Place {
    fn phase(&self) -> ProjectionPhase {
        match self.phase {
            ProjectionPhase::Projecting if self.paused => ProjectionPhase::Paused,
            phase => phase,
        }
    }

    fn topic(&self) -> Option<String> {
        let names: Vec<_> = self.sources.iter().map(|it| it.topic.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" + "))
    }

    /// The topic of a slot. Partitions are owned once the log is open.
    fn topic_of(&self, slot: u32) -> String {
        let of = self.sources.get(source_of(slot));
        of.map(|it| it.topic.clone()).unwrap_or_default()
    }

    fn owned(&self) -> impl Iterator<Item = ProjectedPartition> {
        self.offsets.iter().map(|(partition, offset)| {
            let ends = self.ends.get(partition);
            let end = ends.and_then(Ends::last);
            let behind = ends.and_then(|ends| ends.behind(Instant::now(), *offset));
            ProjectedPartition {
                topic: self.topic_of(*partition),
                partition: partition_in(*partition),
                offset: *offset,
                end,
                lag: end.map(|end| end.saturating_sub(*offset)),
                lag_seconds: behind.map(|it| it.as_secs_f64().ceil() as u64),
            }
        })
    }
}

fn name(projection: &str, version: u32) -> String {
    format!("{projection}.v{version}")
}
