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
            return Err(LogError::new(
                LogErrorKind::Unsuitable,
                format!(
                    "topic {} has {} partitions, and the topic of events has {}: each owner handles the \
                     commands of its own partition, so there must be as many. If none of its commands waits, delete it \
                     while no client runs; it is made again",
                    commands.name(),
                    commands.partitions(),
                    partitions
                ),
            ));
        }
        let replies = replies_topic(aggregate);
        Ok(Self {
            commands,
            replies: log
                .open_fleeting(&replies, create, options.keep_replies)
                .await?,
            dead_letters: log.open(&dead_letters_topic(aggregate), create).await?,
        })
    }
}
