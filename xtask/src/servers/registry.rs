//! One schema registry, Apicurio's, from a folder of jars. It speaks Confluent's API, and keeps all in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::way::Way;
use super::{Say, maven};

const PATIENCE: Duration = Duration::from_secs(5);

/// Where its API begins that is Confluent's.
pub(crate) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

/// An Apicurio registry on this machine; if there is none, where it was looked for.
pub(crate) fn local_home() -> Result<PathBuf, String> {
    let home = std::env::var_os("APICURIO_HOME").map(PathBuf::from);
    let home = home.ok_or("no APICURIO_HOME")?;
    runner(&home).map_or_else(
        || Err(format!("{} holds no …-runner.jar", home.display())),
        |_| Ok(home.clone()),
    )
}

fn runner(home: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(home).ok()?.flatten().map(|it| it.path());
    let is_runner = |file: &PathBuf| file.to_string_lossy().ends_with("-runner.jar");
    files.filter(is_runner).max()
}

/// The command that starts one on `port`, in `home`.
pub(crate) fn prepare(way: Way, home: &Path, port: u16, say: Say<'_>) -> Result<Command> {
    let java = maven::java().map_err(anyhow::Error::msg)?;
    let jars = match way {
        Way::Local => local_home().map_err(anyhow::Error::msg)?,
        _ => maven::registry_home(say)?,
    };
    let runner =
        runner(&jars).with_context(|| format!("{} holds no …-runner.jar", jars.display()))?;
    let mut command = Command::new(java);
    command
        // It starts in half the time with the lesser compiler, and is never busy.
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dquarkus.http.host=127.0.0.1")
        .arg(format!("-Dquarkus.http.port={port}"))
        .arg("-Dquarkus.log.level=WARN")
        .env("REGISTRY_LOG_LEVEL", "WARN")
        .arg("-jar")
        .arg(runner)
        .current_dir(home);
    Ok(command)
}

/// Asks for the subjects.
///
/// # Errors
/// When it does not answer, or is no registry.
pub(crate) fn ask(address: &str) -> Result<()> {
    let url = format!("{}/subjects", address.trim_end_matches('/'));
    let ask = ureq::get(&url)
        .config()
        .timeout_global(Some(PATIENCE))
        .build();
    let answer = ask.call()?.body_mut().read_to_string()?;
    serde_json::from_str::<Vec<String>>(&answer).context("what answers is no schema registry")?;
    Ok(())
}
