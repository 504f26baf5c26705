//! A service node: an engine behind a socket, which takes commands for every account.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use factum::{
    CheckpointOptions, Checkpoints, Engine, EngineError, EngineOptions, EventLog, NewTopic,
    shutdown_signal,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::account::Account;
use crate::ask::{self, options};
use crate::kafka;
use crate::wire::{Answer, Request};

/// How a node runs.
#[derive(Debug, clap::Parser)]
#[command(
    about = "A service node of the chaos runs: accounts behind a socket, one line of JSON each way"
)]
pub struct Flags {
    /// Kafka's addresses, `host:port,…`
    #[arg(long)]
    kafka: String,
    /// Where to listen for clients, `host:port`
    #[arg(long)]
    listen: String,
    /// Partitions of the topic, if it is not there yet
    #[arg(long, default_value_t = 6)]
    partitions: u32,
    /// Keep checkpoints of the state in this folder
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// How many bytes of state to keep in memory, of what is in the checkpoints
    #[arg(long, value_name = "BYTES", requires = "checkpoints")]
    memory: Option<usize>,
    /// How many commands of each partition to remember; the engine's own measure if it is not given
    #[arg(long, value_name = "N")]
    command_window: Option<usize>,
}

/// Serves until told to stop, then finishes what is under way.
///
/// # Errors
/// The engine failed.
pub async fn run(flags: Flags) -> Result<()> {
    let stop = shutdown_signal();
    let engine = tokio::select! {
        engine = start(&flags) => Arc::new(engine?),
        () = stop.clone() => return Ok(()),
    };
    let listener = TcpListener::bind(&flags.listen)
        .await
        .context("cannot listen")?;
    eprintln!("ready");
    tokio::select! {
        served = serve(listener, engine.clone()) => served?,
        error = engine.failed() => return Err(error).context("the engine failed"),
        () = stop => {}
    }
    eprintln!("stopping");
    engine.shutdown().await?;
    // Connections hold the engine until they have passed on its answer.
    while Arc::strong_count(&engine) > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Starts the engine, again and again while the log is out of reach.
async fn start(flags: &Flags) -> Result<Engine<Account>> {
    let topic = NewTopic {
        partitions: flags.partitions,
        ..NewTopic::default()
    };
    loop {
        let defaults = EngineOptions::default();
        let options = EngineOptions {
            create: Some(topic),
            command_window: flags.command_window.unwrap_or(defaults.command_window),
            ..defaults
        };
        let error = match kafka::open(flags.kafka.clone()).await {
            Ok(log) => match start_on(log, options, flags).await {
                Ok(engine) => return Ok(engine),
                Err(EngineError::Log(error)) if error.is_retryable() => error.to_string(),
                Err(error) => return Err(error).context("the engine does not start"),
            },
            Err(error) if error.is_retryable() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        eprintln!("cannot start yet: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn start_on(
    log: Arc<dyn EventLog>,
    options: EngineOptions,
    flags: &Flags,
) -> Result<Engine<Account>, EngineError> {
    let engine = Engine::builder(log)
        .options(options)
        .routing(ask::routing());
    let Some(dir) = &flags.checkpoints else {
        return engine.start().await;
    };
    let checkpoints = CheckpointOptions {
        every: Duration::from_secs(1),
        memory: flags.memory,
        ..CheckpointOptions::in_dir(dir)
    };
    engine
        .checkpoints(Checkpoints::new(checkpoints))
        .start()
        .await
}

async fn serve(listener: TcpListener, engine: Arc<Engine<Account>>) -> Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let engine = Arc::downgrade(&engine);
        tokio::spawn(async move {
            let (from, mut to) = client.into_split();
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = match engine.upgrade() {
                    Some(engine) => answer(&engine, &line).await,
                    None => Answer::Unavailable,
                };
                if to.write_all(&to_line(&answer)).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn to_line(answer: &Answer) -> Vec<u8> {
    let mut line = serde_json::to_vec(answer).expect("an answer is JSON");
    line.push(b'\n');
    line
}

async fn answer(engine: &Engine<Account>, line: &str) -> Answer {
    let request: Request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let options = options(&request);
    let command = (request.order, request.command);
    ask::answer(engine.execute_with(request.account, command, options).await)
}

/// A client's way to a node: one command at a time.
#[derive(Debug)]
pub struct Connection {
    lines: tokio::io::Lines<BufReader<tokio::net::tcp::OwnedReadHalf>>,
    to: tokio::net::tcp::OwnedWriteHalf,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(address: &str) -> std::io::Result<Self> {
        let (from, to) = TcpStream::connect(address).await?.into_split();
        let lines = BufReader::new(from).lines();
        Ok(Self { lines, to })
    }

    /// Sends a request and reads the answer; `None` where the connection broke.
    pub async fn ask(&mut self, request: &Request) -> Option<Answer> {
        let mut line = serde_json::to_vec(request).ok()?;
        line.push(b'\n');
        self.to.write_all(&line).await.ok()?;
        let line = self.lines.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }
}
