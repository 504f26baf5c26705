//! Telling a client again where its brokers are.
//!
//! A lone broker that is about to stop, or was away for longer than its session and is not let in
//! again yet, answers that the cluster has topics and no broker. librdkafka (2.10 to 2.13 at least) then forgets
//! every broker, the addresses that it began with too. It means to begin anew with those, and the same
//! answer may call that off: then the client is without any broker for minutes, or for ever. So whoever
//! serves a client that has been in trouble for a while tells it the addresses once more. Where librdkafka
//! knows its brokers, that makes it another one for the same address, and its next metadata takes that out
//! again; and it keeps the text. So it is done rarely, and not for ever without news.

use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_brokers_add;
use rdkafka::client::{Client, ClientContext};

use crate::client::{Reports, Trouble};

/// How long a client may find its brokers by itself.
const FIRST: Duration = Duration::from_secs(2);
/// The longest time between two tries.
const LAST: Duration = Duration::from_secs(60);
/// How many tries are made without a new report: each would bring one if the brokers were still away. A
/// client that has nothing to ask may be well without knowing.
const SILENT: u32 = 8;

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
        if self.tries.is_due(reports.in_trouble(), Instant::now()) {
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
    next: Option<Try>,
}

#[derive(Clone, Copy, Debug)]
struct Try {
    trouble: Trouble,
    /// The time before it, and when it is to be made.
    pause: Duration,
    at: Instant,
    /// How many more are made unless there is news.
    left: u32,
}

impl Tries {
    fn is_due(&mut self, trouble: Option<Trouble>, now: Instant) -> bool {
        self.next = trouble.map(|trouble| match self.next {
            Some(next) if next.trouble == trouble => next,
            Some(next) if next.trouble.since == trouble.since => next.with_news(trouble),
            _ => Try::first(trouble),
        });
        let due = |next: &&mut Try| now >= next.at && next.left > 0;
        self.next
            .as_mut()
            .filter(due)
            .map(|it| it.make(now))
            .is_some()
    }
}

impl Try {
    fn first(trouble: Trouble) -> Self {
        Self {
            trouble,
            pause: FIRST,
            at: trouble.since + FIRST,
            left: SILENT,
        }
    }

    fn with_news(self, trouble: Trouble) -> Self {
        Self {
            trouble,
            left: SILENT,
            ..self
        }
    }

    fn make(&mut self, now: Instant) {
        self.pause = LAST.min(2 * self.pause);
        self.at = now + self.pause;
        self.left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::ops::Range;
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
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            // Whoever left all out has nobody to ask again.
            let patience = Duration::from_millis(if brokers == 0 { 30_000 } else { 200 });
            let metadata = consumer.fetch_metadata(Some("t"), patience);
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
        let mut tried = tried();
        assert_eq!(tried(0..200, Some((0, 0))), [2, 6, 14, 30, 62, 122, 182]);
        assert!(tried(200..201, None).is_empty());
        let again = Some((201, 201));
        assert_eq!(tried(201..210, again), [203, 207], "a new beginning");
    }

    #[test]
    fn without_news_tries_end_and_with_news_they_go_on() {
        let mut tried = tried();
        assert_eq!(tried(0..900, Some((0, 0))).last(), Some(&242));
        let news = tried(900..2000, Some((0, 899)));
        assert_eq!((news.first(), news.len()), (Some(&900), SILENT as usize));
    }

    /// At which of some seconds it is tried, in trouble since one second and last reported at another.
    fn tried() -> impl FnMut(Range<u64>, Option<(u64, u64)>) -> Vec<u64> {
        let (begin, mut tries) = (Instant::now(), Tries::default());
        move |seconds, trouble| {
            let at = |second| begin + Duration::from_secs(second);
            let trouble = trouble.map(|(since, last)| Trouble {
                since: at(since),
                last: at(last),
            });
            let due = |second: &u64| tries.is_due(trouble, at(*second));
            seconds.filter(due).collect()
        }
    }

    #[test]
    fn reports_soon_after_each_other_are_one_trouble() {
        let at = |second| Instant::now() + Duration::from_secs(second);
        let (now, soon, later) = (at(0), at(5), at(100));
        let first = Trouble::go_on(None, now);
        assert_eq!(Trouble::go_on(Some(first), soon).since, now);
        assert_eq!(Trouble::go_on(Some(first), later).since, later);
    }
}
