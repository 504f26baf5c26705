//! Telling a client again where its brokers are.
//!
//! A lone broker that is about to stop, or was away for longer than its session and is not let in
//! again yet, answers that the cluster has topics and no broker. librdkafka (2.10 to 2.13 at least) then forgets
//! every broker, the addresses that it began with too. It means to begin anew with those, and the same
//! answer may call that off: then the client is without any broker for minutes, or for ever. So whoever
//! serves a client that has been in trouble for a while tells it the addresses once more; that changes
//! nothing where they are known.

use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_brokers_add;
use rdkafka::client::{Client, ClientContext};

use crate::client::Reports;

/// How long a client may find its brokers by itself.
const FIRST: Duration = Duration::from_secs(2);
/// The longest time between two tries: each is remembered by the client.
const LAST: Duration = Duration::from_secs(60);

/// When to name the brokers of the settings once more.
#[derive(Debug)]
pub(crate) struct Rescue {
    servers: CString,
    tries: Tries,
}

impl Rescue {
    pub(crate) fn new(servers: &str) -> Self {
        Self {
            servers: CString::new(servers).unwrap_or_default(),
            tries: Tries::default(),
        }
    }

    /// Names the brokers once more, if it is time. To be called again and again.
    pub(crate) fn look<C: ClientContext>(&mut self, client: &Client<C>, reports: &Reports) {
        if self
            .tries
            .is_due(reports.in_trouble_since(), Instant::now())
        {
            tracing::debug!(servers = ?self.servers, "a Kafka client is told its brokers again");
            // Safety: the client lives as long as the reference to it, the string longer than the call,
            // and librdkafka copies it.
            unsafe { rd_kafka_brokers_add(client.native_ptr(), self.servers.as_ptr()) };
        }
    }
}

/// The moments to try at, each after twice as long a time.
#[derive(Debug, Default)]
struct Tries {
    /// Since when the client has been in trouble, the pause before the next try, and its time.
    next: Option<(Instant, Duration, Instant)>,
}

impl Tries {
    fn is_due(&mut self, trouble: Option<Instant>, now: Instant) -> bool {
        let Some(since) = trouble else {
            self.next = None;
            return false;
        };
        let (_, pause, at) = match self.next {
            Some(next) if next.0 == since => next,
            _ => (since, FIRST, since + FIRST),
        };
        let due = now >= at;
        self.next = Some(match due {
            true => (since, LAST.min(2 * pause), now + LAST.min(2 * pause)),
            false => (since, pause, at),
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rdkafka::config::FromClientConfigAndContext;
    use rdkafka::consumer::{BaseConsumer, Consumer};

    use super::*;
    use crate::client::Reporting;
    use crate::settings::KafkaSettings;

    /// So many that librdkafka is still busy with the answer when the broker is gone that it took out:
    /// its way back is called off only then.
    const PARTITIONS: i32 = 20_000;

    /// A cluster of one broker that knows one topic, and may leave itself out when it is asked for
    /// brokers. Of Kafka's protocol it speaks the first version of that question.
    struct Cluster {
        address: String,
        left_out: Arc<AtomicBool>,
    }

    impl Cluster {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let left_out = Arc::new(AtomicBool::new(false));
            let answers = left_out.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let left_out = answers.clone();
                    std::thread::spawn(move || serve(stream, port, &left_out));
                }
            });
            Self {
                address: format!("127.0.0.1:{port}"),
                left_out,
            }
        }

        fn consumer(&self, reports: &Arc<Reports>) -> BaseConsumer<Reporting> {
            let settings = KafkaSettings::new(&self.address)
                .with("api.version.request", "false")
                .with("broker.version.fallback", "0.9.0");
            let reporting = Reporting(reports.clone());
            BaseConsumer::from_config_and_context(&settings.reader(), reporting).unwrap()
        }
    }

    fn serve(mut stream: TcpStream, port: u16, left_out: &AtomicBool) -> Option<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).ok()?;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).ok()?;
            if request[..4] != [0, 3, 0, 0] {
                continue; // not about metadata: it can wait
            }
            let (broker, leader) = match left_out.load(Ordering::Relaxed) {
                true => (Vec::new(), -1_i32),
                false => (broker(port), 1),
            };
            let mut answer = request[4..8].to_vec(); // which request it answers
            answer.extend(i32::from(!broker.is_empty()).to_be_bytes());
            answer.extend(broker);
            answer.extend([0, 0, 0, 1, 0, 0, 0, 1, b't']); // one topic, without an error
            answer.extend(PARTITIONS.to_be_bytes());
            for partition in 0..PARTITIONS {
                answer.extend([0, 0]); // without an error
                answer.extend(partition.to_be_bytes());
                answer.extend(leader.to_be_bytes());
                answer.extend([0; 8]); // no copies, none in step
            }
            stream
                .write_all(&(answer.len() as u32).to_be_bytes())
                .ok()?;
            stream.write_all(&answer).ok()?;
        }
    }

    fn broker(port: u16) -> Vec<u8> {
        let mut broker = vec![0, 0, 0, 1, 0, 9];
        broker.extend(b"127.0.0.1");
        broker.extend(i32::from(port).to_be_bytes());
        broker
    }

    /// Asks until the cluster says that it has so many brokers.
    fn sees(consumer: &BaseConsumer<Reporting>, brokers: usize, mut between: impl FnMut()) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let metadata = consumer.fetch_metadata(Some("t"), Duration::from_millis(200));
            if metadata.is_ok_and(|it| it.brokers().len() == brokers) {
                return true;
            }
            let _ = consumer.poll(Duration::from_millis(20));
            between();
        }
        false
    }

    #[test]
    fn a_client_that_was_told_of_no_broker_finds_back() {
        let (cluster, reports) = (Cluster::start(), Arc::default());
        let consumer = cluster.consumer(&reports);
        let mut rescue = Rescue::new(&cluster.address);
        assert!(sees(&consumer, 1, || {}));
        for _ in 0..3 {
            cluster.left_out.store(true, Ordering::Relaxed);
            assert!(sees(&consumer, 0, || {}));
            cluster.left_out.store(false, Ordering::Relaxed);
            assert!(sees(&consumer, 1, || rescue.look(consumer.client(), &reports)));
            reports.well();
        }
    }

    #[test]
    fn tries_become_rarer_until_the_trouble_ends() {
        let (begin, mut tries) = (Instant::now(), Tries::default());
        let mut at = |seconds: u64, trouble: Option<u64>| {
            let trouble = trouble.map(|since| begin + Duration::from_secs(since));
            tries.is_due(trouble, begin + Duration::from_secs(seconds))
        };
        let tried: Vec<_> = (0..200).filter(|second| at(*second, Some(0))).collect();
        assert_eq!(tried, [2, 6, 14, 30, 62, 122, 182]);
        assert!(!at(200, None));
        let tried: Vec<_> = (200..210).filter(|second| at(*second, Some(201))).collect();
        assert_eq!(tried, [203, 207], "a new trouble is a new beginning");
    }
}
