//! The pair of servers that tests and demos share: brought up, reused, taken down.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use super::instance::{Instance, State};
use super::record::Record;
use super::way::{choose, forced_by_environment, probe};
use super::{Say, Server, Way};

/// Which servers to bring up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A Kafka broker.
    pub kafka: bool,
    /// A Postgres server.
    pub postgres: bool,
}

/// Where the servers listen; none for one that was not wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// `host:port`.
    pub kafka: Option<String>,
    /// `postgres://…`.
    pub postgres: Option<String>,
}

/// Where everything about servers is kept: `factum` in Cargo's target directory.
pub fn factum_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("factum")
}

/// Brings the wanted servers up, both at once, and returns when they answer. What runs already is
/// reused. Their addresses are also written to `target/factum/env`, where tests find them.
///
/// `via` forces one way; the environment variable `FACTUM_SERVERS` does the same.
///
/// # Errors
/// When a server at a given address does not answer, when there is no way to run one, or when one
/// does not start; the other one keeps running then.
pub fn up(wanted: Wanted, via: Option<Way>, say: Say<'_>) -> Result<Addresses> {
    let via = via.or(forced_by_environment()?);
    let factum = factum_dir();
    let _lock = lock(&factum)?;
    let bring = |server, wanted: bool| wanted.then(|| up_one(server, via, &factum, say));
    let (kafka, postgres) = std::thread::scope(|scope| {
        let kafka = scope.spawn(|| bring(Server::Kafka, wanted.kafka).transpose());
        let postgres = bring(Server::Postgres, wanted.postgres).transpose();
        (
            kafka
                .join()
                .unwrap_or_else(|_| Err(anyhow!("starting Kafka panicked"))),
            postgres,
        )
    });
    let known = |server, result: &Result<Option<String>>| match result {
        Ok(Some(address)) => Some(address.clone()),
        _ => running_address(&factum, server),
    };
    let env = Addresses {
        kafka: known(Server::Kafka, &kafka),
        postgres: known(Server::Postgres, &postgres),
    };
    fs::write(factum.join("env"), env.lines()).context("cannot write target/factum/env")?;
    match (kafka, postgres) {
        (Ok(kafka), Ok(postgres)) => Ok(Addresses { kafka, postgres }),
        (Err(one), Err(other)) => Err(anyhow!("{one:#}\n\n{other:#}")),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

impl Addresses {
    /// The environment variables in which tests look for the servers.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let kafka = self
            .kafka
            .iter()
            .map(|at| ("FACTUM_TEST_KAFKA", at.clone()));
        let postgres = self.postgres.iter();
        let postgres = postgres.map(|at| ("FACTUM_TEST_POSTGRES", at.clone()));
        kafka.chain(postgres).collect()
    }

    /// The same as lines of `NAME=value`.
    pub fn lines(&self) -> String {
        let line = |(name, value)| format!("{name}={value}\n");
        self.variables().into_iter().map(line).collect()
    }
}

fn up_one(server: Server, via: Option<Way>, factum: &Path, say: Say<'_>) -> Result<String> {
    let name = server.name();
    if let Some(address) = given(server) {
        server
            .ask(&address)
            .with_context(|| format!("{}={address}", server.variable()))?;
        say(&format!("{name}: as given by {}", server.variable()));
        return Ok(address);
    }
    let record = Record::named(factum, name);
    let earlier = record.load();
    if let Some(instance) = earlier.as_ref().filter(|it| suits(it, via) && it.serves()) {
        say(&format!(
            "{name}: already running ({})",
            instance.way.name()
        ));
        return Ok(instance.address());
    }
    let port = earlier
        .map(|instance| clear(instance, &record))
        .transpose()?;
    let way = choose(server, via, |way| probe(server, way))?;
    let instance = Instance::new(server, way, &factum.join(name), port)?;
    start(instance, &record, say)
}

/// The address in the environment.
fn given(server: Server) -> Option<String> {
    std::env::var(server.variable())
        .ok()
        .filter(|text| !text.is_empty())
}

fn suits(instance: &Instance, via: Option<Way>) -> bool {
    via.is_none_or(|way| way == instance.way)
}

/// Stops what is left of an earlier instance; its port is the one to try first.
fn clear(mut earlier: Instance, record: &Record) -> Result<u16> {
    earlier.stop(false)?;
    record.save(&earlier)?;
    Ok(earlier.port)
}

fn start(mut instance: Instance, record: &Record, say: Say<'_>) -> Result<String> {
    let name = instance.server.name();
    say(&format!("{name}: starting ({}) …", instance.way.name()));
    let begin = Instant::now();
    // Recorded before each step: whenever this process ends, `down` knows where to look.
    record.save(&instance)?;
    let launched = instance.launch(say);
    let ready = record
        .save(&instance)
        .and(launched)
        .and_then(|()| instance.wait_ready());
    if let Err(error) = ready {
        instance.stop(false)?;
        record.save(&instance)?;
        return Err(error.context(format!("cannot start {name}")));
    }
    say(&format!(
        "{name}: ready after {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    Ok(instance.address())
}

fn running_address(factum: &Path, server: Server) -> Option<String> {
    let instance = Record::named(factum, server.name()).load()?;
    instance.serves().then(|| instance.address())
}

/// A wanted server that was up and has died since, in words.
pub fn failed(wanted: Wanted) -> Option<String> {
    let factum = factum_dir();
    let servers = [
        (Server::Kafka, wanted.kafka),
        (Server::Postgres, wanted.postgres),
    ];
    let started = servers
        .into_iter()
        .filter(|(server, wanted)| *wanted && given(*server).is_none());
    let instances = started.filter_map(|(server, _)| Record::named(&factum, server.name()).load());
    instances
        .filter(Instance::is_dead)
        .map(|instance| instance.obituary())
        .next()
}

/// Stops every server that was started here, also one that was left half-started, and those of
/// tests that died. Their data stays for the next `up`, unless `wipe` is set.
///
/// # Errors
/// When one cannot be stopped; the others are stopped all the same.
pub fn down(wipe: bool, say: Say<'_>) -> Result<()> {
    let factum = factum_dir();
    let _lock = lock(&factum)?;
    let _ = fs::remove_file(factum.join("env"));
    if wipe {
        // The demo's logs and notes: without the servers' data they are not true any more.
        let _ = fs::remove_dir_all(factum.join("demo"));
    }
    let records = Record::all(&factum);
    let results: Vec<_> = std::thread::scope(|scope| {
        let stops = records
            .iter()
            .map(|record| scope.spawn(|| down_one(record, wipe, say)));
        let stops: Vec<_> = stops.collect();
        stops.into_iter().map(|stop| stop.join()).collect()
    });
    for result in results {
        result.unwrap_or_else(|_| Err(anyhow!("stopping a server panicked")))?;
    }
    Ok(())
}

fn down_one(record: &Record, wipe: bool, say: Say<'_>) -> Result<()> {
    let Some(mut instance) = record.load() else {
        return Ok(());
    };
    if instance
        .owner
        .as_ref()
        .is_some_and(|owner| owner.is_alive())
    {
        return Ok(()); // a test is using it and will stop it
    }
    let was_running = instance.state != State::Stopped;
    instance.stop(wipe)?;
    let orphan = instance.owner.is_some();
    if wipe || orphan {
        instance.wipe();
        record.remove();
    } else {
        record.save(&instance)?;
    }
    if was_running {
        say(&format!("{}: stopped", instance.server.name()));
    }
    Ok(())
}

/// Held by whoever starts or stops the shared servers, so that two do not at once.
fn lock(factum: &Path) -> Result<File> {
    fs::create_dir_all(factum).with_context(|| format!("cannot make {}", factum.display()))?;
    let file = File::create(factum.join("lock")).context("cannot make target/factum/lock")?;
    file.lock().context("cannot lock target/factum/lock")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_file_names_what_runs() {
        let kafka = Some("127.0.0.1:1".to_owned());
        let one = Addresses {
            kafka: kafka.clone(),
            postgres: None,
        };
        assert_eq!(one.lines(), "FACTUM_TEST_KAFKA=127.0.0.1:1\n");
        let both = Addresses {
            kafka,
            postgres: Some("postgres://x@h:2/d".into()),
        };
        assert!(
            both.lines()
                .ends_with("FACTUM_TEST_POSTGRES=postgres://x@h:2/d\n")
        );
    }
}
