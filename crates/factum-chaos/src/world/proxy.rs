//! A network way that can break: a proxy before a server.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server.
pub struct Proxy {
    port: u16,
    server: watch::Sender<String>,
    state: watch::Sender<State>,
}

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Whole.
    Whole,
    /// Connections break, and nobody can connect.
    Cut,
    /// Nothing passes, but connections stay.
    Frozen,
    /// Answers are lost. Connections that lost some break when it ends.
    Mute,
    /// Everything takes so long.
    Slow(Duration),
}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Asked,
    Answered,
}

impl Proxy {
    /// Listens on a port of this machine; until it leads somewhere, nobody can connect.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn listen(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        let proxy = Self {
            port,
            server: watch::Sender::default(),
            state: watch::Sender::new(State::Whole),
        };
        tokio::spawn(accept(
            listener,
            proxy.server.subscribe(),
            proxy.state.subscribe(),
        ));
        Ok(proxy)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says where new connections lead, `host:port`.
    pub fn lead_to(&self, server: String) {
        self.server.send_replace(server);
    }

    /// Breaks or mends it.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn accept(
    listener: TcpListener,
    server: watch::Receiver<String>,
    state: watch::Receiver<State>,
) {
    while state.has_changed().is_ok() {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        if *state.borrow() != State::Cut {
            let server = server.borrow().clone();
            tokio::spawn(connect(client, server, state.clone()));
        }
    }
}

async fn connect(
    client: TcpStream,
    server: String,
    state: watch::Receiver<State>,
) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pass(from_client, to_server, state.clone(), Direction::Asked);
    let down = pass(from_server, to_client, state.clone(), Direction::Answered);
    // Whichever way ends takes the other with it.
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
        () = cut(state) => Ok(()),
    }
}

async fn cut(mut state: watch::Receiver<State>) {
    let _ = state.wait_for(|now| *now == State::Cut).await;
}

/// Passes bytes on, as the state of the way allows, until one end closes.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    direction: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let now = *state.borrow();
        match now {
            State::Slow(delay) => tokio::time::sleep(delay).await,
            State::Frozen => drop(state.wait_for(|now| *now != State::Frozen).await),
            State::Mute if direction == Direction::Answered => {
                // What is lost cannot be made up for.
                return lose(from, state).await;
            }
            State::Whole | State::Cut | State::Mute => {}
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// Loses everything until the way is no longer mute.
async fn lose(mut from: OwnedReadHalf, mut state: watch::Receiver<State>) -> io::Result<()> {
    let mut sink = tokio::io::sink();
    tokio::select! {
        copied = tokio::io::copy(&mut from, &mut sink) => copied.map(drop),
        _ = state.wait_for(|now| *now != State::Mute) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says what it is told, and counts how often it did.
    async fn echo(answered: watch::Sender<usize>) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let answered = answered.clone();
                tokio::spawn(async move {
                    while let Ok(byte) = client.read_u8().await {
                        client.write_u8(byte).await?;
                        answered.send_modify(|count| *count += 1);
                    }
                    io::Result::Ok(())
                });
            }
        });
        Ok(address)
    }

    /// A way to an echo, and how often that answered.
    struct Way(Proxy, watch::Receiver<usize>);

    impl Way {
        async fn open() -> Result<Self> {
            let proxy = Proxy::listen(xtask::servers::free_port(None)?).await?;
            let (count, answered) = watch::channel(0);
            proxy.lead_to(echo(count).await?);
            Ok(Self(proxy, answered))
        }

        async fn connect(&self) -> Result<TcpStream> {
            Ok(TcpStream::connect(("127.0.0.1", self.0.port())).await?)
        }

        /// Waits until the server has answered so often.
        async fn answered(&mut self, count: usize) {
            let wait = self.1.wait_for(|answered| *answered == count);
            let waited = tokio::time::timeout(PATIENCE, wait).await;
            waited.expect("the server is asked").unwrap();
        }
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Whether what is said comes back: `None` when the connection is broken.
    async fn answers(stream: &mut TcpStream) -> Option<()> {
        stream.write_all(b"x").await.ok()?;
        let read = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        read.expect("an answer, or a broken connection")
            .ok()
            .map(drop)
    }

    /// Nothing comes back for a moment, and the connection stays.
    async fn assert_silent(stream: &mut TcpStream) {
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read_u8()).await;
        assert!(read.is_err(), "{read:?}");
    }

    #[tokio::test]
    async fn a_way_breaks_and_is_mended() {
        let mut way = Way::open().await.unwrap();
        let mut stream = way.connect().await.unwrap();
        assert_eq!(answers(&mut stream).await, Some(()));
        way.0.set(State::Frozen);
        stream.write_all(b"x").await.unwrap();
        assert_silent(&mut stream).await;
        way.0.set(State::Whole);
        assert_eq!(answers(&mut stream).await, Some(()));
        // The answer that was held back is still to be read there.
        way.answered(3).await;
        let mut stream = way.connect().await.unwrap();
        assert_eq!(answers(&mut stream).await, Some(()));
        way.0.set(State::Mute);
        stream.write_all(b"x").await.unwrap();
        // It is lost only if the way is still mute when it comes.
        way.answered(5).await;
        assert_silent(&mut stream).await;
        way.0.set(State::Whole);
        assert_eq!(
            answers(&mut stream).await,
            None,
            "answers were lost: the connection breaks"
        );
        let mut stream = way.connect().await.unwrap();
        assert_eq!(answers(&mut stream).await, Some(()));
        way.0.set(State::Cut);
        assert_eq!(answers(&mut stream).await, None);
        let mut refused = way.connect().await.unwrap();
        assert_eq!(answers(&mut refused).await, None);
    }
}
