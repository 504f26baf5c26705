//! Members in processes of their own, which are killed and stopped.

mod harness;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use factum_core::{Change, EventLog, Membership, Topic};
use factum_testkit::servers;
use tokio::sync::mpsc;

use harness::{connect, fresh_name, fresh_topic, soon};

/// What a child process is told by its environment: the topic and the group that it joins.
const TOPIC: &str = "FACTUM_TEST_TOPIC";
const GROUP: &str = "FACTUM_TEST_GROUP";

/// Tells on its standard output what it gains and loses, until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other tests as a process of its own"]
async fn child() {
    let log = connect(&servers::kafka()).await;
    let variable = |name| std::env::var(name).expect("set by the parent");
    let topic = log
        .open(&variable(TOPIC), None)
        .await
        .expect("the topic is there");
    let mut member = topic.join(&variable(GROUP)).await.expect("a member joins");
    loop {
        match member.next().await.expect("the group goes on") {
            Change::Gained(partitions) => partitions.iter().for_each(|it| println!("\n+{it}")),
            Change::Revoked { partitions, .. } => {
                partitions.iter().for_each(|it| println!("\n-{it}"))
            }
        }
    }
}

/// A member in another process, followed by what it tells.
struct Other {
    process: Child,
    told: mpsc::UnboundedReceiver<String>,
    owned: BTreeSet<u32>,
}

impl Other {
    fn join(topic: &str, group: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this test's binary"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(TOPIC, topic)
            .env(GROUP, group)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child starts");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|it| tell.send(it))
        });
        Self {
            process,
            told,
            owned: BTreeSet::new(),
        }
    }

    /// Follows it until it owns so many partitions.
    async fn follow_until(&mut self, count: usize) {
        let follow = async {
            while self.owned.len() != count {
                let line = self.told.recv().await.expect("the child goes on");
                match (line.strip_prefix('+'), line.strip_prefix('-')) {
                    (Some(gained), _) => drop(self.owned.insert(gained.parse().expect("a number"))),
                    (_, Some(lost)) => drop(self.owned.remove(&lost.parse().expect("a number"))),
                    _ => {}
                }
            }
        };
        soon("the other process owns its share", follow).await;
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn follow_until(member: &mut Box<dyn Membership>, owned: &mut BTreeSet<u32>, count: usize) {
    let follow = async {
        while owned.len() != count {
            match member.next().await.expect("the group goes on") {
                Change::Gained(partitions) => owned.extend(partitions),
                Change::Revoked { partitions, .. } => owned.retain(|it| !partitions.contains(it)),
            }
        }
    };
    soon("this process owns its share", follow).await;
}

/// A topic of four partitions, shared by this process and another one, two each.
async fn shared() -> (Arc<dyn Topic>, Box<dyn Membership>, BTreeSet<u32>, Other) {
    let topic = fresh_topic(&connect(&servers::kafka()).await, 4).await;
    let group = fresh_name();
    let mut member = topic.join(&group).await.expect("a member joins");
    let mut owned = BTreeSet::new();
    follow_until(&mut member, &mut owned, 4).await;
    let mut other = Other::join(topic.name(), &group);
    follow_until(&mut member, &mut owned, 2).await;
    other.follow_until(2).await;
    assert!(owned.is_disjoint(&other.owned));
    (topic, member, owned, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_member_is_replaced() {
    let (_topic, mut member, mut owned, other) = shared().await;
    other.signal("-KILL");
    follow_until(&mut member, &mut owned, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_member_learns_what_it_lost_when_it_goes_on() {
    let (_topic, mut member, mut owned, mut other) = shared().await;
    other.signal("-STOP");
    follow_until(&mut member, &mut owned, 4).await;
    other.signal("-CONT");
    other.follow_until(0).await;
    // It is a live member again, so it gets its share back.
    follow_until(&mut member, &mut owned, 2).await;
    other.follow_until(2).await;
    assert!(owned.is_disjoint(&other.owned));
}
