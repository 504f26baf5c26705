//! Nobody is told too early, and nobody is forgotten, whatever is killed.

use std::sync::Arc;
use std::time::Duration;

use factum_core::Recorded;
use factum_projector::ReadModel;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, block_in_place};
use tokio_postgres::Client;
use xtask::servers::Postgres;

use super::{MINUTE, Worker, end_listeners, open, version};
use crate::bank::{Bank, Ledger, Posted, connect, eventually, posted, within};

/// How many commits come in before a fault, and again while it has its effects.
const COMMITS: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The connection of those who wait is ended.
    Listener,
    /// The worker's connections are ended.
    Sessions,
    /// The worker is killed, and another one started.
    Worker,
    /// Postgres is killed, and started again.
    Postgres,
    /// Postgres is told to restart.
    Restart,
}

use Fault::{Listener, Postgres as Kill, Restart, Sessions, Worker as Work};
const FAULTS: [Fault; 10] = [
    Listener, Sessions, Work, Kill, Listener, Restart, Work, Sessions, Kill, Listener,
];

/// A session that asks what is to be seen, and is opened anew when it breaks.
#[derive(Clone)]
struct Onlooker {
    url: String,
    client: Arc<Mutex<Option<Arc<Client>>>>,
}

impl Onlooker {
    fn new(bank: &Bank) -> Self {
        Self {
            url: bank.postgres(),
            client: Arc::default(),
        }
    }

    async fn client(&self) -> Arc<Client> {
        let mut client = self.client.lock().await;
        if client.as_ref().is_none_or(|it| it.is_closed()) {
            let (opened, connection) = loop {
                match tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await {
                    Ok(opened) => break opened,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            tokio::spawn(connection);
            *client = Some(Arc::new(opened));
        }
        client.clone().unwrap()
    }

    /// The first answer to what the row of an account shows.
    async fn version(&self, account: &str) -> Option<i64> {
        loop {
            match version(&*self.client().await, account).await {
                Ok(version) => return version,
                Err(error) => assert!(error.is_closed() || error.code().is_some(), "{error}"),
            }
        }
    }
}

/// Waits for an event, and looks whether it is there. Returns whether it was not there before.
async fn wait_and_look(model: ReadModel, onlooker: Onlooker, event: Recorded<Posted>) -> bool {
    let waited = onlooker.version(&event.id).await.is_none();
    model.wait_for(&event, 2 * MINUTE).await.unwrap();
    let shown = onlooker.version(&event.id).await;
    assert_eq!(
        shown,
        Some(event.version as i64),
        "told too early of {event:?}"
    );
    waited
}

/// A bank at work, and those who wait.
struct Scene {
    bank: Bank,
    ledger: Ledger,
    model: ReadModel,
    onlooker: Onlooker,
    worker: Option<Worker>,
    waits: JoinSet<bool>,
}

impl Scene {
    async fn begin(server: &Postgres) -> Self {
        let bank = Bank::on(server.address().to_owned()).await;
        let ledger = Ledger::create(&bank, 2, 7).await;
        let worker = Some(Worker::start(&bank));
        eventually("the worker has begun", async || bank.positions().await > 0).await;
        Self {
            model: open(&bank).await,
            onlooker: Onlooker::new(&bank),
            waits: JoinSet::new(),
            bank,
            ledger,
            worker,
        }
    }

    /// Commits events of accounts that are new, and waits for each.
    async fn commit(&mut self) {
        for _ in 0..COMMITS {
            let number = self.ledger.valid.len();
            let (partition, account) = (number as u32 % 2, format!("a{number}"));
            self.ledger
                .commit(partition, &account, &[posted(1, 5)])
                .await;
            let event = self.ledger.valid[number].clone();
            let (model, onlooker) = (self.model.clone(), self.onlooker.clone());
            self.waits.spawn(wait_and_look(model, onlooker, event));
            tokio::time::sleep(Duration::from_millis(1)).await; // so that batches are small
        }
    }

    async fn inject(&mut self, fault: Fault, server: &mut Postgres) {
        let (client, schema) = (self.onlooker.client().await, &self.bank.schema);
        match fault {
            Fault::Listener => end_listeners(&client, schema).await.unwrap(),
            Fault::Sessions => end_workers(&client, schema).await,
            Fault::Worker => {
                self.worker = None;
                self.worker = Some(Worker::start(&self.bank));
            }
            Fault::Postgres => {
                block_in_place(|| server.kill9()).unwrap();
                self.commit().await; // while nobody is there to ask
                block_in_place(|| server.restart()).unwrap();
            }
            Fault::Restart => block_in_place(|| server.restart()).unwrap(),
        }
    }

    /// How many of those who have waited so far had to.
    async fn all_told(&mut self) -> usize {
        let mut waited = 0;
        while let Some(had_to) = within(180, self.waits.join_next()).await {
            waited += usize::from(had_to.unwrap());
        }
        waited
    }
}

async fn end_workers(client: &Client, schema: &str) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'factum.balances.v1' AND pid <> pg_backend_pid()";
    let ended = client.query(end, &[]).await.unwrap();
    assert!(!ended.is_empty(), "no worker of {schema} is connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_too_early_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = block_in_place(|| Postgres::start(&folder.path().join("postgres"))).unwrap();
    let mut scene = Scene::begin(&server).await;
    for fault in FAULTS {
        scene.commit().await;
        scene.inject(fault, &mut server).await;
        scene.commit().await;
        let events = scene.ledger.valid.len();
        let waited = scene.all_told().await;
        println!("{fault:?}: {events} events so far, {waited} had to be waited for");
        assert!(waited > 0, "nobody had to wait");
    }
    let client = connect(&scene.bank.postgres()).await;
    let rows = client.query_one("SELECT count(*) FROM balance", &[]).await;
    let rows: i64 = rows.unwrap().get(0);
    assert_eq!(rows as usize, scene.ledger.valid.len());
}
