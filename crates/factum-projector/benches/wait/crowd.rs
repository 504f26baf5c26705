//! As many as there are wait at once, each for an event of its own: whether all are woken, none before what it
//! waited for is there, and what they cost meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use factum_core::ConsistencyToken;
use factum_projector::{ReadModel, ReadModelOptions};
use futures::future::join_all;
use futures::{StreamExt, stream};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::process::{cpu_of, resident};
use crate::{Log, MINUTE, Told, connect};

/// What the threads are called that wait.
const THREADS: &str = "waiters";
/// How long nothing happens, and how long others commit, while all wait.
const WHILE: Duration = Duration::from_secs(3);
/// Sessions that look whether what was waited for is there.
const LOOKERS: usize = 4;

/// The next sequences of all partitions, at a notification of a commit.
type Seen = (Instant, BTreeMap<u32, u64>);

/// One who was woken.
struct Woken {
    token: ConsistencyToken,
    at: Instant,
    early: bool,
}

/// Waits with `waiters` at once, and tells what came of it.
pub async fn crowd(log: &mut Log, url: &str, schema: &str, waiters: usize, told: &mut Told) {
    let client = connect(url).await;
    let (seen, onlooker) = onlook(url, schema);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(THREADS)
        .enable_all()
        .build()
        .expect("threads");
    let before = resident();
    let model = {
        let options = ReadModelOptions {
            schema: schema.into(),
            ..ReadModelOptions::default()
        };
        let url = url.to_owned();
        let opened = runtime.spawn(async move { ReadModel::open(&url, "counts", options).await });
        opened.await.unwrap().unwrap()
    };
    let lookers = Arc::new(join_all((0..LOOKERS).map(|_| connect(url))).await);
    // A tenth of the partitions' next events belongs to nobody: they are what others do meanwhile.
    let others = 200;
    let ahead = |number: usize| log.ahead(others + number);
    let tokens: Vec<_> = (0..waiters).map(ahead).collect();
    let all = start(&runtime, &model, &lookers, tokens);
    tokio::time::sleep(Duration::from_secs(1)).await; // they ask
    told.tell("waiters", waiters as f64, "");
    let grown = resident().saturating_sub(before) as f64;
    told.tell("memory of all waiters", grown / 1e6, "MB");
    told.tell("memory of the process", resident() as f64 / 1e6, "MB");
    let per_second = |cpu: f64, took: Duration| cpu / took.as_secs_f64();

    let (cpu, since) = (cpu_of(THREADS), Instant::now());
    tokio::time::sleep(WHILE).await;
    let idle = per_second(cpu_of(THREADS) - cpu, since.elapsed());
    told.tell("CPU while nothing happens", idle, "s/s");
    told.tell("connections of all waiters", connections(&client).await, "");

    let (cpu, since) = (cpu_of(THREADS), Instant::now());
    for number in 0..others {
        log.append(number).await;
        tokio::time::sleep(WHILE / others as u32).await;
    }
    let busy = per_second(cpu_of(THREADS) - cpu, since.elapsed());
    told.tell("CPU while others commit", busy, "s/s");

    let (cpu, began) = (cpu_of(THREADS), Instant::now());
    for number in 0..waiters {
        log.append(others + number).await;
        tokio::task::yield_now().await;
    }
    let appended = began.elapsed();
    let woken = all.await.expect("they wait");
    let took = began.elapsed();
    told.tell("appended within", appended.as_secs_f64(), "s");
    told.tell(
        "all woken and their rows read within",
        took.as_secs_f64(),
        "s",
    );
    told.tell("CPU while they are woken", cpu_of(THREADS) - cpu, "s");
    told.tell("connections at the end", connections(&client).await, "");
    drop(onlooker);
    judge(&woken, waiters, seen, told);
    runtime.shutdown_background();
}

/// Starts a task for each token, and resolves when all of them are woken.
fn start(
    runtime: &Runtime,
    model: &ReadModel,
    lookers: &Arc<Vec<Client>>,
    tokens: Vec<ConsistencyToken>,
) -> tokio::task::JoinHandle<Vec<Woken>> {
    let waits = tokens.into_iter().enumerate().map(|(number, token)| {
        let (model, lookers) = (model.clone(), lookers.clone());
        runtime.spawn(async move {
            model.wait_for(token, 5 * MINUTE).await.ok()?;
            let at = Instant::now();
            let early = !is_there(&lookers[number % LOOKERS], token).await;
            Some(Woken { token, at, early })
        })
    });
    let waits: Vec<_> = waits.collect();
    runtime.spawn(async move {
        let woken = join_all(waits).await.into_iter();
        woken.filter_map(|woken| woken.expect("it waits")).collect()
    })
}

/// Whether the read model shows an event.
async fn is_there(client: &Client, token: ConsistencyToken) -> bool {
    let query = "SELECT EXISTS (SELECT FROM count WHERE partition = $1 AND last >= $2)";
    let (partition, sequence) = (token.partition as i32, token.sequence as i64);
    let row = client.query_one(query, &[&partition, &sequence]).await;
    row.expect("the read model can be read").get(0)
}

async fn connections(client: &Client) -> f64 {
    let query =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'factum.wait.counts%'";
    let row = client.query_one(query, &[]).await.unwrap();
    row.get::<_, i64>(0) as f64
}

/// Tells how many were woken, how many of them too early, and how long after the commit.
fn judge(woken: &[Woken], waiters: usize, seen: Receiver<Seen>, told: &mut Told) {
    told.tell("woken", woken.len() as f64, "");
    let early = woken.iter().filter(|woken| woken.early).count();
    told.tell("woken too early", early as f64, "");
    let seen: Vec<Seen> = seen.into_iter().collect();
    let committed = |token: &ConsistencyToken| {
        let shows = |(_, next): &&Seen| next.get(&token.partition) > Some(&token.sequence);
        let behind = seen.partition_point(|seen| !shows(&seen));
        seen.get(behind).map(|(at, _)| *at)
    };
    let delays = woken.iter().filter_map(|woken| {
        let committed = committed(&woken.token)?;
        Some(woken.at.saturating_duration_since(committed))
    });
    told.times(
        "from the commit to the return of wait_for",
        delays.collect(),
    );
    assert_eq!(
        (woken.len(), early),
        (waiters, 0),
        "all are woken, and none early"
    );
}

/// Notes when commits are heard of, on a thread of its own: a bare connection that listens. It ends when what
/// is returned with it is dropped.
fn onlook(url: &str, schema: &str) -> (Receiver<Seen>, tokio::sync::oneshot::Sender<()>) {
    let (seen, noted) = channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let (url, schema) = (url.to_owned(), schema.to_owned());
    let (ready, started) = channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = note(&url, &schema, &seen, &ready) => {}
                _ = ended => {}
            }
        });
    });
    let _ = started.recv();
    (noted, end)
}

async fn note(url: &str, schema: &str, seen: &Sender<Seen>, ready: &Sender<()>) {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, AsyncMessage::Notification(_)) {
                let _ = heard.send(Instant::now());
            }
        }
    });
    let listen = format!("LISTEN \"{schema}.positions\"");
    client.batch_execute(&listen).await.unwrap();
    let _ = ready.send(());
    while let Some(at) = hears.recv().await {
        let rows = client
            .query("SELECT partition, next FROM positions", &[])
            .await;
        let next = rows.unwrap().into_iter().map(|row| {
            let (partition, next): (i32, i64) = (row.get(0), row.get(1));
            (partition as u32, next as u64)
        });
        if seen.send((at, next.collect())).is_err() {
            return;
        }
    }
}
