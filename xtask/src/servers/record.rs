//! What runs, in files: one below `target/factum/servers/` for each instance. A later run finds,
//! reuses and stops by them what an earlier one started.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::instance::Instance;

/// The file of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Record(PathBuf);

impl Record {
    /// The record called `name` in the directory `factum`.
    pub(crate) fn named(factum: &Path, name: &str) -> Record {
        Record(factum.join("servers").join(format!("{name}.json")))
    }

    /// All records in the directory `factum`.
    pub(crate) fn all(factum: &Path) -> Vec<Record> {
        let files = fs::read_dir(factum.join("servers"))
            .into_iter()
            .flatten()
            .flatten();
        let json = |file: &PathBuf| file.extension().is_some_and(|end| end == "json");
        files
            .map(|entry| entry.path())
            .filter(json)
            .map(Record)
            .collect()
    }

    /// The instance; none when there is no record, or one that this version cannot read.
    pub(crate) fn load(&self) -> Option<Instance> {
        serde_json::from_slice(&fs::read(&self.0).ok()?).ok()
    }

    /// Replaces the record as a whole.
    pub(crate) fn save(&self, instance: &Instance) -> Result<()> {
        let write = || -> Result<()> {
            fs::create_dir_all(self.0.parent().context("a record has a directory")?)?;
            let fresh = self.0.with_extension("new");
            fs::write(&fresh, serde_json::to_vec_pretty(instance)?)?;
            Ok(fs::rename(fresh, &self.0)?)
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }

    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::detached::Process;
    use crate::servers::instance::State;
    use crate::servers::{Server, Way};

    fn instance(state: State) -> Instance {
        let home = PathBuf::from("/somewhere/else");
        let (server, way, dir) = (Server::Postgres, Way::Maven, PathBuf::from("/somewhere"));
        Instance {
            server,
            way,
            port: 20_001,
            state,
            dir,
            home,
            owner: Process::this(),
        }
    }

    #[test]
    fn an_instance_comes_back_as_it_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::named(dir.path(), "postgres");
        assert!(record.load().is_none());
        let process = Process {
            pid: 4711,
            started: "boot/12".into(),
        };
        for state in [State::Process(process), State::Container, State::Stopped] {
            let saved = instance(state);
            record.save(&saved).unwrap();
            assert_eq!(record.load(), Some(saved));
        }
        assert_eq!(Record::all(dir.path()).len(), 1);
        record.remove();
        assert!(record.load().is_none() && Record::all(dir.path()).is_empty());
    }

    #[test]
    fn a_record_of_another_shape_is_no_record() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::named(dir.path(), "kafka");
        record.save(&instance(State::Stopped)).unwrap();
        fs::write(&record.0, "{\"server\":\"kafka\"}").unwrap();
        assert!(record.load().is_none());
    }
}
