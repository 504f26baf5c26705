//! Checks of topics.

use std::time::Duration;

use factum_core::LogErrorKind;

use super::Handles;
use super::harness::{append, batch, fresh_name, open, read_all, soon};

/// Opening without settings finds nothing, and creates nothing; be it for ever or for a short time.
pub async fn a_topic_that_is_not_there_is_not_found(log: Handles) {
    let (name, keep) = (fresh_name(), Duration::from_secs(3600));
    for fleeting in [false, true, false, true] {
        let opening = match fleeting {
            false => log.here.open(&name, None),
            true => log.here.open_fleeting(&name, None, keep),
        };
        let error = soon("opening answers", opening).await.err();
        let error = error.expect("there is no such topic");
        assert_eq!(error.kind(), LogErrorKind::NotFound, "{error}");
        assert!(
            error.to_string().contains(&name),
            "the message names the topic: {error}"
        );
    }
}

/// Opening again, with other settings or none, gives the topic with its records as it was made.
pub async fn an_existing_topic_keeps_its_partitions(log: Handles) {
    let name = fresh_name();
    let made = open(&log.here, &name, 3).await;
    assert_eq!((made.name(), made.partitions()), (name.as_str(), 3));
    assert!(
        made.max_record_bytes() >= 100_000,
        "a topic takes useful records"
    );
    append(&made, 2, batch(["kept"])).await;
    for again in [
        open(&log.there, &name, 5).await,
        log.here
            .open(&name, None)
            .await
            .expect("the topic is there"),
    ] {
        assert_eq!(again.partitions(), 3);
        assert_eq!(read_all(&again, 2, 0).await, [(0, "kept".to_owned())]);
    }
}

/// Two processes that start at once may both ask for the topic to be made.
pub async fn two_creators_of_one_topic_get_the_same(log: Handles) {
    let name = fresh_name();
    let (here, there) = tokio::join!(open(&log.here, &name, 2), open(&log.there, &name, 2));
    append(&here, 1, batch(["a"])).await;
    append(&there, 1, batch(["b"])).await;
    let both = [(0, "a".to_owned()), (1, "b".to_owned())];
    assert_eq!(read_all(&here, 1, 0).await, both);
    assert_eq!(read_all(&there, 1, 0).await, both);
}
