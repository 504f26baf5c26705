//! Where and how an engine keeps checkpoints of its state.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factum_core::Aggregate;
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::shape::{NotCompact, readings_of, shape_of};
use crate::weight::heap_of;
use crate::window::aggregate_hash;

/// How an engine keeps checkpoints. Start from [`CheckpointOptions::in_dir`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointOptions {
    /// The folder for them, made when it is not there. Each partition of each topic has a file of its
    /// own in it, which one process uses at a time. What is in it may be deleted whenever no process
    /// uses it: the log holds everything.
    pub dir: PathBuf,
    /// How long a change waits at most for the next checkpoint to begin. A restart replays about as
    /// much.
    pub every: Duration,
    /// How many bytes of changed states, about and as they lie in memory, begin a checkpoint before that.
    pub changed_bytes: usize,
    /// How many bytes the states may take in memory, about and in all partitions of the engine
    /// together; `None` keeps all of them. Beyond it, states that were not used lately are dropped
    /// once a checkpoint has them, and read from there when a command asks for them. A state counts
    /// what it and its collections take in memory, as far as its `Serialize` tells, and its place in the
    /// map; what collections hold in reserve is not seen. A quarter, but 1 MiB of
    /// each partition at least, is for the file's own cache. Not counted are the remembered commands, and what is on its way.
    pub memory: Option<usize>,
    /// Whether the events of each aggregate are kept beside its state, so that
    /// [`Engine::history`](crate::Engine::history) and [`Engine::state_at`](crate::Engine::state_at) answer in
    /// milliseconds. It costs: `docs/history.md` has figures. It takes about three times the disk space that the
    /// events take in the log, most of the disk's writes, and a share of `changed_bytes`. Where a checkpoint was written without, the next start replays its partition from the first
    /// event.
    pub history: bool,
    /// Whether a status server of this program tells these events at `/history`, to everybody who reaches its
    /// port: without it only this program's own code reads them.
    pub tell_history: bool,
}

impl CheckpointOptions {
    /// The usual: a checkpoint after 5 seconds, or 8 MiB of changes, all states in memory, and no events.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            every: Duration::from_secs(5),
            changed_bytes: 8 << 20,
            memory: None,
            history: false,
            tell_history: false,
        }
    }
}

/// Checkpoints of the aggregates `A`: what it takes to store their state and to read it back.
///
/// A checkpoint holds the states and the newest commands' receipts of one partition, as they were at
/// one of its events that is a fact for ever. An engine that starts reads it, and replays what came
/// since. It is discarded as a whole, and the partition replayed from its first event, when
///
/// * the **shape** of the state is another: a name of a struct, field or variant, their order, or the
///   type of a field, as `Deserialize` tells them; deep inside, too. Where a value is read by code of
///   its own that refuses every guess (`deserialize_with`, `try_from`), the types of what comes behind
///   it are not seen;
/// * older events are read otherwise: an upcaster came or went, or an event became another one
///   ([`Event::READINGS`](factum_core::Event::READINGS));
/// * [`Aggregate::STATE_VERSION`] is another. **Raise it when `apply` changes what a state means**,
///   or what it counts or leaves out, without a change of shape: that cannot be seen;
/// * it is damaged, of another format, or of another topic, or the log does not go on from it.
pub struct Checkpoints<A> {
    options: CheckpointOptions,
    codec: Codec<A>,
}

impl<A> Checkpoints<A>
where
    A: Aggregate + Serialize + DeserializeOwned,
{
    /// Checkpoints in a folder, as usual: see [`CheckpointOptions::in_dir`].
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self::new(CheckpointOptions::in_dir(dir))
    }

    /// Checkpoints with options.
    pub fn new(options: CheckpointOptions) -> Self {
        Self {
            options,
            codec: Codec::new(),
        }
    }
}

impl<A> Checkpoints<A> {
    /// Sets up what the owners of an engine's partitions share.
    pub(crate) fn share(self) -> Result<Arc<Keeping<A>>, NotCompact> {
        let shape = self.codec.shape?;
        Ok(Arc::new(Keeping {
            options: self.options,
            codec: self.codec,
            shape,
            owners: AtomicUsize::new(0),
        }))
    }
}

