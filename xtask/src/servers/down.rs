//! Takes down what was started here, by its records.

use std::fs;

use anyhow::{Context, Result, anyhow, ensure};

use super::Say;
use super::instance::State;
use super::record::Record;
use super::shared::{factum_dir, lock};

/// Stops every server that was started here, also one that was left half-started, and those of
/// tests that died. Their data stays for the next `up`, unless `wipe` is set.
///
/// # Errors
/// When one cannot be stopped, or its record cannot be read; the others are stopped all the same.
pub fn down(wipe: bool, say: Say<'_>) -> Result<()> {
    let factum = factum_dir();
    let _lock = lock(&factum)?;
    let _ = fs::remove_file(factum.join("env"));
    let records = Record::all(&factum)?;
    if records.is_empty() {
        say("no server was started here");
    }
    let results: Vec<_> = std::thread::scope(|scope| {
        let stops = records
            .iter()
            .map(|record| scope.spawn(|| down_one(record, wipe, say)));
        let stops: Vec<_> = stops.collect();
        stops.into_iter().map(|stop| stop.join()).collect()
    });
    let panicked = |_| Err(anyhow!("stopping a server panicked"));
    let errors = results
        .into_iter()
        .filter_map(|result| result.unwrap_or_else(panicked).err());
    let errors: Vec<_> = errors.map(|error| format!("{error:#}")).collect();
    ensure!(errors.is_empty(), "{}", errors.join("\n\nerror: "));
    Ok(())
}

fn down_one(record: &Record, wipe: bool, say: Say<'_>) -> Result<()> {
    let Some(mut instance) = record.load()? else {
        return Ok(()); // a test has just removed its own
    };
    let name = instance.server.name();
    if let Some(owner) = instance.owner.as_ref().filter(|owner| owner.is_alive()) {
        let pid = owner.pid;
        say(&format!(
            "{name}: left to the test that uses it (process {pid})"
        ));
        return Ok(());
    }
    let state = match instance.state {
        State::Stopped => "was not running",
        _ => "stopped",
    };
    let forget = wipe || instance.owner.is_some();
    instance.stop(forget).with_context(|| {
        let path = record.path().display();
        format!("cannot stop {name}. If it is gone for good, remove its record, {path}")
    })?;
    if forget {
        instance.wipe()?;
        record.remove();
    } else {
        record.save(&instance)?;
    }
    let data = if forget { ", its data removed" } else { "" };
    say(&format!("{name}: {state}{data}"));
    Ok(())
}
