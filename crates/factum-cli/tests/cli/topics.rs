//! A projection of several topics is one to operators.

use super::{System, Watching, told};

impl System {
    /// Version 1 reads topic `a` and is live; version 2, which is built, reads `b`, too.
    async fn with_an_added_topic() -> Self {
        let system = Self::new().await.with_positions().await;
        let fill = "DELETE FROM $positions; DELETE FROM $workers; \
             INSERT INTO $positions (projection, version, topic, partition, \"offset\", epoch, next, closed) VALUES \
             ('board', 1, 'a', 0, 9, 1, 6, false), ('board', 1, 'a', 1, 9, 1, 4, false), \
             ('board', 2, 'a', 0, 3, 1, 3, false), ('board', 2, 'a', 1, 4, 1, 4, false), \
             ('board', 2, 'b', 0, 7, 1, 6, false); \
             INSERT INTO $workers VALUES ('01234567-0000-0000-0000-000000000000', 'board', 2, 'projecting', NULL, 7, \
             '[{\"topic\": \"a\", \"partition\": 0, \"end\": 9}, {\"topic\": \"b\", \"partition\": 0, \"end\": 27}]', now())";
        system.sql(fill).await;
        system.version(1, "live").await;
        system.version(2, "building").await;
        system
    }

    /// Letter 0:1 of version 2 in each of its topics, of an aggregate and a key that are called alike.
    async fn park(&self) {
        let letters = include_str!("../../../factum-projector/src/dead_letters.sql");
        self.sql(&letters.replace("{table}", "$dead_letters")).await;
        let insert = "INSERT INTO $dead_letters SELECT 'board', 2, topic, 0, 1, 1, 'x', 1, NULL, '{k}', '', '', '', NULL, 0 \
             FROM (VALUES ('a'), ('b')) AS it (topic)";
        self.sql(insert).await;
    }

    async fn sql(&self, sql: &str) {
        let sql = sql.replace('$', &format!("{}.", self.schema));
        self.client.batch_execute(&sql).await.unwrap();
    }

