//! As much of Kafka's protocol as it takes to ask whether a broker is there and to delete topics.
//! A whole client would make every contributor's first build minutes longer.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

const PATIENCE: Duration = Duration::from_secs(3);
const CORRELATION: i32 = 7;
/// Answers to what is asked here are far smaller.
const LARGEST_ANSWER: usize = 1 << 20;

const METADATA: (i16, i16) = (3, 1);
const DELETE_TOPICS: (i16, i16) = (20, 1);
const UNKNOWN_TOPIC: i16 = 3;

/// Asks a broker for its cluster: a node that is starting lists none yet.
///
/// # Errors
/// When no address of the list (`host:port,…`) answers, with the last cause.
pub(crate) fn ask(bootstrap: &str) -> Result<()> {
    first_of(bootstrap, |address| {
        let mut answer = call(address, METADATA, &0_i32.to_be_bytes())?;
        ensure!(answer.i32()? > 0, "its cluster has no broker yet");
        Ok(())
    })
}

/// Deletes topics with all that they hold; those that are not there are passed over.
///
/// # Errors
/// When no broker answers, or Kafka refuses.
pub fn delete_topics(bootstrap: &str, topics: &[&str]) -> Result<()> {
    let mut body = count(topics).to_vec();
    for topic in topics {
        body.extend(i16::try_from(topic.len())?.to_be_bytes());
        body.extend(topic.as_bytes());
    }
    body.extend(10_000_i32.to_be_bytes()); // milliseconds
    first_of(bootstrap, |address| {
        let mut answer = call(address, DELETE_TOPICS, &body)?;
        let _throttled = answer.i32()?;
        for _ in 0..answer.i32()? {
            let topic = answer.text()?;
            let error = answer.i16()?;
            ensure!(
                [0, UNKNOWN_TOPIC].contains(&error),
                "it refuses to delete {topic} (Kafka error {error})"
            );
        }
        Ok(())
    })
}

fn count(topics: &[&str]) -> [u8; 4] {
    u32::try_from(topics.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
}

fn first_of(bootstrap: &str, run: impl Fn(&str) -> Result<()>) -> Result<()> {
    let mut last = anyhow!("an empty list of brokers");
    for address in bootstrap.split(',').map(str::trim) {
        match run(address) {
            Ok(()) => return Ok(()),
            Err(error) => last = error.context(format!("no help from Kafka at {address}")),
        }
    }
    Err(last)
}

fn call(address: &str, (api, version): (i16, i16), body: &[u8]) -> Result<Answer> {
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
struct Answer {
    bytes: Vec<u8>,
    read: usize,
}

impl Answer {
    fn i16(&mut self) -> Result<i16> {
        self.take(2)
            .and_then(|bytes| Ok(i16::from_be_bytes(bytes.try_into()?)))
    }

    fn i32(&mut self) -> Result<i32> {
        self.take(4)
            .and_then(|bytes| Ok(i32::from_be_bytes(bytes.try_into()?)))
    }

    fn text(&mut self) -> Result<String> {
        let length = usize::try_from(self.i16()?)?;
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with these bytes.
    fn server(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 256]);
            stream.write_all(answer).unwrap();
        });
        address
    }

    #[test]
    fn only_kafka_answers_like_kafka() {
        ask(&server(&[0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 3])).unwrap();
        for stranger in [
            &b"HTTP/1.1 400 Bad Request"[..],
            b"\0\0\0\x08\0\0\0\x08\0\0\0\x03",
            b"",
        ] {
            ask(&server(stranger)).unwrap_err();
        }
    }

    #[test]
    fn a_cluster_without_a_broker_is_not_ready() {
        let error = ask(&server(&[0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0])).unwrap_err();
        assert!(format!("{error:#}").contains("no broker yet"), "{error:#}");
    }

    #[test]
    fn the_second_broker_is_asked_when_the_first_is_away() {
        let alive = server(&[0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 1]);
        ask(&format!("127.0.0.1:1,{alive}")).unwrap();
    }

    #[test]
    fn a_topic_that_was_not_there_is_as_good_as_deleted() {
        let leak = |error: u8| -> &'static [u8] {
            let mut answer = vec![0, 0, 0, 17, 0, 0, 0, 7, 0, 0, 0, 0];
            answer.extend([0, 0, 0, 1, 0, 1, b't', 0, error]);
            answer.leak()
        };
        delete_topics(&server(leak(0)), &["t"]).unwrap();
        delete_topics(&server(leak(3)), &["t"]).unwrap();
        let error = format!(
            "{:#}",
            delete_topics(&server(leak(29)), &["t"]).unwrap_err()
        );
        assert!(
            error.contains("refuses to delete t (Kafka error 29)"),
            "{error}"
        );
    }

    #[test]
    fn nobody_at_the_address_is_an_error_with_the_address() {
        assert!(
            ask("127.0.0.1:1")
                .unwrap_err()
                .to_string()
                .contains("127.0.0.1:1")
        );
    }
}
