//! What the middleware sees, and what it can do.

mod counter;

use std::sync::{Arc, Mutex};

use counter::{Command, Counter, LIMIT, read_all};
use factum_core::{EventLog, Metadata};
use factum_engine::{
    Call, Client, CommandOptions, Denied, Done, Engine, ExecuteError, Middleware, Routing,
};
use factum_testkit::MemoryLog;
use uuid::Uuid;

/// Lets only Zoë in, gives every command a correlation, and keeps a record of what became of it.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Vec<(Uuid, bool)>>>);

impl Middleware<Counter> for Gate {
    fn before(&self, call: &mut Call<'_, Counter>) -> Result<(), Denied> {
        if call.metadata.actor.as_deref() != Some("zoë") {
            return Err(Denied(format!("{} is not yours", call.id)));
        }
        call.metadata.correlation = Some(call.command_id);
        Ok(())
    }

    fn after(&self, done: &Done<'_, Counter>) {
        let record = (done.command_id, done.outcome.is_ok());
        self.0.lock().unwrap().push(record);
    }
}

fn by(actor: &str, id: u128) -> CommandOptions {
    CommandOptions {
        command_id: Some(Uuid::from_u128(id)),
        metadata: Metadata {
            actor: Some(actor.into()),
            ..Metadata::default()
        },
        ..CommandOptions::default()
    }
}

#[tokio::test]
async fn every_command_is_seen_whichever_way_it_comes() {
    let (log, gate): (Arc<dyn EventLog>, _) = (Arc::new(MemoryLog::new()), Gate::default());
    let builder = Engine::<Counter>::builder(log.clone()).middleware(gate.clone());
    let engine = builder.routing(Routing::default()).start().await.unwrap();
    let client = Client::<Counter>::connect(log.clone(), Routing::default());
    let client = client.await.unwrap();
    let one = || Command::Add(vec![1]);
    engine.execute_with("a", one(), by("zoë", 1)).await.unwrap();
    client.execute_with("a", one(), by("zoë", 2)).await.unwrap();
    let directly = engine.execute_with("a", one(), by("eve", 3)).await;
    let routed = client.execute_with("a", one(), by("eve", 4)).await;
    for denied in [directly, routed] {
        let Err(ExecuteError::Denied(why)) = denied else {
            panic!("{denied:?}");
        };
        assert_eq!(why, "a is not yours");
    }
    let large = Command::Add(vec![LIMIT]);
    let rejected = engine.execute_with("a", large, by("zoë", 5)).await;
    assert!(matches!(rejected, Err(ExecuteError::Rejected(_))));
    // What comes again is answered as it was, whoever asks.
    engine.execute_with("a", one(), by("eve", 1)).await.unwrap();
    let seen = gate.0.lock().unwrap().clone();
    let expected = [
        (1, true),
        (2, true),
        (3, false),
        (4, false),
        (5, false),
        (1, true),
    ];
    assert_eq!(seen, expected.map(|(id, ok)| (Uuid::from_u128(id), ok)));
    assert_eq!(read_all(&log).await.len(), 2);
}

#[tokio::test]
async fn a_panic_of_the_middleware_is_the_commands_own() {
    struct Panics;
    impl Middleware<Counter> for Panics {
        fn before(&self, call: &mut Call<'_, Counter>) -> Result<(), Denied> {
            assert_ne!(call.id, "a", "a mistake");
            Ok(())
        }
    }
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let builder = Engine::<Counter>::builder(log).middleware(Panics);
    let engine = builder.start().await.unwrap();
    let one = || Command::Add(vec![1]);
    let panicked = engine.execute("a", one()).await;
    assert!(matches!(panicked, Err(ExecuteError::Panicked(_))));
    engine.execute("b", one()).await.unwrap();
}
