//! A folder of schemas, to build and to check.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use factum_build::Builder;
use tempfile::TempDir;

/// A temporary folder with `schemas/`.
pub struct Tree(TempDir);

/// What a program answered.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Tree {
    /// A folder without schemas.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The event `bank.loan.Submitted`, released in a version of these fields.
    pub fn released(fields: &str) -> Self {
        let tree = Self::empty();
        tree.submitted(1, fields);
        assert_eq!(tree.build(), Vec::<String>::new());
        tree
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file in `schemas/`.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join("schemas").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path().join("schemas").join(name)).unwrap();
    }

    /// A version of the event `bank.loan.Submitted` with these fields.
    pub fn submitted(&self, version: u32, fields: &str) {
        let text = format!(
            r#"{{"type": "record", "name": "Submitted", "namespace": "bank.loan", "fields": [{fields}]}}"#
        );
        self.write(&format!("bank/loan/Submitted/{version}.avsc"), &text);
    }

    /// What a build finds, a line each.
    pub fn build(&self) -> Vec<String> {
        let out = self.path().join("out");
        fs::create_dir_all(&out).unwrap();
        let builder = Builder::new().out_dir(out).locked(false);
        let built = builder.compile(self.path().join("schemas"));
        let prefix = format!("{}/", self.path().display());
        let findings = built.map_err(|error| error.findings().to_vec()).err();
        let lines = findings.into_iter().flatten().map(|finding| {
            let line = format!("{finding} [{}]", finding.rule.as_str());
            line.replace(&prefix, "")
        });
        lines.collect()
    }

    /// Runs `factum schema …` beside `schemas/`.
    pub fn schema(&self, arguments: &[&str]) -> Answer {
        answer(self.command(arguments).output().unwrap())
    }

    /// The same with a variable in the environment.
    pub fn schema_in(&self, arguments: &[&str], (name, value): (&str, &str)) -> Answer {
        let mut command = self.command(arguments);
        answer(command.env(name, value).output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
        command
            .arg("schema")
            .args(arguments)
            .current_dir(self.path());
        for name in [
            "CI",
            "FACTUM_LOCKED",
            "FACTUM_REGISTRY",
            "FACTUM_REGISTRY_CA",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs git there; nothing of the machine's own settings counts.
    pub fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "commit.gpgsign=false",
        ]);
        command.args(arguments).current_dir(self.path());
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Commits everything.
    pub fn commit(&self) {
        self.git(&["init", "--quiet", "--initial-branch", "main"]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "all"]);
    }
}

fn answer(output: Output) -> Answer {
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
