//! The way from a folder to generated files.

use std::env;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;

use crate::aggregate::Aggregate;
use crate::finding::{Error, Finding, settle};
use crate::generate::Scope;
use crate::model::Version;
use crate::output::{Generated, Output};
use crate::tree::Source;
use crate::{generate, lock, lower, output, shared, tree};

/// Generates code from the schemas in `folder`, with the default options of [`Builder`].
///
/// # Errors
/// Every mistake in the schemas, with file and JSON pointer; or a file that can't be read or written.
pub fn compile(folder: impl AsRef<Path>) -> crate::Result {
    Builder::new().compile(folder)
}

/// Options for generating code.
#[derive(Clone, Debug)]
pub struct Builder {
    facade: String,
    out_dir: Option<PathBuf>,
    locked: Option<bool>,
    serde: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The defaults, for a package that depends on `factum`, built by Cargo.
    pub fn new() -> Self {
        Self {
            facade: "::factum".to_owned(),
            out_dir: None,
            locked: None,
            serde: false,
        }
    }

    /// The path under which the generated code finds the crate `factum`; `::factum` by default.
    #[must_use]
    pub fn facade(mut self, path: impl Into<String>) -> Self {
        self.facade = path.into();
        self
    }

    /// Where the generated files go; Cargo's `OUT_DIR` by default.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Whether a version that `schemas.lock` doesn't list is an error, instead of being added.
    ///
    /// By default the environment says: `FACTUM_LOCKED` (1 or 0), and if it isn't set, `CI=true`
    /// means locked.
    #[must_use]
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = Some(locked);
        self
    }

    /// Whether the types derive serde's `Serialize` and `Deserialize`; they don't by default.
    ///
    /// Fields, symbols and branches are called as in the schema, and unions look as in Avro's JSON
    /// encoding. The package then depends on `serde` with the feature `derive`, and on `jiff` and `uuid`
    /// with the feature `serde` where their types are used.
    #[must_use]
    pub fn serde(mut self, serde: bool) -> Self {
        self.serde = serde;
        self
    }

    /// Generates code from the schemas in `folder`, relative to the package's own folder.
    ///
    /// Nothing is written unless every schema is in order.
    ///
    /// # Errors
    /// Every mistake in the schemas, with file and JSON pointer; or a file that can't be read or
    /// written.
    pub fn compile(&self, folder: impl AsRef<Path>) -> crate::Result {
        let shown = folder.as_ref().display().to_string();
        let root = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => Path::new(&package).join(&folder),
            None => folder.as_ref().to_path_buf(),
        };
        for instruction in [
            "rerun-if-env-changed=FACTUM_LOCKED",
            "rerun-if-env-changed=CI",
        ] {
            println!("cargo::{instruction}");
        }
        println!("cargo::rerun-if-changed={}", root.display());
        let out_dir = self.target_dir()?;
        let output = self.output(&root, &shown, None)?;
        for warning in &output.warnings {
            println!("cargo::warning={warning}");
        }
        output.write(&out_dir).map(drop)
    }

    /// Generates code from the schemas in `folder` into the folder `target`, for those who check it
    /// in: a file for each aggregate, as [`compile`](Self::compile) writes it into `OUT_DIR`.
    ///
    /// Files whose text stays the same are not touched. Files in `target` that this function wrote
    /// earlier, for an aggregate that is gone, are removed; all others are left alone. The generated
    /// files include the schemas by the path from `target` to `folder`.
    ///
    /// # Errors
    /// As [`compile`](Self::compile); nothing is written then.
    pub fn generate_into(
        &self,
        folder: impl AsRef<Path>,
        target: impl AsRef<Path>,
    ) -> Result<Generated, Error> {
        let (folder, target) = (folder.as_ref(), target.as_ref());
        let output = self.output(folder, &folder.display().to_string(), Some(target))?;
        let changed = output.write(target)?;
        let removed = output.remove_others(target)?;
        Ok(Generated {
            changed,
            removed,
            warnings: output.warnings,
        })
    }

    /// Reads and checks everything, and writes nothing. The generated files call the schemas by their
    /// paths from `target`, or by their own.
    fn output(&self, root: &Path, shown: &str, target: Option<&Path>) -> Result<Output, Error> {
        let facade = self.facade_path()?;
        let mut findings = Vec::new();
        let mut sources = tree::read(root, shown, &mut findings);
        if let Some(target) = target {
            for source in &mut sources {
                source.path = output::relative(target, &source.path).unwrap_or(source.path.clone());
            }
        }
        shared::compose(&mut sources, &mut findings);
        if sources.iter().any(|source| source.is_shared_type()) {
            // What is wrong with a shared type is wrong wherever it is used: it is told once.
            settle(std::mem::take(&mut findings))?;
        }
        let lock_file = lock::File::read(root, shown, &mut findings);
        let lock = lock_file.check(&sources, self.is_locked(), &mut findings);
        let events = sources.iter().filter(|source| !source.is_shared_type());
        let lowered: Vec<_> = events
            .map(|source| (source, lower::version(source, &mut findings)))
            .collect();
        let files = files(&lowered, &facade, self.serde, &mut findings);
        settle(findings)?;
        Ok(Output {
            lock_file,
            lock,
            files,
            warnings: warnings(&lowered),
        })
    }

    fn target_dir(&self) -> Result<PathBuf, Error> {
        let given = self.out_dir.clone();
        let folder = given.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from));
        folder.ok_or_else(|| {
            let message = "is not set; call this from build.rs, or set Builder::out_dir";
            Error::one(Finding::new("OUT_DIR", "", message))
        })
    }

    fn facade_path(&self) -> Result<TokenStream, Error> {
        let path = syn::parse_str::<syn::Path>(&self.facade);
        let path = path.map(|path| quote::quote!(#path));
        path.map_err(|error| {
            let message = format!("{:?} is not a path of Rust: {error}", self.facade);
            Error::one(Finding::new("Builder::facade", "", message))
        })
    }

    fn is_locked(&self) -> bool {
        let set = |name| env::var(name).unwrap_or_default();
        self.locked
            .unwrap_or_else(|| locked_by(&set("FACTUM_LOCKED"), &set("CI")))
    }
}

/// What the environment says; a variable that isn't set is empty.
fn locked_by(factum_locked: &str, ci: &str) -> bool {
    let decisive = if factum_locked.is_empty() {
        ci
    } else {
        factum_locked
    };
    matches!(decisive, "1" | "true")
}

type Lowered<'a> = (&'a Source, Option<Version>);

