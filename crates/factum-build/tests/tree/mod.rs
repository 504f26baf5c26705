//! A folder of schemas for one test.

use std::fs;
use std::path::PathBuf;

use factum_build::Builder;
use tempfile::TempDir;

/// A temporary folder with `schemas/` and `out/`.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// A tree with these files: `bank/loan/Submitted/1.avsc`, and their texts.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("out")).unwrap();
        fs::create_dir_all(folder.path().join("schemas")).unwrap();
        let tree = Self { folder };
        for (name, text) in files {
            tree.write(name, text);
        }
        tree
    }

    #[allow(dead_code)] // Not every test needs one.
    /// A tree with versions of the event `bank.loan.Submitted`, each given by its fields.
    pub fn submitted(versions: &[&str]) -> Self {
        let tree = Self::new(&[]);
        for (index, fields) in versions.iter().enumerate() {
            let name = format!("bank/loan/Submitted/{}.avsc", index + 1);
            tree.write(&name, &event("Submitted", fields));
        }
        tree
    }

    pub fn schemas(&self) -> PathBuf {
        self.folder.path().join("schemas")
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.schemas().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What generates code into `out/`, without a lock unless `locked`.
    pub fn builder(&self, locked: bool) -> Builder {
        Builder::new().out_dir(self.out()).locked(locked)
    }

    #[allow(dead_code)] // Not every test needs one.
    /// Generates code, without a lock unless `locked`.
    pub fn compile(&self, locked: bool) -> Result<(), Vec<String>> {
        let result = self.builder(locked).compile(self.schemas());
        let prefix = format!("{}/", self.folder.path().display());
        result.map_err(|error| {
            let text = error.to_string().replace(&prefix, "");
            text.lines().skip(1).map(str::to_owned).collect()
        })
    }

    #[allow(dead_code)] // Not every test needs one.
    /// The findings of a tree that is not in order.
    #[track_caller]
    pub fn findings(&self) -> Vec<String> {
        self.compile(false).expect_err("the tree is not in order")
    }
}

/// The event's schema with these fields.
pub fn event(name: &str, fields: &str) -> String {
    format!(
        r#"{{"type": "record", "name": "{name}", "namespace": "bank.loan", "fields": [{fields}]}}"#
    )
}
