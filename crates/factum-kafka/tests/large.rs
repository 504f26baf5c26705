//! Records as large as a topic is told to take.

mod harness;

use factum_core::{Appended, EventLog, RecordRef, Records};
use factum_testkit::servers;

use harness::{Operator, connect, fresh_name, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_a_higher_limit_takes_larger_records() {
    let kafka = servers::kafka();
    let (log, name) = (connect(&kafka).await, fresh_name());
    let keeps = [
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("max.message.bytes", "30000000"),
    ];
    Operator::of(&kafka).create(&name, &keeps).await;
    let topic = log.open(&name, None).await.expect("it keeps its records");
    let value: Vec<u8> = (0..topic.max_record_bytes() - 2)
        .map(|it| it as u8)
        .collect();
    let mut large = Records::new();
    large.push(RecordRef {
        key: b"k",
        header: Some(b"h"),
        value: &value,
    });
    assert_eq!(
        topic.append(0, large).await.expect("lands"),
        Appended::At(0)
    );
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader");
    let fetched = loop {
        let told = soon("it is read", reader.next())
            .await
            .expect("reading succeeds");
        if let Some(fetched) = told.into_iter().find(|it| !it.records.is_empty()) {
            break fetched;
        }
    };
    let (_, record) = fetched.iter().next().expect("a record");
    assert!(record.value == value, "the large value comes back whole");
}
