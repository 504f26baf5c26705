//! A way to Postgres that can freeze or break: to the server, its client looks like a process that
//! was stopped, or whose network went away.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Passes bytes on, until it is told otherwise. Dropping it breaks all connections, with what it holds back.
pub struct Proxy {
    address: SocketAddr,
    server: String,
    mode: watch::Sender<Mode>,
    admits: watch::Sender<bool>,
    connections: watch::Receiver<usize>,
    accepting: AbortHandle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Freeze when a client sends this, before or after it is passed on.
    FreezeAt(&'static [u8], When),
    Frozen,
    /// Break the connection when a client sends this, before or after it is passed on.
    CutAt(&'static [u8], When),
    Cut,
    /// Garble what a client sends, once.
    Garble(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

impl Proxy {
    /// A proxy before the server of a `postgres://user@host:port/…` address.
    pub async fn start(url: &str) -> Self {
        Self::on(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), url)
    }

    /// A proxy that listens there.
    pub fn on(listener: std::net::TcpListener, url: &str) -> Self {
        let authority = url.split("//").nth(1).unwrap().split('/').next().unwrap();
        let server = authority.split('@').next_back().unwrap().to_owned();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Pass);
        let admits = watch::Sender::new(true);
        let (count, connections) = watch::channel(0);
        let opens = admits.subscribe();
        let accepting = tokio::spawn(accept(listener, server.clone(), mode.clone(), opens, count));
        Self {
            accepting: accepting.abort_handle(),
            address,
            server,
            mode,
            admits,
            connections,
        }
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// The same address, through the proxy.
    pub fn through(&self, url: &str) -> String {
        url.replace(&self.server, &self.address.to_string())
    }

    pub fn freeze_at(&self, bytes: &'static [u8]) {
        self.freeze_when(bytes, When::Before);
    }

    /// Freezes when a client sends this: before it is passed on, or after, so that only its answer is held back.
    pub fn freeze_when(&self, bytes: &'static [u8], when: When) {
        self.mode.send_replace(Mode::FreezeAt(bytes, when));
    }

    /// Freezes at once.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    pub async fn frozen(&self) {
        self.reached(Mode::Frozen).await;
    }

    pub fn thaw(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// Breaks one connection, once.
    pub fn cut_at(&self, bytes: &'static [u8], when: When) {
        self.mode.send_replace(Mode::CutAt(bytes, when));
    }

    /// Whether new connections get through, or have to wait.
    pub fn admit(&self, whether: bool) {
        self.admits.send_replace(whether);
    }

    /// Makes the server refuse the statement that holds this, once, and none beside it.
    pub fn garble(&self, bytes: &'static [u8]) {
        self.mode.send_replace(Mode::Garble(bytes));
    }

    /// Waits until the connection is broken.
    pub async fn cut(&self) {
        self.reached(Mode::Pass).await;
    }

    async fn reached(&self, wanted: Mode) {
        let mut mode = self.mode.subscribe();
        mode.wait_for(|mode| *mode == wanted).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    mode: watch::Sender<Mode>,
    mut opens: watch::Receiver<bool>,
    count: watch::Sender<usize>,
) {
    let mut passing = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let _ = opens.wait_for(|admits| *admits).await;
        count.send_modify(|count| *count += 1);
        let Ok(server) = TcpStream::connect(&server).await else {
            continue; // it is down: so is the way to it
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        passing.spawn(pass_up(from_client, to_server, mode.clone()));
        passing.spawn(pass_down(from_server, to_client, mode.clone()));
    }
}

/// Passes a client's bytes on to the server.
async fn pass_up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mode: watch::Sender<Mode>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let now = *mode.borrow();
        if let Mode::Garble(wanted) = now
            && let Some(at) = buffer[..read]
                .windows(wanted.len())
                .position(|it| it == wanted)
        {
            buffer[at] = b'?';
            mode.send_replace(Mode::Pass);
        }
        let bytes = &buffer[..read];
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|it| it == wanted);
        match now {
            Mode::FreezeAt(wanted, when) if holds(wanted) => {
                mode.send_replace(Mode::Frozen);
                if when == When::After {
                    to.write_all(bytes).await.unwrap();
                    continue;
                }
            }
            Mode::CutAt(wanted, when) if holds(wanted) => {
                mode.send_replace(Mode::Cut);
                if when == When::After {
                    to.write_all(bytes).await.unwrap();
                }
                return;
            }
            _ => {}
        }
        thawed(&mode).await;
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Passes the server's bytes back to a client.
async fn pass_down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mode: watch::Sender<Mode>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if *mode.borrow() == Mode::Cut {
            mode.send_replace(Mode::Pass);
            return;
        }
        thawed(&mode).await;
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn thawed(mode: &watch::Sender<Mode>) {
    let mut mode = mode.subscribe();
    let _ = mode.wait_for(|mode| *mode != Mode::Frozen).await;
}
