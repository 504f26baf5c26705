//! What a folder of schemas was in another commit.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use factum_build::Release;

use super::SchemaError;

/// The version files that the folder had in `reference`.
///
/// # Errors
/// Git cannot tell; or there were none, unless that `is_new` to it: a check would hold nothing against
/// the tree, and a folder that was renamed would pass.
pub(super) fn release(
    folder: &Path,
    reference: &str,
    is_new: bool,
) -> Result<Release, SchemaError> {
    let git = Git { folder, reference };
    let commit = git.commit()?;
    let paths = git.text(&["ls-tree", "-r", "-z", "--name-only", &commit, "./"])?;
    let paths: Vec<_> = paths
        .split('\0')
        .filter(|path| path.ends_with(".avsc"))
        .collect();
    let asked: String = paths
        .iter()
        .map(|path| format!("{commit}:./{path}\n"))
        .collect();
    let answer = git.run(&["cat-file", "--batch"], asked.as_bytes())?;
    let files = blobs(&answer, &paths);
    let release = Release {
        name: reference.to_owned(),
        files: files.ok_or_else(|| git.failed("its answer cannot be read"))?,
    };
    match release.versions() {
        0 if !is_new => Err(git.nothing_released()),
        _ => Ok(release),
    }
}

/// What is asked, and where.
struct Git<'a> {
    folder: &'a Path,
    reference: &'a str,
}

impl Git<'_> {
    fn failed(&self, said: &str) -> SchemaError {
        SchemaError::Git {
            folder: self.folder.to_owned(),
            reference: self.reference.to_owned(),
            said: said.to_owned(),
        }
    }

    fn nothing_released(&self) -> SchemaError {
        SchemaError::NothingReleased {
            folder: self.folder.to_owned(),
            reference: self.reference.to_owned(),
        }
    }

    fn commit(&self) -> Result<String, SchemaError> {
        // An option in place of a name would be git's to follow.
        if self.reference.starts_with('-') {
            return Err(self.failed("a name does not start with a dash"));
        }
        let commit = format!("{}^{{commit}}", self.reference);
        let id = self.text(&["rev-parse", "--verify", "--quiet", &commit])?;
        Ok(id.trim().to_owned())
    }

    fn text(&self, args: &[&str]) -> Result<String, SchemaError> {
        let bytes = self.run(args, &[])?;
        String::from_utf8(bytes).map_err(|_| self.failed("a path is not UTF-8"))
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, SchemaError> {
        let output = output(self.folder, args, input).map_err(SchemaError::NoGit)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(self.failed(&said(&output.stderr))),
        }
    }
}

/// Runs git in the folder. What it is asked for is written while its answer is read.
fn output(folder: &Path, args: &[&str], input: &[u8]) -> io::Result<Output> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })
}

/// Git's own words; with `--quiet` it has none for a name that it does not know.
fn said(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    match said.trim().lines().next() {
        Some(line) => line.trim_start_matches("fatal: ").to_owned(),
        None => "it knows no such branch, tag or commit".to_owned(),
    }
}

/// `<id> blob <size>`, a line; the file, and a line's end: for each path.
fn blobs(answer: &[u8], paths: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut rest = answer;
    let mut files = BTreeMap::new();
    for path in paths {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let size: usize = head.rsplit_once(" blob ")?.1.parse().ok()?;
        let (blob, left) = rest[end + 1..].split_at_checked(size)?;
        files.insert(
            (*path).to_owned(),
            String::from_utf8_lossy(blob).into_owned(),
        );
        rest = left.strip_prefix(b"\n")?;
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_from_a_batch() {
        let answer = b"0a1b blob 3\n{\n}\n0a1c blob 0\n\n";
        let files = blobs(answer, &["a/1.avsc", "b/1.avsc"]).unwrap();
        assert_eq!(files["a/1.avsc"], "{\n}");
        assert_eq!(files["b/1.avsc"], "");
        assert_eq!(blobs(b"0a1b blob 9\n{}\n", &["a"]), None);
        assert_eq!(blobs(b"a missing\n", &["a"]), None);
    }
}
