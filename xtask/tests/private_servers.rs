//! A test's own servers: killed, brought back on the same port and data, gone when dropped.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use xtask::servers::{Kafka, Postgres, factum_dir};

fn listens(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

fn host_and_port(url: &str) -> &str {
    url.split(['@', '/'])
        .nth(3)
        .expect("postgres://user@host:port/database")
}

/// Records of servers that this process owns.
fn records() -> usize {
    let me = format!("\"pid\": {}", std::process::id());
    let files = std::fs::read_dir(factum_dir().join("servers")).unwrap();
    let texts = files
        .flatten()
        .filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.filter(|text| text.contains(&me)).count()
}

#[test]
fn servers_survive_kill_9_and_vanish_when_dropped() {
    std::thread::scope(|scope| {
        scope.spawn(a_killed_kafka_comes_back);
        scope.spawn(a_killed_postgres_keeps_what_it_committed);
    });
    assert_eq!(records(), 0);
}

fn a_killed_kafka_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(dir.path()).unwrap();
    let address = kafka.address().to_owned();
    for _ in 0..2 {
        kafka.kill9().unwrap();
        assert!(!listens(&address));
        let begin = Instant::now();
        kafka.restart().unwrap();
        eprintln!("Kafka back after {:?}", begin.elapsed());
        assert!(listens(&address) && kafka.address() == address);
    }
    drop(kafka);
    assert!(!listens(&address));
}

fn a_killed_postgres_keeps_what_it_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut postgres = Postgres::start(dir.path()).unwrap();
    let url = postgres.address().to_owned();
    let connect = || Client::connect(&url, NoTls).unwrap();
    connect()
        .batch_execute("CREATE TABLE fact (n int)")
        .unwrap();
    for n in 1..=3 {
        let mut client = connect();
        client
            .execute("INSERT INTO fact VALUES ($1)", &[&n])
            .unwrap();
        // A backend in the middle of a statement must not keep the server from coming back.
        let busy = std::thread::spawn(move || client.batch_execute("SELECT pg_sleep(600)"));
        wait_until(|| running_sleeps(&mut connect()) == 1);
        postgres.kill9().unwrap();
        assert!(busy.join().unwrap().is_err());
        let begin = Instant::now();
        postgres.restart().unwrap();
        eprintln!("Postgres back after {:?}", begin.elapsed());
        let row = connect()
            .query_one("SELECT count(*) FROM fact", &[])
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), i64::from(n));
    }
    drop(postgres);
    assert!(!listens(host_and_port(&url)));
}

fn running_sleeps(client: &mut Client) -> i64 {
    let query = "SELECT count(*) FROM pg_stat_activity
                 WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'";
    client.query_one(query, &[]).unwrap().get(0)
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
