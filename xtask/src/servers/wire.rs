//! As much of Kafka's protocol as it takes to ask a broker something and read the answer. A whole
//! client would make every contributor's first build minutes longer.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(3);
const CORRELATION: i32 = 7;
/// Answers to what is asked here are far smaller.
const LARGEST_ANSWER: usize = 1 << 20;

/// Sends a request for `(API key, version)` to `host:port`.
pub(super) fn call(address: &str, (api, version): (i16, i16), body: &[u8]) -> Result<Answer> {
    ensure!(has_port(address), "an address is written as host:port");
    let resolved = address.to_socket_addrs()?.next();
    let resolved = resolved.context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&resolved, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(api, version, body)?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    ensure!(
        length <= LARGEST_ANSWER,
        "what answers is not a Kafka broker"
    );
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    let mut answer = Answer { bytes, read: 0 };
    ensure!(
        answer.i32()? == CORRELATION,
        "what answers is not a Kafka broker"
    );
    Ok(answer)
}

fn has_port(address: &str) -> bool {
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    port.is_some_and(|port| port.is_ok())
}

/// A request without a client id.
fn request(api: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
    let mut rest = [api.to_be_bytes(), version.to_be_bytes()].concat();
    rest.extend(CORRELATION.to_be_bytes());
    rest.extend((-1_i16).to_be_bytes());
    rest.extend(body);
    let length = i32::try_from(rest.len())?.to_be_bytes();
    Ok([&length[..], &rest].concat())
}

/// What a broker said, read from the front.
pub(super) struct Answer {
    bytes: Vec<u8>,
    read: usize,
}

impl Answer {
    pub(super) fn i16(&mut self) -> Result<i16> {
        self.take(2)
            .and_then(|bytes| Ok(i16::from_be_bytes(bytes.try_into()?)))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        self.take(4)
            .and_then(|bytes| Ok(i32::from_be_bytes(bytes.try_into()?)))
    }

    /// A string; an absent one is empty.
    pub(super) fn text(&mut self) -> Result<String> {
        let length = usize::try_from(self.i16()?.max(0))?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn take(&mut self, length: usize) -> Result<&[u8]> {
        let end = self.read + length;
        let bytes = self
            .bytes
            .get(self.read..end)
            .context("Kafka's answer is cut short")?;
        self.read = end;
        Ok(bytes)
    }
}
