//! The machine of a server vanishes: nothing comes from there any more, not even a refusal.
//!
//! Its stand-in is a proxy in another network namespace, whose way back is cut. That takes root, and
//! time, so the test runs only when it is asked for:
//! `cargo test -p factum-projector --test projector -- --ignored --nocapture`.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Instant;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::bank::{Bank, Ledger, Proxy, with_search_path};
use crate::failover::{Pair, host};
use crate::takeover::{Worker, caught_up};

/// A machine at the other end of a link.
struct Machine {
    name: String,
    /// The third part of its addresses.
    net: u8,
}

impl Machine {
    fn new(net: u8) -> Self {
        let name = format!("f{net}x{}", std::process::id());
        let machine = Self { name, net };
        machine.sh("ip netns add NAME");
        machine.sh("ip link add NAME type veth peer name eth0 netns NAME");
        machine.sh("ip addr add NET.1/30 dev NAME && ip link set NAME up");
        machine.sh("ip -n NAME addr add NET.2/30 dev eth0 && ip -n NAME link set eth0 up");
        machine
    }

    fn sh(&self, command: &str) {
        let command = command.replace("NAME", &self.name);
        let command = command.replace("NET", &format!("10.213.{}", self.net));
        let ended = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(ended.success(), "{command}");
    }

    /// A socket that listens there.
    fn listen(&self) -> TcpListener {
        let (name, net) = (self.name.clone(), self.net);
        // Threads have a namespace each; this one ends with its own.
        let there = move || {
            let space = File::open(format!("/run/netns/{name}")).unwrap();
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpListener::bind(format!("10.213.{net}.2:0")).unwrap()
        };
        std::thread::spawn(there).join().unwrap()
    }

    fn vanish(&self) {
        self.sh("ip -n NAME route add blackhole NET.1/32");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.sh("ip link del NAME; ip netns del NAME");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes root, and half a minute"]
async fn a_worker_leaves_a_machine_that_vanished() {
    for (net, busy) in [(7, true), (8, false)] {
        let Some(pair) = Pair::start().await else {
            return;
        };
        let machine = Machine::new(net);
        let mut bank = Bank::on(pair.primary.address()).await;
        let mut ledger = Ledger::create(&bank, 2, 51).await;
        let proxy = Proxy::on(machine.listen(), pair.primary.address());
        let through = proxy.through(pair.primary.address());
        let first = host(&through);
        let both = through.replace(first, &format!("{first},{}", host(pair.standby.address())));
        let worker = Worker::start(&bank, bank.view(), with_search_path(&both, &bank.schema));
        ledger.fill(300).await;
        caught_up(&bank, &ledger).await;
        pair.followed().await;
        if busy {
            ledger.fill(5000).await;
        }
        machine.vanish();
        let vanished = Instant::now();
        pair.promote().await;
        bank.move_to(pair.standby.address()).await;
        ledger.fill(300).await;
        caught_up(&bank, &ledger).await;
        eprintln!(
            "busy {busy}: went on {:?} after it vanished",
            vanished.elapsed()
        );
        worker.stop().await;
    }
}