impl<A> Clone for Checkpoints<A> {
    fn clone(&self) -> Self {
        Self {
            options: self.options.clone(),
            codec: self.codec,
        }
    }
}

impl<A> fmt::Debug for Checkpoints<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checkpoints").field(&self.options).finish()
    }
}

/// What the owners of an engine's partitions share.
pub(crate) struct Keeping<A> {
    pub options: CheckpointOptions,
    pub codec: Codec<A>,
    /// Stands for everything that a stored state depends on.
    pub shape: u64,
    owners: AtomicUsize,
}

/// One partition's share of the memory.
pub(crate) struct Share<A> {
    keeping: Arc<Keeping<A>>,
    /// How many partitions the topic has.
    partitions: u32,
}

impl<A> Share<A> {
    pub fn of(keeping: Arc<Keeping<A>>, partitions: u32) -> Self {
        keeping.owners.fetch_add(1, Ordering::Relaxed);
        Self {
            keeping,
            partitions,
        }
    }

    pub fn keeping(&self) -> Arc<Keeping<A>> {
        self.keeping.clone()
    }

    /// How many bytes the partition may take at the moment.
    fn bytes(&self) -> Option<usize> {
        let owners = self.keeping.owners.load(Ordering::Relaxed).max(1);
        self.keeping.options.memory.map(|memory| memory / owners)
    }

    /// How many of them are for states.
    pub fn states(&self) -> Option<usize> {
        self.bytes().map(|bytes| bytes - bytes / 4)
    }

    /// How many bytes the file's own cache may take. It cannot change later, so that it is what there
    /// would be if all partitions were here.
    pub fn cache(&self) -> usize {
        const LEAST: usize = 1 << 20;
        const MOST: usize = 64 << 20;
        let partitions = self.partitions.max(1) as usize;
        let memory = self.keeping.options.memory;
        memory.map_or(4 << 20, |bytes| (bytes / 4 / partitions).clamp(LEAST, MOST))
    }

    /// How many bytes of changes begin a checkpoint: what changed must stay in memory until then.
    pub fn changed_bytes(&self) -> usize {
        let most = self.states().map_or(usize::MAX, |bytes| bytes / 8);
        self.keeping.options.changed_bytes.min(most)
    }
}

impl<A> std::ops::Deref for Share<A> {
    type Target = Keeping<A>;

    fn deref(&self) -> &Keeping<A> {
        &self.keeping
    }
}

impl<A> Drop for Share<A> {
    fn drop(&mut self) {
        self.keeping.owners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a state becomes bytes and comes back, in postcard's format.
pub(crate) struct Codec<A> {
    pub encode: Encode<A>,
    pub decode: fn(&[u8]) -> Option<A>,
    /// About how many bytes a state has allocated.
    pub weigh: fn(&A) -> usize,
    shape: Result<u64, NotCompact>,
}

/// Appends a state's bytes; leaves some of them behind if it fails.
pub(crate) type Encode<A> = fn(&A, &mut Vec<u8>) -> Result<(), postcard::Error>;

impl<A> Clone for Codec<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Codec<A> {}

impl<A: Aggregate + Serialize + DeserializeOwned> Codec<A> {
    fn new() -> Self {
        // The hash of an aggregate's id is stored with each command.
        let others = u64::from(A::STATE_VERSION)
            ^ aggregate_hash("an aggregate's id")
            ^ readings_of::<A::Event>();
        Self {
            encode: |state, out| postcard::serialize_with_flavor(state, Appending(out)),
            decode: |bytes| match postcard::take_from_bytes(bytes) {
                Ok((state, [])) => Some(state),
                _ => None,
            },
            weigh: heap_of,
            shape: shape_of::<A>().map(|shape| shape.rotate_left(32) ^ others),
        }
    }
}

/// Writes behind what a buffer holds.
struct Appending<'b>(&'b mut Vec<u8>);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
