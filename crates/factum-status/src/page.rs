//! What each address answers, from the components alone.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use serde_json::{Value, json};

use crate::{Component, Components, Health};

/// An answer: whether all is well, and a text that says so.
pub(crate) type Answer = (bool, String);

/// Whether the program can go on: it can unless a component has failed for good.
pub(crate) fn healthz(components: &Components) -> Answer {
    let failed = tell(components, |health| matches!(health, Health::Failed(_)));
    match failed.is_empty() {
        true => (true, "ok\n".into()),
        false => (false, failed),
    }
}

/// Whether the program does its work: there are components, and all of them are ready.
pub(crate) fn readyz(components: &Components) -> Answer {
    let mut waiting = tell(components, |health| *health != Health::Ready);
    if components.is_stopping() {
        waiting.insert_str(0, "the program was told to stop\n");
    } else if components.all().is_empty() {
        waiting.push_str("nothing was started yet\n");
    }
    match waiting.is_empty() {
        true => (true, "ready\n".into()),
        false => (false, waiting),
    }
}

/// A line for each component whose health is asked for.
fn tell(components: &Components, asked: impl Fn(&Health) -> bool) -> String {
    let all = components.all().into_iter();
    let all = all.map(|component| (component.health(), component));
    all.filter(|(health, _)| asked(health))
        .map(|(health, component)| {
            let (kind, name, word) = (component.kind(), component.name(), health.word());
            let reason = health.reason().map(|why| format!(": {why}"));
            format!("{kind} {name}: {word}{}\n", reason.unwrap_or_default())
        })
        .collect()
}

/// Everything that the components know, as JSON.
pub(crate) fn status(components: &Components, program: &str, uptime: Duration) -> Value {
    let all = components.all();
    let all: Vec<Value> = all.iter().map(|it| component(it.as_ref())).collect();
    json!({
        "program": program,
        "uptime_seconds": uptime.as_secs_f64(),
        "healthy": healthz(components).0,
        "ready": readyz(components).0,
        "stopping": components.is_stopping(),
        "components": all,
    })
}

fn component(component: &dyn Component) -> Value {
    let health = component.health();
    json!({
        "kind": component.kind(),
        "name": component.name(),
        "health": health.word(),
        "reason": health.reason(),
        "status": component.status(),
    })
}

/// The metrics of all components and of the process, in Prometheus' text format.
pub(crate) fn metrics(components: &Components) -> prometheus::Result<String> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    let all = components.all();
    let of_components = all.iter().flat_map(|component| component.metrics());
    for mut family in of_components.chain(of_process()) {
        let Some(same) = families.get_mut(family.name()) else {
            families.insert(family.name().to_owned(), family);
            continue;
        };
        same.mut_metric().extend(family.take_metric());
    }
    families.retain(|_, family| !family.get_metric().is_empty());
    let families: Vec<MetricFamily> = families.into_values().collect();
    TextEncoder::new().encode_to_string(&families)
}

#[cfg(target_os = "linux")]
fn of_process() -> Vec<MetricFamily> {
    use prometheus::core::Collector;
    prometheus::process_collector::ProcessCollector::for_self().collect()
}

#[cfg(not(target_os = "linux"))]
fn of_process() -> Vec<MetricFamily> {
    Vec::new()
}
