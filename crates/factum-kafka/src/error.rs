//! Kafka's errors in the port's words.

use factum_core::{LogError, LogErrorKind};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode::{self, *};

/// What a code means to whoever uses the log.
pub(crate) fn kind(code: RDKafkaErrorCode) -> LogErrorKind {
    match code {
        Authentication
        | SaslAuthenticationFailed
        | UnsupportedSASLMechanism
        | IllegalSASLState
        | SSL
        | TopicAuthorizationFailed
        | GroupAuthorizationFailed
        | ClusterAuthorizationFailed => LogErrorKind::Denied,
        UnknownTopic | UnknownTopicOrPartition | UnknownPartition => LogErrorKind::NotFound,
        MessageSizeTooLarge
        | MessageBatchTooLarge
        | InvalidTopic
        | InvalidPartitions
        | InvalidReplicationFactor
        | InvalidConfig
        | PolicyViolation
        | InvalidArgument
        | InvalidSessionTimeout
        | InvalidGroupId
        | InconsistentGroupProtocol => LogErrorKind::Unsuitable,
        OffsetOutOfRange | AutoOffsetReset | LogTruncation => LogErrorKind::Damaged,
        BadMessage | BadCompression | InvalidMessage => LogErrorKind::Corrupt,
        Fatal | BrokerDestroy | PurgeQueue | PurgeInflight => LogErrorKind::Closed,
        BrokerTransportFailure
        | AllBrokersDown
        | Resolve
        | OperationTimedOut
        | MessageTimedOut
        | TimedOutQueue
        | RequestTimedOut
        | NetworkException
        | ISRInsufficient
        | NotEnoughReplicas
        | NotEnoughReplicasAfterAppend
        | LeaderNotAvailable
        | NotLeaderForPartition
        | BrokerNotAvailable
        | ReplicaNotAvailable
        | KafkaStorageError
        | NotController
        | CoordinatorNotAvailable
        | CoordinatorLoadInProgress
        | NotCoordinator
        | WaitingForCoordinator => LogErrorKind::Unreachable,
        _ => LogErrorKind::Other,
    }
}

/// An error with its code as the cause.
pub(crate) fn coded(code: RDKafkaErrorCode, message: String) -> LogError {
    LogError::new(kind(code), message).with_source(code)
}

/// An error of a client call: `what` says what was tried, where, and what to do.
pub(crate) fn failed(error: KafkaError, what: String) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) => coded(code, what),
        None => LogError::new(LogErrorKind::Other, what).with_source(error),
    }
}

/// The background thread that should have answered is gone.
pub(crate) fn closed(what: &str) -> LogError {
    LogError::new(LogErrorKind::Closed, format!("{what} was closed"))
}
