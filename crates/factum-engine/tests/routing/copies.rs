//! Copies of commands, which only ask for an answer.

use super::*;

/// The header of a command that somebody waits for, or of a copy of it.
fn header(command: Uuid, again: bool) -> String {
    let client = Uuid::from_u128(9);
    let reply = format!(r#"{{"client":"{client}","partition":0,"call":1,"again":{again}}}"#);
    format!(r#"{{"command":"{command}","reply_to":{reply}}}"#)
}

#[tokio::test]
async fn a_copy_whose_first_is_forgotten_is_not_carried_out() {
    let log = memory();
    let options = EngineOptions {
        command_window: 2,
        create: Some(CREATE),
        ..EngineOptions::default()
    };
    let builder = Engine::builder(log.clone()).options(options);
    let engine = builder.routing(routing()).start().await.unwrap();
    let client = client(&log).await;
    for id in 1..5 {
        client.execute_with("a", add(1), with_id(id)).await.unwrap();
    }
    let copy = |again| header(Uuid::from_u128(1), again);
    write(&log, "a", Some(copy(true).as_bytes()), br#"{"Add":[1]}"#).await;
    let receipt = client.execute("a", add(1)).await.unwrap();
    assert_eq!(receipt.version, 5, "the copy was not carried out");
    // That it is forgotten stands in the window now: so it is for one that nobody marked.
    write(&log, "a", Some(copy(false).as_bytes()), br#"{"Add":[1]}"#).await;
    let repeated = client.execute_with("a", add(1), with_id(1)).await;
    assert!(
        matches!(repeated, Err(ExecuteError::Forgotten { command }) if command == Uuid::from_u128(1)),
        "that it is forgotten is remembered: {repeated:?}"
    );
    // Asking for it again and again would never tell more.
    let asked_until_known = engine.execute_with_retry("a", add(1), with_id(1));
    let answer = tokio::time::timeout(Duration::from_secs(60), asked_until_known).await;
    let answer = answer.expect("it comes to an end");
    assert!(matches!(answer, Err(ExecuteError::Forgotten { .. })));
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_copy_that_is_not_understood_is_no_dead_letter() {
    let log = memory();
    let _engine = engine(&log, "nodes").await;
    let client = client(&log).await;
    let letters = create(&log, dead_letters_topic(Added::AGGREGATE)).await;
    let partition = factum_core::partition_of(b"a", PARTITIONS);
    for (again, buried) in [(true, 0), (false, 1)] {
        let id = Uuid::from_u128(buried + 1);
        let header = header(id, again);
        write(&log, "a", Some(header.as_bytes()), br#""Fly""#).await;
        client.execute("a", add(1)).await.unwrap();
        let letters = letters.end(partition).await.unwrap();
        assert_eq!(u128::from(letters), buried, "{again}");
        let asked = client.execute_with("a", add(1), with_id(buried + 1)).await;
        let answer = asked.unwrap_err();
        match again {
            true => assert!(matches!(answer, ExecuteError::Forgotten { .. }), "{answer}"),
            false => assert!(matches!(answer, ExecuteError::NotUnderstood(_)), "{answer}"),
        }
    }
}

#[tokio::test]
async fn who_waits_long_asks_less_and_less_often_and_the_first_copy_counts() {
    let log = memory();
    engine(&log, "nodes").await.shutdown().await.unwrap();
    let options = RoutingOptions {
        send_again_after: Duration::from_millis(5),
        ..RoutingOptions::default()
    };
    let client = Client::<Counter>::connect(log.clone(), Routing::new(options));
    let client = client.await.unwrap();
    let topic = commands(&log).await;
    let partition = factum_core::partition_of(b"a", PARTITIONS);
    let execute = client.execute("a", add(1));
    let own = async {
        while topic.end(partition).await.unwrap() < 6 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // 5 + 10 + 20 + 40 + 60 ms have passed.
        let options = EngineOptions {
            command_window: 1,
            ..EngineOptions::default()
        };
        let builder = Engine::builder(log.clone()).options(options);
        builder.routing(routing()).start().await.unwrap()
    };
    let begun = std::time::Instant::now();
    let (receipt, _engine) = tokio::join!(execute, own);
    assert_eq!(receipt.unwrap().version, 1);
    assert!(begun.elapsed() >= Duration::from_millis(135));
    let copies = copies(&topic, partition).await;
    assert_eq!(copies[0], "false", "{copies:?}");
    assert!(copies[1..].iter().all(|it| it == "true"), "{copies:?}");
    client.execute("a", add(1)).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 2);
}

/// What the commands of a partition say of being copies.
async fn copies(topic: &Arc<dyn Topic>, partition: u32) -> Vec<String> {
    let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
    let fetched = reader.next().await.unwrap().remove(0);
    let header = |(_, record): (u64, RecordRef<'_>)| {
        let header = serde_json::from_slice(record.header.unwrap());
        let header: serde_json::Value = header.unwrap();
        header["reply_to"]["again"].to_string()
    };
    fetched.iter().map(header).collect()
}