    fn says(&self, line: &str) -> String {
        let (code, text) = told(&self.run(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!(code, 0, "{text}");
        text
    }

    fn json(&self, line: &str) -> serde_json::Value {
        let lines = self.json_lines(line);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    fn json_lines(&self, line: &str) -> Vec<serde_json::Value> {
        let text = self.says(&format!("{line} --json"));
        let parsed = text.lines().map(serde_json::from_str);
        parsed.map(Result::unwrap).collect()
    }

    fn refuses(&self, line: &str) -> String {
        let (code, text) = told(&self.run(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!(code, 1, "{text}");
        text
    }
}

#[tokio::test]
async fn what_would_be_dropped_is_counted_over_all_topics() {
    let system = System::with_an_added_topic().await;
    system.park().await;
    let text = system.says("projection drop board --version 2");
    let says = "would drop board version 2: its tables, its positions in 3 partitions of a + b, \
                10 applied events' worth of rows, and 2 dead letters\n";
    assert!(text.starts_with(says), "{text}");
    let told = system.json("projection drop board --version 2");
    assert_eq!(told["topics"], serde_json::json!(["a", "b"]));
    assert_eq!(
        (&told["events"], &told["parked"], &told["partitions"]),
        (&10.into(), &2.into(), &3.into())
    );
}

#[tokio::test]
async fn a_plan_counts_the_events_of_all_topics() {
    let system = System::with_an_added_topic().await;
    let text = system.says("projection rebuild board --plan");
    assert!(text.contains("has applied 10 events of a + b."), "{text}");
}

#[tokio::test]
async fn a_version_is_named_once_however_many_topics_it_reads() {
    let system = System::with_an_added_topic().await;
    let (code, text) = told(&system.run(&["projection", "drop", "board", "--version", "7"]));
    let says = "board has no version 7: version 1 (live), version 2 (building)\n";
    assert!(code == 1 && text.ends_with(says), "{text}");
}

#[tokio::test]
async fn partitions_are_shown_with_their_topics() {
    let system = System::with_an_added_topic().await;
    let text = system.says("projection status board");
    let cells = text.lines().map(|line| line.split_whitespace());
    let places: Vec<_> = cells
        .map(|mut cells| (cells.nth(3).unwrap(), cells.next().unwrap()))
        .collect();
    let expected = [
        ("TOPIC", "PARTITION"),
        ("a", "0"),
        ("a", "1"),
        ("a", "0"),
        ("a", "1"),
        ("b", "0"),
    ];
    assert_eq!(places, expected, "{text}");
}

/// Of `a` as much as the live version has applied, 8 events; of `b` the 5 that are applied and the 20 records behind
/// them.
#[tokio::test]
async fn a_rebuild_is_watched_over_all_topics() {
    let system = System::with_an_added_topic().await;
    let mut watching = Watching::start(&system);
    watching.says("10 of 33 events").await;
    system
        .sql("UPDATE $positions SET next = 16, \"offset\" = 17 WHERE topic = 'b'")
        .await;
    watching.says("20 of 33 events").await;
    system
        .sql("UPDATE $versions SET state = 'retired' WHERE version = 1")
        .await;
    system
        .sql("UPDATE $versions SET state = 'live' WHERE version = 2")
        .await;
    watching.ends_with(0).await;
}

#[tokio::test]
async fn letters_are_listed_with_their_topics() {
    let system = System::with_an_added_topic().await;
    system.park().await;
    for all in ["", " --all"] {
        let list = format!("dead-letters list{all}");
        let letters = system.json_lines(&list);
        let topics: Vec<_> = letters.iter().map(|it| it["topic"].clone()).collect();
        assert_eq!(topics, ["a", "b"]);
        assert_eq!(system.json(&format!("{list} --topic b"))["topic"], "b");
        let text = system.says(&list);
        let mut lines = text.lines().map(|it| it.split_whitespace());
        let at = lines.next().unwrap().position(|it| it == "TOPIC").unwrap();
        let topics: Vec<_> = lines.map(|mut cells| cells.nth(at).unwrap()).collect();
        assert_eq!(topics, ["a", "b"], "{text}");
    }
}

/// A place and an aggregate are other ones in another topic; a key is the same row's.
#[tokio::test]
async fn letters_of_another_topic_are_not_touched_unless_they_are_meant() {
    let system = System::with_an_added_topic().await;
    system.park().await;
    let says = "dead letters of board in the topics a, b fit: say which with --topic";
    for line in [
        "show 0:1",
        "discard --letter 0:1 --yes",
        "discard --id x",
        "discard --key k --id x --yes",
        "replay --letter 0:1",
        "replay --id x",
    ] {
        let text = system.refuses(&format!("dead-letters {line} --projection board"));
        assert!(text.contains(says), "{line}: {text}");
    }
    let letters = system.json_lines("dead-letters list --all");
    let untouched = |it: &serde_json::Value| it["replay_asked_at"].is_null();
    assert!(
        letters.len() == 2 && letters.iter().all(untouched),
        "{letters:?}"
    );

    let of = |line: &str| format!("dead-letters {line} --projection board");
    assert_eq!(system.json(&of("show 0:1 --topic b"))["topic"], "b");
    let both = system.says(&of("discard --key k"));
    assert!(
        both.contains("discard 2 letters of 2 keys of board version 2, from a + b"),
        "{both}"
    );
    let asked = system.json(&of("replay --id x --topic b"));
    assert_eq!(asked["topics"], serde_json::json!(["b"]));
    let letters = system.json_lines("dead-letters list --all");
    assert!(
        untouched(&letters[0]) && !untouched(&letters[1]),
        "{letters:?}"
    );
    let gone = system.json(&of("discard --letter 0:1 --topic b --yes"));
    assert_eq!(
        (&gone["letters"], &gone["topics"]),
        (&1.into(), &serde_json::json!(["b"]))
    );
    assert_eq!(system.json("dead-letters list --all")["topic"], "a");
    let gone = system.says(&of("discard --letter 0:1 --yes"));
    assert!(gone.contains("from a\n"), "there is only one left: {gone}");
}
