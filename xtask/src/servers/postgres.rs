//! One Postgres server from a directory of programs.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use postgres::{Config, NoTls};

use super::detached::Process;
use super::place::{User, reachable, unprivileged};
use super::programs::{local_bin, major_version, platform};
use super::{Say, Way, maven};

const PATIENCE: Duration = Duration::from_secs(3);

/// What a client connects to. The user is the server's superuser and needs no password: the server
/// listens on this machine only.
pub(crate) fn address(port: u16) -> String {
    format!("postgres://factum@127.0.0.1:{port}/postgres")
}

/// The directory to work in for an instance that is given `dir`.
pub(crate) fn home_in(dir: &Path) -> Result<PathBuf> {
    reachable(dir, unprivileged()?.as_ref())
}

/// Makes `home` ready for a server on `port`; the command then starts it.
pub(crate) fn prepare(way: Way, home: &Path, port: u16, say: Say<'_>) -> Result<Command> {
    let user = unprivileged()?;
    let bin = match way {
        Way::Local => local_bin().map_err(anyhow::Error::msg)?,
        _ => maven_bin(user.as_ref(), say)?,
    };
    let major = major_version(&bin).context("Postgres does not tell its version")?;
    let data = home.join(format!("data-{major}"));
    if !data.exists() {
        if let Some(other) = data_in(home) {
            let other = other.display();
            say(&format!(
                "postgres: {other} stays as it is; Postgres {major} begins without it"
            ));
        }
        init(&bin, &data, user.as_ref())?;
    }
    remove_stale_lock(&data);
    let mut command = command_as(user.as_ref(), &bin.join("postgres"), home);
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
    ] {
        command.args(["-c", setting]);
    }
    Ok(command)
}

/// A data directory, of whichever version. A Postgres cannot read what another major version wrote.
fn data_in(home: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(home).ok()?.flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.find(|path| path.join("PG_VERSION").is_file() && path.extension().is_none())
}

/// Postgres's user must reach the programs too.
fn maven_bin(user: Option<&User>, say: Say<'_>) -> Result<PathBuf> {
    let platform = platform().map_err(anyhow::Error::msg)?;
    let into = reachable(&super::factum_dir().join("maven/postgres"), user)?;
    maven::postgres_bin(&platform, &into, say)
}

/// A killed server leaves its process id behind, and the next one refuses to start while anything
/// has that id: a zombie that nobody collects, or a stranger in a container that began anew. Called
/// when no server works here any more, so the note is not true, whoever has the id.
fn remove_stale_lock(data: &Path) {
    let lock = data.join("postmaster.pid");
    let text = fs::read_to_string(&lock).unwrap_or_default();
    let pid = text.lines().next().and_then(|line| line.parse().ok());
    // On its own Postgres does better: it also frees the shared memory that the note names.
    if cfg!(target_os = "linux") && pid.and_then(Process::with_id).is_some() {
        let _ = fs::remove_file(lock);
    }
}

/// A data directory appears whole or not at all.
fn init(bin: &Path, data: &Path, user: Option<&User>) -> Result<()> {
    let fresh = data.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    let home = data.parent().context("the data directory has a parent")?;
    let output = command_as(user, &bin.join("initdb"), home)
        .args([
            "--username=factum",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .arg("--pgdata")
        .arg(&fresh)
        .stdin(Stdio::null())
        .output()
        .context("cannot run initdb")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "initdb failed in {}:\n{said}",
        fresh.display()
    );
    fs::rename(&fresh, data).with_context(|| format!("cannot make {}", data.display()))
}

/// Copies the data of a server that does not run, for one that will follow it once it runs on `port`.
pub(crate) fn copy_as_standby(from: &Path, to: &Path, port: u16) -> Result<()> {
    let data = data_in(from).context("the primary has no data")?;
    let name = data.file_name().context("the data directory has a name")?;
    let copied = Command::new("cp").arg("-a").args([&data, to]).output()?;
    let said = String::from_utf8_lossy(&copied.stderr);
    ensure!(
        copied.status.success(),
        "cannot copy {}:\n{said}",
        data.display()
    );
    let settings = to.join(name).join("postgresql.auto.conf");
    let follow = format!("primary_conninfo = 'host=127.0.0.1 port={port} user=factum'\n");
    let text = fs::read_to_string(&settings)? + &follow;
    fs::write(&settings, text)?;
    Ok(fs::write(to.join(name).join("standby.signal"), "")?)
}

fn command_as(user: Option<&User>, program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env("HOME", home)
        .env("LC_ALL", "C");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Sends a query.
///
/// # Errors
/// When there is no answer within a few seconds, with the cause.
pub(crate) fn ask(url: &str) -> Result<()> {
    let mut config: Config = url.parse().context("not a Postgres address")?;
    config.connect_timeout(PATIENCE);
    let (sender, answer) = mpsc::channel();
    // On a thread of its own: the client blocks, which it may not do inside an async runtime, and
    // it may block for ever on a server that accepts and then says nothing.
    std::thread::spawn(move || {
        let query = || config.connect(NoTls)?.simple_query("SELECT 1").map(drop);
        let _ = sender.send(query());
    });
    match answer.recv_timeout(PATIENCE) {
        Ok(answer) => answer.context("no Postgres answers"),
        Err(_) => bail!("Postgres does not answer within {} s", PATIENCE.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_stale_lock_goes_only_where_postgres_would_trip_over_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("postmaster.pid");
        fs::write(&lock, format!("{}\n/data\n", i32::MAX)).unwrap();
        remove_stale_lock(dir.path());
        assert!(lock.exists());
        fs::write(&lock, format!("{}\n/data\n", std::process::id())).unwrap();
        remove_stale_lock(dir.path());
        assert!(!lock.exists());
    }

    #[test]
    fn data_of_another_version_is_seen() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(data_in(home.path()), None);
        let data = home.path().join("data-15");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("PG_VERSION"), "15").unwrap();
        assert_eq!(data_in(home.path()), Some(data));
    }

    #[test]
    fn a_server_that_says_nothing_is_an_error() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let error = ask(&address(silent.local_addr().unwrap().port())).unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error:#}");
    }

    #[test]
    fn nobody_at_the_address_is_an_error() {
        let port = super::super::port::free(None).unwrap();
        assert!(ask(&address(port)).is_err());
    }
}
