//! How an attempt reaches the node that owns the partition.

use std::future::Future;
use std::time::Duration;

use crate::node::Connection;
use crate::wire::{Answer, Request};

/// A way for attempts. One that goes through a commands topic instead of a node's socket would be
/// another implementation; clients would stay as they are.
pub trait Route: Send {
    /// Sends an attempt, and says which node it went to and how it ended.
    fn send(&mut self, request: &Request) -> impl Future<Output = (usize, Answer)> + Send;
}

/// What a node's answer may take longer than the node itself may.
const GRACE: Duration = Duration::from_millis(500);

/// Straight to a node: the one that answered last, or the next one when it refused.
pub struct Nodes {
    addresses: Vec<String>,
    connections: Vec<Option<Connection>>,
    at: usize,
}

impl Nodes {
    /// A route to one of these nodes, `host:port`.
    pub fn new(addresses: &[String], first: usize) -> Self {
        Self {
            connections: addresses.iter().map(|_| None).collect(),
            at: first % addresses.len(),
            addresses: addresses.to_vec(),
        }
    }

    async fn attempt(&mut self, request: &Request) -> Answer {
        let patience = Duration::from_millis(request.patience) + GRACE;
        let connection = match self.connections[self.at].take() {
            Some(connection) => Ok(Ok(connection)),
            None => {
                tokio::time::timeout(patience, Connection::open(&self.addresses[self.at])).await
            }
        };
        // As long as nothing was sent, nothing happened.
        let Ok(Ok(mut connection)) = connection else {
            return Answer::Unavailable;
        };
        match tokio::time::timeout(patience, connection.ask(request)).await {
            Ok(Some(answer)) => {
                self.connections[self.at] = Some(connection);
                answer
            }
            Ok(None) | Err(_) => Answer::Unknown,
        }
    }
}

impl Route for Nodes {
    async fn send(&mut self, request: &Request) -> (usize, Answer) {
        let node = self.at;
        let answer = self.attempt(request).await;
        if matches!(
            answer,
            Answer::Unavailable | Answer::Fenced | Answer::Unknown
        ) {
            self.at = (self.at + 1) % self.addresses.len();
        }
        (node, answer)
    }
}
