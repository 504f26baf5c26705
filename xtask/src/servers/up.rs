//! Brings the shared servers up, or finds them running.

use std::fs;
use std::path::Path;
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};

use super::choice::choose;
use super::instance::Instance;
use super::record::Record;
use super::shared::{Addresses, Wanted, factum_dir, given, lock, passed_over};
use super::way::{forced_by_environment, probe};
use super::{Say, Server, Way};

/// Brings the wanted servers up, all at once, and returns when they answer. What runs already is
/// reused. Their addresses are also written to `target/factum/env`, where tests find them.
///
/// `via` forces one way; the environment variable `FACTUM_SERVERS` does the same.
///
/// # Errors
/// When a server at a given address does not answer, when there is no way to run one, or when one
/// does not start; the others keep running then.
pub fn up(wanted: Wanted, via: Option<Way>, say: Say<'_>) -> Result<Addresses> {
    let via = via.or(forced_by_environment()?);
    let factum = factum_dir();
    let _lock = lock(&factum)?;
    let bring = |server, wanted: bool| wanted.then(|| up_one(server, via, &factum, say));
    let (kafka, registry, postgres) = std::thread::scope(|scope| {
        let kafka = scope.spawn(|| bring(Server::Kafka, wanted.kafka).transpose());
        let registry = scope.spawn(|| bring(Server::Registry, wanted.registry).transpose());
        let postgres = bring(Server::Postgres, wanted.postgres).transpose();
        (joined(kafka), joined(registry), postgres)
    });
    let known = |server, result: &Brought| match result {
        Ok(Some(address)) => Some(address.clone()),
        _ => running_address(&factum, server),
    };
    let env = Addresses {
        kafka: known(Server::Kafka, &kafka),
        postgres: known(Server::Postgres, &postgres),
        registry: known(Server::Registry, &registry),
    };
    let file = factum.join("env");
    fs::write(&file, env.lines()).with_context(|| format!("cannot write {}", file.display()))?;
    let errors = [&kafka, &postgres, &registry]
        .into_iter()
        .filter_map(|it| it.as_ref().err());
    let errors: Vec<_> = errors.map(|error| format!("{error:#}")).collect();
    ensure!(errors.is_empty(), "{}", errors.join("\n\nerror: "));
    Ok(Addresses {
        kafka: kafka?,
        postgres: postgres?,
        registry: registry?,
    })
}

type Brought = Result<Option<String>>;

fn joined(thread: ScopedJoinHandle<'_, Brought>) -> Brought {
    let panicked = |_| Err(anyhow!("starting a server panicked"));
    thread.join().unwrap_or_else(panicked)
}

fn up_one(server: Server, via: Option<Way>, factum: &Path, say: Say<'_>) -> Result<String> {
    let name = server.name();
    if let Some(address) = given(server) {
        return take_given(server, address, say);
    }
    if let Some(hint) = passed_over(server) {
        say(&hint);
    }
    let record = Record::named(factum, name);
    let earlier = record.load()?;
    let suits = |it: &&Instance| via.is_none_or(|way| way == it.way);
    if let Some(instance) = earlier.as_ref().filter(suits).filter(|it| it.serves(say)) {
        say(&format!(
            "{name}: already running ({})",
            instance.way.name()
        ));
        return Ok(instance.address());
    }
    let made_with = earlier.as_ref().map(|instance| instance.way);
    let way = choose(server, via, made_with, |way| probe(server, way))?;
    let port = earlier
        .map(|instance| clear(instance, &record, say))
        .transpose()?;
    let instance = Instance::new(server, way, &factum.join(name), port)?;
    if let Some(taken) = port.filter(|port| *port != instance.port) {
        let port = instance.port;
        say(&format!(
            "{name}: port {taken} is taken by now, so it moves to {port}"
        ));
    }
    start(instance, &record, port.is_none(), say)
}

fn take_given(server: Server, address: String, say: Say<'_>) -> Result<String> {
    let variable = server.variable();
    server.ask(&address).with_context(|| {
        format!(
            "{variable}={address} is of no use; correct it, or unset it to have a server started"
        )
    })?;
    say(&format!("{}: as given by {variable}", server.name()));
    Ok(address)
}

/// Stops what is left of an earlier instance; its port is the one to try first.
fn clear(mut earlier: Instance, record: &Record, say: Say<'_>) -> Result<u16> {
    if earlier.runs() {
        let (name, way) = (earlier.server.name(), earlier.way.name());
        say(&format!("{name}: stopping the one that runs ({way}) …"));
    }
    earlier.stop(false)?;
    record.save(&earlier)?;
    Ok(earlier.port)
}

fn start(mut instance: Instance, record: &Record, first: bool, say: Say<'_>) -> Result<String> {
    let (name, way) = (instance.server.name(), instance.way.name());
    say(&format!("{name}: starting ({way}) …"));
    let begin = Instant::now();
    let launched = record.around(&mut instance, |it| it.launch(say));
    if let Err(error) = launched.and_then(|()| instance.wait_ready()) {
        withdraw(instance, record, first)
            .unwrap_or_else(|error| say(&format!("{name}: cannot stop it: {error:#}")));
        return Err(error.context(format!(
            "cannot start {name} with {way} (for other ways see cargo xtask up --help)"
        )));
    }
    say(&format!(
        "{name}: ready after {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    Ok(instance.address())
}

/// Stops one that did not start. If it was the first one, there is no data yet that would bind the
/// next start to the same way.
fn withdraw(mut instance: Instance, record: &Record, first: bool) -> Result<()> {
    instance.stop(first)?;
    if first {
        record.remove();
        return Ok(());
    }
    record.save(&instance)
}

fn running_address(factum: &Path, server: Server) -> Option<String> {
    let instance = Record::named(factum, server.name()).load().ok()??;
    instance.runs().then(|| instance.address())
}
