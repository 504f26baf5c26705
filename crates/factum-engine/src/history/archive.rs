//! The history of aggregates for those who ask over HTTP: records as they stand in the log, not decoded.

use std::fmt::Write;
use std::sync::{Arc, Weak};

use factum_core::{Aggregate, Header, chain, partition_of};
use factum_status::{Archive, PastPage, Told, Untold};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{HistoryError, Kept, Run, Window};
use crate::engine::Shared;

/// How many events are told at once, at most.
const MOST: usize = 1000;

/// The events of an engine's aggregates, as long as the engine is there.
struct KeptEvents<A: Aggregate>(Weak<Shared<A>>);

/// The events that an engine keeps, if it keeps them and is to tell them.
pub(crate) fn archive<A: Aggregate>(shared: &Arc<Shared<A>>) -> Option<Arc<dyn Archive>> {
    let keeping = shared.checkpoints.as_ref()?;
    let tells = keeping.options.history && keeping.options.tell_history;
    tells.then(|| Arc::new(KeptEvents(Arc::downgrade(shared))) as Arc<dyn Archive>)
}

impl<A: Aggregate> Archive for KeptEvents<A> {
    fn page(&self, asked: PastPage) -> Told {
        let shared = self.0.upgrade();
        Box::pin(async move {
            let gone = || Untold::Elsewhere("the engine has ended".into());
            let shared = shared.ok_or_else(gone)?;
            let window = Window {
                from: asked.from.max(1),
                limit: asked.limit.clamp(1, MOST),
            };
            let run = shared.look_up(&asked.id, window).await.map_err(untold)?;
            let partition = partition_of(asked.id.as_bytes(), shared.topic.partitions());
            page(&asked.id, partition, window.from, &run)
        })
    }
}

fn untold(error: HistoryError) -> Untold {
    let why = chain(&error);
    match error {
        HistoryError::NotOwned { .. } | HistoryError::NotKept { .. } => Untold::Elsewhere(why),
        _ => Untold::Failed(why),
    }
}

fn page(id: &str, partition: u32, from: u64, run: &Run) -> Result<Value, Untold> {
    let events: Option<Vec<Value>> = (from..).zip(&run.events).map(event).collect();
    let odd = || Untold::Failed(format!("what is kept of `{id}` is no event, or lacks some"));
    let events = events.ok_or_else(odd)?;
    let next = run.more.then(|| from + events.len() as u64);
    Ok(json!({ "id": id, "partition": partition, "events": events, "next": next }))
}

/// An event; none if it is not the one of its version.
fn event((version, kept): (u64, &Kept)) -> Option<Value> {
    let Ok(Header::Event(header)) = Header::decode(&kept.header) else {
        return None;
    };
    if header.version != version || kept.version != version {
        return None;
    }
    let origin = header.origin;
    Some(json!({
        "version": version,
        "time": Timestamp::from_microsecond(header.time).ok().map(|time| time.to_string()),
        "offset": kept.offset,
        "sequence": header.stamp.sequence,
        "command": header.command,
        "actor": origin.actor,
        "correlation": origin.correlation,
        "causation": origin.causation,
        "value": hex(&kept.value),
    }))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
