//! Attempts that go through the topic of commands, past all nodes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use factum::{Client, EngineError};

use crate::account::Account;
use crate::ask::{answer, options, refusal, routing};
use crate::kafka;
use crate::wire::{Answer, Request};

/// How long the nodes may take to make the topics.
const PATIENCE: Duration = Duration::from_secs(60);

/// A way through the topic of commands. Its clones share one Factum client, which owns no partition.
#[derive(Clone)]
pub struct Topic(Arc<Client<Account>>);

impl Topic {
    /// Connects through Kafka's addresses, `host:port,…`, as soon as the nodes have made the topics.
    ///
    /// # Errors
    /// It cannot connect, or could not for a long while.
    pub async fn connect(kafka: &str) -> Result<Self> {
        let begin = Instant::now();
        loop {
            match open(kafka).await {
                Ok(client) => return Ok(Self(Arc::new(client))),
                Err(error) if begin.elapsed() > PATIENCE => {
                    return Err(error).context("the clients of the topic do not connect");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Waits for what becomes of the command.
    pub async fn execute(&self, request: &Request) -> Answer {
        let command = (request.order.clone(), request.command.clone());
        let executed = self
            .0
            .execute_with(&request.account, command, options(request));
        answer(executed.await)
    }

    /// Waits until the command is durable, and no longer.
    pub async fn submit(&self, request: &Request) -> Answer {
        let command = (request.order.clone(), request.command.clone());
        let submitted = self
            .0
            .submit_with(&request.account, command, options(request));
        submitted.await.map_or_else(refusal, |_| Answer::Submitted)
    }
}

async fn open(kafka: &str) -> Result<Client<Account>, EngineError> {
    let log = kafka::open(kafka.to_owned()).await?;
    Client::connect(log, routing()).await
}
