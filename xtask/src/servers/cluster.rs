//! Kafka nodes that form a cluster, each with further listeners: one for each way that clients take.
//! What a broker tells clients to connect to may lie before it, as a proxy does that cuts the way.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::choice::choose;
use super::port;
use super::private::{Kafka, Private};
use super::way::{forced_by_environment, probe};
use super::{Server, Way};

/// What tells one node from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// From 1.
    pub id: usize,
    /// The cluster's id.
    pub cluster: String,
    /// The ports of all nodes' controllers, node 1's first.
    pub controllers: Vec<u16>,
    /// For each way the port it ends at, and the port that clients are told.
    pub ways: Vec<(u16, u16)>,
}

impl Node {
    /// A cluster of one, without further listeners.
    pub(crate) fn alone(controller: u16) -> Node {
        Node {
            id: 1,
            cluster: new_cluster_id(),
            controllers: vec![controller],
            ways: Vec::new(),
        }
    }

    pub(crate) fn shares_machine(&self) -> bool {
        self.controllers.len() > 1
    }

    /// The value of `controller.quorum.voters`.
    pub(crate) fn voters(&self) -> String {
        let voters = (1..).zip(&self.controllers);
        let voters = voters.map(|(id, port)| format!("{id}@127.0.0.1:{port}"));
        voters.collect::<Vec<_>>().join(",")
    }

    /// The values of `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
    pub(crate) fn listeners(&self, port: u16) -> (String, String, String) {
        let own = format!("PLAINTEXT://127.0.0.1:{port}");
        let (mut listeners, mut advertised) = (own.clone(), own);
        let mut map = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned();
        for (way, (inside, told)) in self.ways.iter().enumerate() {
            listeners += &format!(",WAY{way}://127.0.0.1:{inside}");
            advertised += &format!(",WAY{way}://127.0.0.1:{told}");
            map += &format!(",WAY{way}:PLAINTEXT");
        }
        let controller = self.controllers[self.id - 1];
        listeners += &format!(",CONTROLLER://127.0.0.1:{controller}");
        (listeners, advertised, map)
    }

    /// How many copies each partition has, and how many must be in step for a write.
    pub(crate) fn copies(&self) -> (usize, usize) {
        let copies = self.controllers.len().min(3);
        (copies, copies.saturating_sub(1).max(1))
    }
}

/// Kafka wants 16 bytes in 22 letters of base64: hexadecimal ones will do, and the last must be A.
fn new_cluster_id() -> String {
    let hex = uuid::Uuid::new_v4().simple().to_string();
    format!("{}A", &hex[..21])
}

impl Kafka {
    fn cluster_way() -> Result<Way> {
        choose(
            Server::Kafka,
            forced_by_environment()?,
            None,
            |way| match way {
                Way::Docker => {
                    Err("a cluster with ways of its own is not made in Docker".to_owned())
                }
                way => probe(Server::Kafka, way),
            },
        )
    }

    /// Starts a cluster with a node for each entry of `told`, and waits until all answer. An entry
    /// lists the ports that this node tells clients to connect to, one for each way; where these
    /// ways end is [`Kafka::ways`]. [`Kafka::address`] leads to a node directly. Blocks for seconds.
    ///
    /// # Errors
    /// When this machine can run no Kafka but in Docker, or the cluster does not start.
    pub fn cluster(dir: &Path, told: &[Vec<u16>]) -> Result<Vec<Kafka>> {
        let way = Self::cluster_way()?;
        let cluster = new_cluster_id();
        let controllers = free_ports(told.len())?;
        let mut nodes = Vec::new();
        for (id, told) in (1..).zip(told) {
            let ways = free_ports(told.len())?;
            let node = Node {
                id,
                cluster: cluster.clone(),
                controllers: controllers.clone(),
                ways: ways.into_iter().zip(told.iter().copied()).collect(),
            };
            let dir = dir.join(format!("kafka-{id}"));
            let mut private = Private::new(Server::Kafka, way, &dir, Some(node))?;
            private.launch()?;
            nodes.push(Kafka(private));
        }
        for node in &nodes {
            node.0.wait_ready()?;
        }
        Ok(nodes)
    }

    /// The ports of the node at which the ways of clients end.
    pub fn ways(&self) -> Vec<u16> {
        let node = self.0.node();
        node.map_or_else(Vec::new, |node| node.ways.iter().map(|way| way.0).collect())
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let mut ports = Vec::new();
    while ports.len() < count {
        let port = port::free(None)?;
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_has_the_form_that_kafka_accepts() {
        let id = new_cluster_id();
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|letter| letter.is_ascii_alphanumeric()));
    }

    #[test]
    fn clients_are_told_of_the_ways_and_never_of_where_they_end() {
        let node = Node {
            id: 2,
            controllers: vec![11, 12, 13],
            ways: vec![(21, 31)],
            ..Node::alone(0)
        };
        let (listeners, advertised, map) = node.listeners(5);
        assert!(listeners.contains("WAY0://127.0.0.1:21"), "{listeners}");
        assert!(
            listeners.contains("CONTROLLER://127.0.0.1:12"),
            "{listeners}"
        );
        assert!(advertised.ends_with("WAY0://127.0.0.1:31"), "{advertised}");
        assert!(map.contains("WAY0:PLAINTEXT"), "{map}");
        assert_eq!(
            node.voters(),
            "1@127.0.0.1:11,2@127.0.0.1:12,3@127.0.0.1:13"
        );
        assert_eq!((node.copies(), Node::alone(1).copies()), ((3, 2), (1, 1)));
    }
}
