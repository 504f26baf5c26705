//! The topics that commands, their answers and what nobody understood go through.

use std::sync::Arc;

use factum_core::{
    EventLog, LogError, LogErrorKind, NewTopic, Topic, commands_topic, dead_letters_topic,
    replies_topic,
};

use super::RoutingOptions;

/// The open topics of an aggregate type, each with as many partitions as its events have.
#[derive(Clone)]
pub(crate) struct Topics {
    pub commands: Arc<dyn Topic>,
    pub replies: Arc<dyn Topic>,
    pub dead_letters: Arc<dyn Topic>,
}

impl Topics {
    /// Opens them for events of so many partitions, and creates those that are not there if `create`
    /// says how.
    pub async fn open(
        log: &dyn EventLog,
        aggregate: &str,
        partitions: u32,
        create: Option<NewTopic>,
        options: RoutingOptions,
    ) -> Result<Self, LogError> {
        let create = create.map(|create| NewTopic {
            partitions,
            ..create
        });
        let commands = log.open(&commands_topic(aggregate), create).await?;
        if commands.partitions() != partitions {
            let why = "each owner handles the commands of its own partition, so there must be as many. If \
                       none of its commands waits, delete it while no client runs; it is made again";
            return Err(unsuitable(&*commands, partitions, why));
        }
        let replies = replies_topic(aggregate);
        let replies = log.open_fleeting(&replies, create, options.keep_replies);
        let replies = replies.await?;
        let dead_letters = log.open(&dead_letters_topic(aggregate), create).await?;
        if dead_letters.partitions() < partitions {
            let why = "a command that is not understood goes to the partition of its own number, so there \
                       must be as many at least. Add partitions to it";
            return Err(unsuitable(&*dead_letters, partitions, why));
        }
        Ok(Self {
            commands,
            replies,
            dead_letters,
        })
    }
}

fn unsuitable(topic: &dyn Topic, partitions: u32, why: &str) -> LogError {
    let (name, has) = (topic.name(), topic.partitions());
    let what = format!(
        "topic {name} has {has} partitions, and the topic of events has {partitions}: {why}"
    );
    LogError::new(LogErrorKind::Unsuitable, what)
}
