//! Server binaries through Maven, from the one checked-in `xtask/servers/pom.xml`.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::way::{on_path, output_of};
use super::{Say, shared::factum_dir};

const POM: &str = include_str!("../../servers/pom.xml");
const OLDEST_JAVA: u32 = 17;

/// Whether Maven and a Java that runs Kafka are here; if not, what is missing.
pub(crate) fn available() -> Result<(), String> {
    on_path("mvn").ok_or("no `mvn` on PATH")?;
    java().map(drop)
}

/// The Java to run servers with, 17 or newer: JAVA_HOME's, else the one on PATH.
pub(crate) fn java() -> Result<PathBuf, String> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let java = home
        .filter(|java| java.is_file())
        .or_else(|| on_path("java"));
    let java = java.ok_or("no `java` on PATH or in JAVA_HOME")?;
    let text = output_of(Command::new(&java).arg("-version")).unwrap_or_default();
    match java_version(&text) {
        Some(OLDEST_JAVA..) => Ok(java),
        Some(old) => Err(format!(
            "{} is Java {old}, 17 or newer is needed",
            java.display()
        )),
        None => Err(format!("{} does not tell its version", java.display())),
    }
}

/// The major version in the output of `java -version`.
fn java_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("version \"")?;
    version.split(['.', '-', '"']).next()?.parse().ok()
}

/// A version from the pom's properties.
pub(crate) fn version_of(property: &str) -> &'static str {
    let (_, rest) = POM
        .split_once(&format!("<{property}>"))
        .expect("the pom has the property");
    rest.split('<')
        .next()
        .expect("split yields at least one part")
}

/// Kafka's jars: the directory that holds them, filled when it was not.
///
/// # Errors
/// When Maven fails; its own output is in `target/factum/maven.log`.
pub(crate) fn kafka_jars(say: Say<'_>) -> Result<PathBuf> {
    let version = version_of("kafka.version");
    let libs = factum_dir().join(format!("maven/kafka-{version}"));
    once(&libs, |fresh| {
        say(&format!(
            "kafka: fetching Kafka {version} through Maven (46 jars, 44 MB, once) …"
        ));
        copy(
            "kafka",
            "copy-dependencies",
            fresh,
            &["-DincludeScope=runtime"],
        )
    })?;
    Ok(libs)
}

/// Postgres for `platform`, unpacked into `into`: the directory of its programs.
///
/// # Errors
/// When Maven fails, or the archive is not what it should be.
pub(crate) fn postgres_bin(platform: &str, into: &Path, say: Say<'_>) -> Result<PathBuf> {
    let version = version_of("postgres.version");
    let unpacked = into.join(format!("postgres-{version}"));
    once(&unpacked, |fresh| {
        say(&format!(
            "postgres: fetching Postgres {version} through Maven (15 MB, once) …"
        ));
        let platform = format!("-Dpostgres.platform={platform}");
        copy("postgres", "unpack-dependencies", fresh, &[&platform])?;
        unpack(&archive_in(fresh)?, fresh)
    })?;
    Ok(unpacked.join("bin"))
}

/// The folder of the Apicurio registry, filled when it was not.
///
/// # Errors
/// When Maven fails.
pub(crate) fn registry_home(say: Say<'_>) -> Result<PathBuf> {
    let version = version_of("registry.version");
    let home = factum_dir().join(format!("maven/registry-{version}"));
    once(&home, |fresh| {
        say(&format!(
            "registry: fetching Apicurio Registry {version} through Maven (142 MB, once) …"
        ));
        let artifact = format!("-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all");
        copy("registry", "unpack", fresh, &[&artifact])
    })?;
    Ok(home)
}

/// Fills `dir` through `fill`, unless an earlier run has. Half a result is never left under the
/// name, and no two processes fill at once: Maven's local repository has no lock of its own.
fn once(dir: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    fs::create_dir_all(factum_dir())?;
    let lock = File::create(factum_dir().join("maven.lock"))?;
    lock.lock().context("cannot lock maven.lock")?;
    if dir.is_dir() {
        return Ok(());
    }
    let mut fresh = dir.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    fill(&fresh)?;
    fs::rename(&fresh, dir).with_context(|| format!("cannot make {}", dir.display()))
}

fn copy(profile: &str, goal: &str, into: &Path, settings: &[&str]) -> Result<()> {
    let log = factum_dir().join("maven.log");
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = Command::new("mvn")
        .args(["--batch-mode", "--no-transfer-progress", "--file"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/servers/pom.xml"))
        .args([
            "--activate-profiles",
            profile,
            &format!("dependency:{goal}"),
        ])
        .arg(format!("-DoutputDirectory={}", into.display()))
        .args(settings)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .status()
        .context("cannot run mvn")?;
    ensure!(
        status.success(),
        "Maven could not fetch {profile}: see {}",
        log.display()
    );
    Ok(())
}

fn archive_in(dir: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(dir)?.flatten().map(|entry| entry.path());
    match files
        .into_iter()
        .find(|file| file.extension().is_some_and(|e| e == "txz"))
    {
        Some(archive) => Ok(archive),
        None => bail!(
            "the Postgres artifact holds no .txz archive: {}",
            dir.display()
        ),
    }
}

fn unpack(archive: &Path, into: &Path) -> Result<()> {
    let compressed = BufReader::new(File::open(archive)?);
    tar::Archive::new(lzma_rust2::XzReader::new(compressed, true))
        .unpack(into)
        .with_context(|| format!("cannot unpack {}", archive.display()))?;
    fs::remove_file(archive).context("cannot remove the unpacked archive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_many_ways() {
        assert_eq!(
            java_version("openjdk version \"17.0.15\" 2025-04-15"),
            Some(17)
        );
        assert_eq!(java_version("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(
            java_version("openjdk version \"26-ea\" 2026-03-17"),
            Some(26)
        );
        assert_eq!(java_version("java version \"1.8.0_451\""), Some(1));
        assert_eq!(java_version("no java here"), None);
    }

    #[test]
    fn the_versions_come_from_the_pom() {
        assert!(version_of("kafka.version").starts_with("4."));
        assert!(version_of("postgres.version").starts_with("17."));
    }
}
