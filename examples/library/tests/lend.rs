//! The program, as a user runs it.

use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use factum_testkit::servers;
use postgres::{Client, NoTls};

fn lend(folder: &Path, reader: &str) -> Output {
    lend_and_wait(folder, "Dune", reader, &[])
}

fn lend_and_wait(folder: &Path, book: &str, reader: &str, postgres: &[&str]) -> Output {
    let log = format!("local:{}", folder.display());
    let mut lend = Command::new(env!("CARGO_BIN_EXE_lend"));
    lend.args([&log, book, reader]).args(postgres).output().unwrap()
}

#[test]
fn a_loan_is_printed_and_a_rejection_fails() {
    let folder = tempfile::tempdir().unwrap();
    let lent = lend(folder.path(), "Ada");
    assert!(lent.status.success(), "{lent:?}");
    assert_eq!(lent.stdout, b"lent, version 1\n");

    let rejected = lend(folder.path(), "Bob");
    assert_eq!(rejected.status.code(), Some(1), "{rejected:?}");
    assert!(rejected.stdout.is_empty(), "{rejected:?}");
    assert!(String::from_utf8_lossy(&rejected.stderr).contains("AlreadyLent"), "{rejected:?}");
}

/// A worker that is killed when the test ends.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_waits_for_the_shelf_finds_the_loan_there() {
    let folder = tempfile::tempdir().unwrap();
    assert!(lend(folder.path(), "Ada").status.success(), "there is a topic now");
    let server = servers::postgres();
    let database = format!("library_{}", std::process::id());
    let mut client = Client::connect(&server, NoTls).unwrap();
    client.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
    let (server, _) = server.rsplit_once('/').unwrap();
    let postgres = format!("{server}/{database}");

    let log = format!("local:{}", folder.path().display());
    let mut shelf = Command::new(env!("CARGO_BIN_EXE_shelf"));
    let worker = Worker(shelf.args(["--log", &log, "--postgres", &postgres]).spawn().unwrap());
    let mut client = Client::connect(&postgres, NoTls).unwrap();
    let begin = Instant::now();
    while client.query("SELECT FROM factum.positions", &[]).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the worker does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    for book in ["Emma", "Ulysses", "Moby Dick"] {
        let lent = lend_and_wait(folder.path(), book, "Ada", &[&postgres]);
        assert!(lent.status.success(), "{lent:?}");
        let row = client.query_one("SELECT lent_to FROM shelf WHERE book = $1", &[&book]).unwrap();
        assert_eq!(row.get::<_, Option<&str>>(0), Some("Ada"));
    }
    drop((worker, client));
    let mut client = Client::connect(&servers::postgres(), NoTls).unwrap();
    client.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).unwrap();
}
