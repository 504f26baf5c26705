//! The disk of Postgres is full: in truth, not by an error that somebody raises.
//!
//! Such a disk is made of memory and mounted, which takes root, so the test runs only when it is asked for:
//! `cargo test -p factum-projector --test projector full_disk -- --ignored --nocapture`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use factum_projector::Options;
use factum_status::Components;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use xtask::servers::Postgres;

use crate::append::{caught_up, journal};
use crate::bank::{Bank, Ledger, eventually, within};

/// A small disk.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.sh("mount -t tmpfs -o size=160m,mode=1777 factum-test .");
        disk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room at all.
    fn fill(&self) {
        self.sh("! dd if=/dev/zero of=ballast bs=4096 2> /dev/null");
    }

    fn free(&self) {
        self.sh("rm ballast");
    }

    fn sh(&self, command: &str) {
        let mut shell = Command::new("sh");
        let ended = shell.args(["-c", command]).current_dir(self.path());
        assert!(ended.status().unwrap().success(), "{command}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// How the only worker is.
fn interruption(components: &Components) -> Option<String> {
    let status = components.all().first()?.status();
    let cause = status["interruption"].as_str()?;
    (status["phase"] == "interrupted").then(|| cause.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes root"]
async fn a_worker_waits_until_there_is_room_and_loses_nothing() {
    let disk = Disk::new();
    let home = disk.path().join("postgres");
    let postgres = spawn_blocking(move || Postgres::start(&home).unwrap());
    let mut postgres = postgres.await.unwrap();
    let mut bank = Bank::on(postgres.address()).await;
    let mut ledger = Ledger::create(&bank, 2, 91).await;
    let components = Components::new();
    let worker = journal().options(Options {
        components: components.clone(),
        start_timeout: Duration::from_secs(60),
        ..bank.options()
    });
    let (log, url) = (Arc::new(bank.view()), bank.postgres());
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        worker.run(log, &url, stopped).await
    });
    ledger.fill(300).await;
    caught_up(&bank, &ledger).await;

    disk.fill();
    eventually("there is no room for more", async || {
        ledger.fill(1000).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        interruption(&components).is_some()
    })
    .await;
    eprintln!("{}", interruption(&components).unwrap_or_default());
    // The server itself may have ended: it cannot write its own log of changes either.
    disk.free();
    let postgres = spawn_blocking(move || {
        postgres.restart().unwrap();
        postgres
    });
    let mut postgres = postgres.await.unwrap();
    bank.move_to(postgres.address()).await;
    caught_up(&bank, &ledger).await;
    stop.send(()).unwrap();
    within(60, worker).await.unwrap().unwrap();
    postgres.stop().unwrap();
}
