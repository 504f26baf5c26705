//! What a worker says about itself, while it starts, projects, is interrupted and ends.

use std::sync::Arc;
use std::time::Duration;

use factum_projector::Options;
use factum_status::{Component, Components, Health};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::bank::{Bank, Ledger, Proxy, When, eventually, posted, within};

fn only(components: &Components) -> Arc<dyn Component> {
    let mut all = components.all();
    assert_eq!(all.len(), 1, "{components:?}");
    all.remove(0)
}

async fn until(components: &Components, what: &str, right: impl Fn(&Value) -> bool) -> Value {
    let status = || only(components).status();
    eventually(what, async || right(&status())).await;
    status()
}

#[tokio::test]
async fn a_worker_tells_how_it_gets_on() {
    let bank = Bank::new().await;
    let components = Components::new();
    let options = Options {
        components: components.clone(),
        progress_interval: Duration::from_millis(20),
        start_timeout: Duration::from_secs(60),
        ..bank.options()
    };
    let (view, proxy) = (bank.led_view(), Proxy::start(&bank.postgres()).await);
    let (group, url) = (view.script(), proxy.through(&bank.postgres()));
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = bank.balances().options(options);
    let worker = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        worker.run(Arc::new(view), &url, stopped).await
    });

    // The topic is not there yet.
    let starting = |status: &Value| status["phase"] == "starting";
    eventually("it is shown", async || !components.all().is_empty()).await;
    until(&components, "it starts", starting).await;
    assert!(matches!(only(&components).health(), Health::Waiting(_)));
    let mut ledger = Ledger::create(&bank, 2, 5).await;
    until(&components, "it has started", |now| !starting(now)).await;
    assert_eq!(
        only(&components).health(),
        Health::Ready,
        "others may own all partitions"
    );

    group.gain(&[0, 1]);
    ledger.commit(0, "a", &[posted(1, 5), posted(1, 6)]).await;
    ledger.commit(1, "b", &[posted(1, 7)]).await;
    let done = |now: &Value| now["events"] == 3 && now["lag"] == 0 && now["stage"] == "done";
    let mut status = until(&components, "all is projected", done).await;
    let batches = status["batches"].take().as_u64().unwrap();
    assert!(status["per_second"].take().is_u64());
    assert!((1..=2).contains(&batches), "{batches}");
    let ends = [ledger.end(0).await, ledger.end(1).await];
    let partition = |number: usize| json!({ "topic": bank.topic, "partition": number, "offset": ends[number], "end": ends[number], "lag": 0, "lag_seconds": 0 });
    let expected = json!({
        "projection": "balances", "version": 1, "table": "balance", "topic": bank.topic,
        "phase": "projecting", "interruption": null, "state": "live", "stage": "done",
        "events": 3, "rows": 2, "batches": null, "parked_events": 0, "parked_keys": 0,
        "lag": 0, "per_second": null,
        "owned": [partition(0), partition(1)],
    });
    assert_eq!(status, expected);
    let families = only(&components).metrics();
    let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
    let expected = [
        "factum_projector_ready",
        "factum_projector_events_total",
        "factum_projector_rows_total",
        "factum_projector_batches_total",
        "factum_projector_parked_events",
        "factum_projector_parked_keys",
        "factum_projector_offset",
        "factum_projector_lag_records",
        "factum_projector_lag_seconds",
        "factum_projector_paused",
        "factum_projector_transaction_seconds",
    ];
    assert_eq!(names, expected);
    let transactions = families.last().expect("there are some").get_metric()[0].get_histogram();
    assert_eq!(transactions.get_sample_count(), batches);

    proxy.admit(false);
    proxy.cut_at(b"BEGIN", When::Before);
    ledger.commit(0, "a", &[posted(1, 8)]).await;
    let interrupted = |now: &Value| now["phase"] == "interrupted";
    let status = until(&components, "it is interrupted", interrupted).await;
    assert!(status["interruption"].is_string(), "{status}");
    assert!(matches!(only(&components).health(), Health::Waiting(_)));
    proxy.admit(true);
    until(&components, "it goes on", |now| now["events"] == 4).await;
    assert_eq!(only(&components).health(), Health::Ready);

    within(60, group.revoke(&[1])).await.unwrap();
    let owns = |count: usize| move |now: &Value| now["owned"].as_array().unwrap().len() == count;
    until(&components, "it owns one partition", owns(1)).await;
    within(60, group.revoke(&[0])).await.unwrap();
    until(&components, "it owns none", owns(0)).await;
    let query = format!("SELECT count(*) FROM {}.workers", bank.options().schema);
    let rows = async || -> i64 { bank.client.query_one(&query, &[]).await.unwrap().get(0) };
    assert_eq!(rows().await, 1);
    drop(stop);
    within(60, worker).await.unwrap().unwrap();
    assert_eq!(rows().await, 0, "it takes back what it said");
    assert!(components.all().is_empty(), "{components:?}");
}
