//! Where Postgres's programs are on this machine, and which ones can be fetched for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::way::{on_path, output_of};

const OLDEST: u32 = 14;

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

/// The version of the programs in `bin`.
pub(crate) fn major_version(bin: &Path) -> Option<u32> {
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
}
