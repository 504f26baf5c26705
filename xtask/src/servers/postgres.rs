//! One Postgres server from a directory of programs.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use postgres::{Config, NoTls};

use super::place::{User, reachable, unprivileged};
use super::way::{Way, on_path, output_of};
use super::{Say, maven};

const OLDEST: u32 = 14;
const PATIENCE: Duration = Duration::from_secs(3);

/// What a client connects to. The user is the server's superuser and needs no password: the server
/// listens on this machine only.
pub(crate) fn address(port: u16) -> String {
    format!("postgres://factum@127.0.0.1:{port}/postgres")
}

/// The platform's name in the Maven artifact.
pub(crate) fn platform() -> Result<String, String> {
    let os = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => return Err(format!("there is no Postgres artifact for {other}")),
    };
    match std::env::consts::ARCH {
        "x86_64" => Ok(format!("{os}-amd64")),
        "aarch64" => Ok(format!("{os}-arm64v8")),
        other => Err(format!("there is no Postgres artifact for {os} on {other}")),
    }
}

/// The programs of the newest Postgres on this machine; if none will do, why.
pub(crate) fn local_bin() -> Result<PathBuf, String> {
    let on_path = on_path("postgres").and_then(|file| Some(file.parent()?.to_owned()));
    let children = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten();
    let packaged = ["/usr/lib/postgresql", "/opt/homebrew/opt"]
        .into_iter()
        .flat_map(children);
    let packaged = packaged.map(|entry| entry.path().join("bin"));
    let bins = on_path.into_iter().chain(packaged);
    let complete = bins.filter(|bin| ["postgres", "initdb"].iter().all(|p| bin.join(p).is_file()));
    let newest = complete
        .filter_map(|bin| Some((major_version(&bin)?, bin)))
        .max();
    match newest {
        Some((OLDEST.., bin)) => Ok(bin),
        Some((old, _)) => Err(format!(
            "the newest Postgres here is {old}, 14 is the oldest"
        )),
        None => Err("no `postgres` with `initdb` on PATH or in /usr/lib/postgresql".into()),
    }
}

fn major_version(bin: &Path) -> Option<u32> {
    parse_version(&output_of(
        Command::new(bin.join("postgres")).arg("--version"),
    )?)
}

/// The major version in the output of `postgres --version`.
fn parse_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..digits].parse().ok()
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
        init(&bin, &data, user.as_ref())?;
    }
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

/// Postgres's user must reach the programs too.
fn maven_bin(user: Option<&User>, say: Say<'_>) -> Result<PathBuf> {
    let platform = platform().map_err(anyhow::Error::msg)?;
    let into = reachable(&super::factum_dir().join("maven/postgres"), user)?;
    maven::postgres_bin(&platform, &into, say)
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
    // On a thread of its own: the client blocks, which it may not do inside an async runtime.
    let query = move || config.connect(NoTls)?.simple_query("SELECT 1").map(drop);
    match std::thread::spawn(query).join() {
        Ok(answer) => answer.context("no Postgres answers"),
        Err(_) => Err(anyhow!("the Postgres client panicked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_tells_its_version_in_many_ways() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("postgres (PostgreSQL) 17\n"), Some(17));
        assert_eq!(parse_version("psql"), None);
    }

    #[test]
    fn nobody_at_the_address_is_an_error() {
        let port = super::super::port::free(None).unwrap();
        assert!(ask(&address(port)).is_err());
    }
}