/// The generated files' names and texts.
fn files(
    lowered: &[Lowered<'_>],
    facade: &TokenStream,
    serde: bool,
    findings: &mut Vec<Finding>,
) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for versions in lowered.chunk_by(|(a, _), (b, _)| a.aggregate_type() == b.aggregate_type()) {
        // What went wrong in one of the versions is reported already; the rest would mislead.
        let Some(aggregate) = aggregate(versions) else {
            continue;
        };
        let home = aggregate.home();
        let scope = Scope {
            home,
            facade,
            serde,
        };
        if let Some(text) = generate::file(&aggregate, scope, findings) {
            files.push((format!("{}.rs", aggregate.name), text));
        }
    }
    files
}

fn aggregate(versions: &[Lowered<'_>]) -> Option<Aggregate> {
    let name = versions.first()?.0.aggregate_type();
    let versions: Option<Vec<Version>> = versions.iter().map(|(_, v)| v.clone()).collect();
    let events = versions?
        .chunk_by(|a, b| a.event == b.event)
        .map(<[Version]>::to_vec)
        .collect();
    Some(Aggregate { name, events })
}

/// What is odd in the newest versions: the older ones can't be mended any more.
fn warnings(lowered: &[Lowered<'_>]) -> Vec<Finding> {
    let of = |(source, _): &Lowered<'_>| (source.aggregate_type(), source.event.clone());
    let events = lowered.chunk_by(|a, b| of(a) == of(b));
    let newest = events.filter_map(|versions| versions.last()?.1.as_ref());
    newest
        .flat_map(|version| version.warnings.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::locked_by;

    #[test]
    fn ci_is_locked_unless_told_otherwise() {
        assert!(!locked_by("", ""));
        assert!(locked_by("", "true"));
        assert!(locked_by("1", ""));
        assert!(!locked_by("0", "true"));
        assert!(!locked_by("false", "1"));
    }
}
