//! What a log holds in the end, read as any reader reads it.

use factum::{CommitReader, Event, EventLog, Position, Recorded, ValidEvent, events_topic};

/// All valid events of an aggregate type, those of one partition in order.
pub async fn events<E: Event>(log: &dyn EventLog) -> Vec<Recorded<E>> {
    let name = events_topic(E::AGGREGATE);
    let topic = log.open(&name, None).await.unwrap();
    let partitions = topic.partitions();
    let from: Vec<_> = (0..partitions).map(|partition| (partition, 0)).collect();
    let mut readers: Vec<_> = (0..partitions)
        .map(|partition| CommitReader::new(&name, partition, partitions, Position::START))
        .collect();
    let mut reader = topic.read(&from).await.unwrap();
    let mut events = Vec::new();
    let mut at_end = vec![false; partitions as usize];
    while !at_end.iter().all(|end| *end) {
        for fetched in reader.next().await.unwrap() {
            let partition = fetched.partition as usize;
            at_end[partition] |= fetched.at_end;
            let decode = |valid: &ValidEvent<'_>| {
                events.push(Recorded::decode(&name, valid)?);
                Ok(())
            };
            readers[partition].read(&fetched, decode).unwrap();
        }
    }
    events
}
