//! One aggregate's events, told by a running service that keeps them.

use std::time::Duration;

use factum::events_topic;
use factum::jiff::Timestamp;
use serde::Deserialize;

use super::scan::Found;
use super::show::{At, Event};
use crate::failure::Failure;

/// How long a service may take for a page.
const PATIENCE: Duration = Duration::from_secs(10);
/// How large a page may be: one ends behind 4 MiB and one event, in hexadecimal.
const LARGEST: u64 = 256 << 20;

/// Why a service does not tell.
#[derive(Debug, thiserror::Error)]
#[error("{service} does not tell the history: {why}")]
pub(crate) struct Unanswered {
    service: String,
    why: String,
}

#[derive(Deserialize)]
struct Page {
    partition: u32,
    events: Vec<Told>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Told {
    version: u64,
    time: Option<String>,
    offset: u64,
    sequence: u64,
    command: String,
    actor: Option<String>,
    correlation: Option<String>,
    causation: Option<String>,
    value: String,
}

/// Why there is no page.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// A service, and the aggregate in question.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Where it serves its status, as `http://host:port`.
    pub url: String,
    pub aggregate: String,
    pub id: String,
}

/// An aggregate's first page, told by one of several services.
pub(super) struct First {
    service: Service,
    page: Page,
}

impl First {
    /// Asks one service after the other: only the one that owns the aggregate's partition tells.
    pub(super) async fn of(services: Vec<Service>) -> Result<Self, Vec<Unanswered>> {
        let mut unanswered = Vec::new();
        for service in services {
            match service.page(1).await {
                Ok(page) => return Ok(Self { service, page }),
                Err(why) => unanswered.push(why),
            }
        }
        Err(unanswered)
    }

    /// Tells the events up to some moment, page by page. Returns the version at that moment.
    pub(super) async fn tell(
        self,
        at: Option<At>,
        mut tell: impl FnMut(&Event) -> std::io::Result<()>,
    ) -> Result<u64, Failure> {
        let Self { service, mut page } = self;
        let mut found = Found::new(&service.id, at);
        let partition = page.partition;
        loop {
            for told in std::mem::take(&mut page.events) {
                found.take(service.event(partition, told)?, &mut tell);
            }
            match page.next {
                Some(next) if !found.is_over() => page = service.page(next).await?,
                _ => break,
            }
        }
        found.end(&events_topic(&service.aggregate), partition)
    }
}

impl Service {
    async fn page(&self, from: u64) -> Result<Page, Unanswered> {
        let service = self.clone();
        let asked = tokio::task::spawn_blocking(move || service.ask(from)).await;
        asked.unwrap_or_else(|error| Err(self.silent(error)))
    }

    fn ask(&self, from: u64) -> Result<Page, Unanswered> {
        let url = format!("{}/history", self.url.trim_end_matches('/'));
        let asked = ureq::get(&url)
            .query("aggregate", &self.aggregate)
            .query("id", &self.id)
            .query("from", from.to_string())
            .config()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .call();
        let mut answer = asked.map_err(|error| self.silent(error))?;
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.map_err(|error| self.silent(error))?;
        if answer.status() == 200 {
            return serde_json::from_slice(&body).map_err(|error| self.silent(error));
        }
        let why = serde_json::from_slice::<Refused>(&body).map(|refused| refused.error);
        Err(self.silent(why.unwrap_or_else(|_| answer.status().to_string())))
    }

    fn event(&self, partition: u32, told: Told) -> Result<Event, Unanswered> {
        event(partition, told).ok_or_else(|| self.silent("what it tells is no event"))
    }

    fn silent(&self, why: impl ToString) -> Unanswered {
        let (service, why) = (self.url.clone(), why.to_string());
        Unanswered { service, why }
    }
}

fn event(partition: u32, told: Told) -> Option<Event> {
    let id = |text: Option<String>| text.map(|text| text.parse()).transpose().ok();
    Some(Event {
        version: told.version,
        time: match told.time {
            Some(time) => time.parse().ok()?,
            None => Timestamp::MAX,
        },
        partition,
        offset: told.offset,
        sequence: told.sequence,
        command: told.command.parse().ok()?,
        actor: told.actor,
        correlation: id(told.correlation)?,
        causation: id(told.causation)?,
        value: unhex(&told.value)?,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    match rest {
        [] => pairs.iter().map(byte).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read() {
        assert_eq!(unhex("00ffA7"), Some(vec![0, 255, 0xa7]));
        assert_eq!(unhex(""), Some(Vec::new()));
        for odd in ["0", "0g", "ü0"] {
            assert_eq!(unhex(odd), None, "{odd}");
        }
    }
}
