//! One module for each sub-command.

use std::path::Path;
use std::process::Command;

pub(crate) mod bench;
pub(crate) mod chaos;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod test;
pub(crate) mod up;

/// Progress goes to stderr: stdout is for results.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// What programs of Factum read from the environment: which database and log they work on, and how. What a user has set
/// for operations, no test, bench or demo may work on. The bench `rebuild` reads FACTUM_REBUILD_RATE itself.
const OF_PROGRAMS: [&str; 21] = [
    "FACTUM_AGGREGATE",
    "FACTUM_BATCH_BYTES",
    "FACTUM_HTTP",
    "FACTUM_LOCK_WAIT",
    "FACTUM_LOG",
    "FACTUM_LOG_FORMAT",
    "FACTUM_MAX_PARKED",
    "FACTUM_ON_FAILURE",
    "FACTUM_POSTGRES",
    "FACTUM_REGISTRY",
    "FACTUM_REGISTRY_CA",
    "FACTUM_REGISTRY_CACHE",
    "FACTUM_RETRIES",
    "FACTUM_SCHEMA",
    "FACTUM_SCHEMAS",
    "FACTUM_SERVICE",
    "FACTUM_STANDBY",
    "FACTUM_START_TIMEOUT",
    "FACTUM_STATE",
    "FACTUM_SWITCH",
    "FACTUM_TOPIC",
];

/// The command without what is meant for programs that a user operates.
pub(crate) fn without_operations(command: &mut Command) {
    for name in OF_PROGRAMS {
        command.env_remove(name);
    }
}

/// The cargo that runs this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    // What Cargo tells a program about its own package is not true for the packages it builds.
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
        command.env_remove(name);
    }
    without_operations(&mut command);
    command
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The variables that the flags of programs below `path` take.
    fn taken(path: &Path) -> Vec<String> {
        if let Ok(entries) = fs::read_dir(path) {
            return entries.flatten().flat_map(|it| taken(&it.path())).collect();
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        let names = text.split("env = \"").skip(1);
        let names = names.filter_map(|it| it.split('"').next());
        let names = names.filter(|it| it.starts_with("FACTUM_"));
        names.map(str::to_owned).collect()
    }

    #[test]
    fn no_program_under_test_hears_of_what_a_user_operates() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let packages = ["crates", "examples"].map(|dir| fs::read_dir(workspace.join(dir)).unwrap());
        let packages = packages.into_iter().flatten().flatten();
        let mut names: Vec<_> = packages
            .flat_map(|it| taken(&it.path().join("src")))
            .collect();
        names.retain(|it| it != "FACTUM_REBUILD_RATE");
        names.sort();
        names.dedup();
        assert_eq!(names, OF_PROGRAMS);
        let command = cargo();
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        assert!(
            OF_PROGRAMS
                .iter()
                .all(|it| removed.iter().any(|name| name == it))
        );
    }
}
