//! What is asked of a Kafka broker: whether it is there, and its topics.

use anyhow::{Result, anyhow, ensure};

use super::wire::call;

/// API keys with the version that is spoken.
const METADATA: (i16, i16) = (3, 1);
/// The first version that can be asked for a topic without making it.
const METADATA_OF_TOPICS: (i16, i16) = (3, 4);
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
    let mut body = list(topics)?;
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

/// Whether a topic is there. Asking does not make it.
///
/// # Errors
/// When no broker answers.
pub fn has_topic(bootstrap: &str, topic: &str) -> Result<bool> {
    let mut body = list(&[topic])?;
    body.push(0); // a topic that is not there is not to be made
    first_of(bootstrap, |address| {
        let mut answer = call(address, METADATA_OF_TOPICS, &body)?;
        let _throttled = answer.i32()?;
        for _ in 0..answer.i32()? {
            let (_id, _host, _port, _rack) =
                (answer.i32()?, answer.text()?, answer.i32()?, answer.text()?);
        }
        let (_cluster, _controller, topics) = (answer.text()?, answer.i32()?, answer.i32()?);
        Ok(topics > 0 && answer.i16()? != UNKNOWN_TOPIC)
    })
}

fn list(topics: &[&str]) -> Result<Vec<u8>> {
    let mut bytes = i32::try_from(topics.len())?.to_be_bytes().to_vec();
    for topic in topics {
        bytes.extend(i16::try_from(topic.len())?.to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    Ok(bytes)
}

fn first_of<T>(bootstrap: &str, run: impl Fn(&str) -> Result<T>) -> Result<T> {
    let mut last = anyhow!("an empty list of brokers");
    for address in bootstrap.split(',').map(str::trim) {
        match run(address) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error.context(format!("no help from Kafka at {address}")),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
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

    #[test]
    fn a_topic_is_there_unless_kafka_does_not_know_it() {
        let leak = |error: u8| -> &'static [u8] {
            let mut answer = vec![0, 0, 0, 49, 0, 0, 0, 7, 0, 0, 0, 0];
            answer.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 1, b'h', 0, 0, 0, 9, 0xff, 0xff]); // a broker
            answer.extend([0, 2, b'i', b'd', 0, 0, 0, 1]); // the cluster
            answer.extend([0, 0, 0, 1, 0, error, 0, 1, b't', 0, 0, 0, 0, 0, 0, 0]);
            answer.leak()
        };
        assert!(has_topic(&server(leak(0)), "t").unwrap());
        assert!(!has_topic(&server(leak(3)), "t").unwrap());
    }

    #[test]
    fn an_address_without_a_port_is_told_how_to_be_written() {
        let error = format!("{:#}", ask("localhost").unwrap_err());
        assert!(error.contains("host:port"), "{error}");
    }
}
