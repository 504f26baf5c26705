//! The thread that appends: everything that waits goes into one transaction, made durable at once.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use factum_core::{Appended, LogError, Offset, Records};
use tokio::sync::oneshot;

use crate::growth::Latest;
use crate::partition::Partition;
use crate::store::Env;
use crate::{failure, room};

/// How many bytes of records go into one transaction before it is made durable.
const GROUP_BYTES: usize = 16 << 20;

/// How often the places of readers that were killed are freed.
const SWEEP: Duration = Duration::from_secs(1);

/// A batch on its way into the log.
struct Job {
    partition: Partition,
    records: Records,
    answer: oneshot::Sender<Result<Appended, LogError>>,
}

/// Hands batches to the writing thread. The thread ends, when all is written, after the last handle.
pub(crate) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    pub(crate) fn start(env: Env, dir: Arc<Path>, latest: Latest) -> Result<Self, LogError> {
        let data = env
            .try_clone_inner_file()
            .map_err(|error| failure::lmdb(&dir, error))?;
        let (jobs, waiting) = channel();
        let mut committer = Committer {
            env,
            dir: dir.clone(),
            latest,
            data,
            swept: Instant::now(),
        };
        thread::Builder::new()
            .name("factum-local-write".to_owned())
            .spawn(move || committer.run(&waiting))
            .map_err(|error| failure::disk(&dir, error))?;
        Ok(Self { jobs })
    }

    /// Queues a batch behind all that were queued before. The answer is dropped without a word if
    /// the thread is gone.
    pub(crate) fn append(
        &self,
        partition: Partition,
        records: Records,
    ) -> oneshot::Receiver<Result<Appended, LogError>> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            partition,
            records,
            answer,
        };
        // A job that comes back takes its answer with it.
        let _ = self.jobs.send(job);
        answered
    }
}

struct Committer {
    env: Env,
    dir: Arc<Path>,
    latest: Latest,
    data: File,
    swept: Instant,
}

impl Committer {
    fn run(&mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            // Gathered before the transaction starts: one that was under way when a topic was
            // opened would not know the topic's trees.
            let group = gather(first, waiting);
            self.sweep();
            let outcome = self.commit(&group);
            self.latest.look(&self.env);
            answer(group, outcome);
        }
    }

    /// Appends a group of batches, all or none, and returns where each begins.
    fn commit(&self, group: &[Job]) -> Result<Vec<Offset>, LogError> {
        let mut txn = self.env.write_txn().map_err(|error| self.failed(error))?;
        let mut stored = Vec::new();
        let append = |job: &Job| job.partition.append(&mut txn, &job.records, &mut stored);
        let firsts = group.iter().map(append).collect::<Result<_, _>>()?;
        txn.commit().map_err(|error| {
            let bytes = group.iter().map(|job| job.records.byte_len()).sum();
            room::not_committed(&self.dir, bytes, error)
        })?;
        // The records are durable whatever comes of this.
        let _ = room::pad(&self.env, &self.data);
        Ok(firsts)
    }

    fn failed(&self, error: heed::Error) -> LogError {
        failure::lmdb(&self.dir, error)
    }

    /// What a killed reader was reading could never be reused.
    fn sweep(&mut self) {
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            // If it fails it fails again, and the log only grows a little more.
            let _ = self.env.clear_stale_readers();
        }
    }
}

fn gather(first: Job, waiting: &Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.records.byte_len();
    let mut group = vec![first];
    while bytes < GROUP_BYTES
        && let Ok(job) = waiting.try_recv()
    {
        bytes += job.records.byte_len();
        group.push(job);
    }
    group
}

/// Answers each caller. One that no longer waits misses nothing.
fn answer(group: Vec<Job>, outcome: Result<Vec<Offset>, LogError>) {
    match outcome {
        Ok(firsts) => {
            for (job, first) in group.into_iter().zip(firsts) {
                let _ = job.answer.send(Ok(Appended::At(first)));
            }
        }
        Err(error) => {
            for job in group {
                let _ = job.answer.send(Err(failure::again(&error)));
            }
        }
    }
}
