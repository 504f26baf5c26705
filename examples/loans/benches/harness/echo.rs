//! The hops of a routed command, by plain rdkafka: a record to who carries it out, one that is kept, and
//! one back. Nothing that goes this way can be faster.

use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use tokio::sync::mpsc;

use super::loops::plain_settings;

/// The topics of commands, of events and of answers, with as many partitions each.
#[derive(Clone)]
pub struct Ways {
    pub servers: String,
    pub commands: String,
    pub events: String,
    pub answers: String,
    pub partitions: u32,
}

/// Who sends a command and waits for its answer.
pub struct Echo {
    producer: FutureProducer,
    commands: String,
    answers: mpsc::UnboundedReceiver<()>,
}

impl Echo {
    /// Starts both sides, and returns once they hear each other.
    pub async fn start(ways: &Ways) -> Self {
        let service = ways.clone();
        let commands = consumer(ways, &ways.commands);
        thread::spawn(move || service.serve(&commands));
        let (tell, answers) = mpsc::unbounded_channel();
        let replies = consumer(ways, &ways.answers);
        thread::spawn(move || {
            loop {
                if let Some(Ok(_)) = replies.poll(WAIT)
                    && tell.send(()).is_err()
                {
                    return;
                }
            }
        });
        let producer = plain_settings(&ways.servers).create();
        let mut echo = Self {
            producer: producer.expect("the settings are valid"),
            commands: ways.commands.clone(),
            answers,
        };
        let heard = Duration::from_millis(200);
        while tokio::time::timeout(heard, echo.execute("a", b""))
            .await
            .is_err()
        {}
        tokio::time::sleep(heard).await;
        while echo.answers.try_recv().is_ok() {}
        echo
    }

    /// Sends a command, and waits for the answer.
    pub async fn execute(&mut self, key: &str, value: &[u8]) {
        let record = FutureRecord::to(&self.commands).key(key).payload(value);
        drop(self.producer.send_result(record).expect("no faults here"));
        self.answers.recv().await.expect("no faults here");
    }
}

/// How long a thread waits at a time when there is nothing to read.
const WAIT: Duration = Duration::from_millis(500);

impl Ways {
    /// Keeps a record for each command, and then answers it.
    fn serve(&self, commands: &BaseConsumer) -> ! {
        let producer = plain_settings(&self.servers).create();
        let producer: FutureProducer = producer.expect("the settings are valid");
        loop {
            let Some(Ok(command)) = commands.poll(WAIT) else {
                continue;
            };
            let (key, value) = (command.key(), command.payload());
            let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
            let record = |topic| FutureRecord::to(topic).key(key).payload(value);
            let kept = producer.send(record(&self.events), Timeout::Never);
            block_on(kept).expect("no faults here");
            let answered = producer.send_result(record(&self.answers));
            drop(answered.expect("no faults here"));
        }
    }
}

fn consumer(ways: &Ways, topic: &str) -> BaseConsumer {
    let mut config = plain_settings(&ways.servers);
    for producers in [
        "enable.idempotence",
        "acks",
        "linger.ms",
        "queue.buffering.max.messages",
    ] {
        config.remove(producers);
    }
    config
        .set("group.id", "bench")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("the settings are valid");
    let mut all = TopicPartitionList::new();
    for partition in 0..ways.partitions {
        let added = all.add_partition_offset(topic, partition.cast_signed(), Offset::End);
        added.expect("it is an offset");
    }
    consumer.assign(&all).expect("the topic is there");
    consumer
}
