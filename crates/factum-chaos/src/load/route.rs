//! How an attempt reaches the owner of the account's partition.

use std::time::Duration;

use super::Topic;
use crate::node::Connection;
use crate::wire::{Answer, Request, Way};

/// All ways for attempts.
pub struct Ways {
    /// To a node's socket.
    pub nodes: Nodes,
    /// Through the topic of commands.
    pub topic: Topic,
}

impl Ways {
    /// Sends an attempt, and says which node it went to, if any, and how it ended.
    pub async fn send(&mut self, way: Way, request: &Request) -> (Option<usize>, Answer) {
        match way {
            Way::Node => {
                let (node, answer) = self.nodes.send(request).await;
                (Some(node), answer)
            }
            Way::Execute => (None, self.topic.execute(request).await),
            Way::Submit => (None, self.topic.submit(request).await),
        }
    }
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

    /// Turns to the next node.
    pub fn turn(&mut self) {
        self.at = (self.at + 1) % self.addresses.len();
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

    async fn send(&mut self, request: &Request) -> (usize, Answer) {
        let node = self.at;
        let answer = self.attempt(request).await;
        if matches!(
            answer,
            Answer::Unavailable | Answer::Fenced | Answer::Unknown
        ) {
            self.turn();
        }
        (node, answer)
    }
}
