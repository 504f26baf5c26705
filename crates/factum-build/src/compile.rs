//! The way from a folder to generated files.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::thread;

use proc_macro2::TokenStream;

use crate::aggregate::Aggregate;
use crate::finding::{Error, Finding, Rule, settle};
use crate::generate::Scope;
use crate::lock::Locked;
use crate::model::Version;
use crate::output::{Generated, Output};
use crate::settings::Settings;
use crate::tree::Source;
use crate::types::{Decimals, Times, Types};
use crate::{evolution, generate, lock, lower, nearest, output, shared, tree};

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
    borrowed: bool,
    types: Types,
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
            borrowed: false,
            types: Types::default(),
        }
    }

    /// The path under which the generated code finds the crate `factum`; `::factum` by default.
    #[must_use]
    pub fn facade(mut self, path: impl Into<String>) -> Self {
        self.facade = path.into();
        self
    }

    /// Where the generated files go; Cargo's `OUT_DIR` by default. A relative path is one from the
    /// working folder, which is the package's own in a `build.rs`.
    ///
    /// Files in another folder, for those who check them in, include the schemas by the path from there.
    /// `factum::events!` finds them as ever: for each, a file in `OUT_DIR` includes it. What lies in a
    /// folder within `OUT_DIR` is included by its path: `include!(concat!(env!("OUT_DIR"), "/typed/bank.loan.rs"))`.
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
    /// Fields, symbols, branches and events are called as in the schema; what they look like in JSON is told
    /// [below the table of types](crate#serde). The package then depends on `serde` with the feature `derive`, and on
    /// `factum` with the feature `serde`.
    #[must_use]
    pub fn serde(mut self, serde: bool) -> Self {
        self.serde = serde;
        self
    }

    /// Whether events can also be read without copying their text and bytes; by default they can't.
    ///
    /// Beside the enum over an aggregate's events, `LoanEvent`, then stands `LoanEventRef<'a>`, whose
    /// `decode` borrows from the value that it reads: as `&'a str`, `&'a [u8]` and `&'a [u8; N]`, and
    /// `BTreeMap<&'a str, T>` for maps. The structs and unions that hold such fields are called with
    /// `Ref`, too: `SubmittedRef<'a>`. Types without text and bytes are the same in both, and an
    /// aggregate that has none at all has no such enum. By `From` all of them become what they are
    /// borrowed from: `LoanEvent::from(event)`. They have no derives of serde.
    #[must_use]
    pub fn borrowed(mut self, borrowed: bool) -> Self {
        self.borrowed = borrowed;
        self
    }

    /// The crate whose types dates and times become; [jiff](Times::Jiff) by default.
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.types.times = times;
        self
    }

    /// The crate whose type decimals become; [Factum's own](Decimals::Factum) by default.
    #[must_use]
    pub fn decimals(mut self, decimals: Decimals) -> Self {
        self.types.decimals = decimals;
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
        let target = self.target_dir()?;
        let cargos = env::var_os("OUT_DIR").map(PathBuf::from);
        let is_cargos = cargos
            .as_ref()
            .is_some_and(|it| output::lies_in(&target, it));
        let output = self.output(&root, &shown, (!is_cargos).then_some(&*target))?;
        for warning in &output.warnings {
            println!("cargo::warning={warning}");
        }
        output.write(&target)?;
        match cargos {
            Some(out_dir) if !is_cargos => output.forward(&target, &out_dir),
            _ => Ok(()),
        }
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

    fn output(&self, root: &Path, shown: &str, target: Option<&Path>) -> Result<Output, Error> {
        let mut findings = Vec::new();
        let examined = self.examine(root, shown, target, &mut findings)?;
        settle(findings)?;
        Ok(examined.output)
    }

    /// Reads and checks everything, and writes nothing. The generated files call the schemas by their
    /// paths from `target`, or by their own.
    pub(crate) fn examine(
        &self,
        root: &Path,
        shown: &str,
        target: Option<&Path>,
        findings: &mut Vec<Finding>,
    ) -> Result<Examined, Error> {
        let mut sources = tree::read(root, shown, findings);
        let lock_file = lock::File::read(root, shown, findings);
        tree::check_dense(&sources, |key| lock_file.lists(key), findings);
        if let Some(target) = target {
            for source in &mut sources {
                source.path = output::relative(target, &source.path).unwrap_or(source.path.clone());
            }
        }
        shared::compose(&mut sources, findings);
        nearest::propose(findings, &sources);
        let is_whole = findings.is_empty();
        lock_file.gone(&sources, findings);
        if sources.iter().any(Source::is_shared_type) && !is_whole {
            // What is wrong with a shared type is wrong wherever it is used: it is told once.
            settle(std::mem::take(findings))?;
        }
        let settings = Settings::read(root, shown, findings);
        settings.check(&sources, findings);
        let is_settled = !findings.iter().any(|f| f.rule == Rule::Settings);
        let lock = lock_file.check(&sources, self.lock_state(), findings);
        if is_settled {
            // What can't be read without the upcasters that it names would mislead.
            evolution::check(&sources, &settings, findings);
        }
        let events = sources.iter().filter(|source| !source.is_shared_type());
        let lowered: Vec<_> = events
            .map(|source| (source, lower::version(source, findings)))
            .collect();
        nearest::propose(findings, &sources);
        let files = match is_settled {
            true => files(&lowered, &settings, self, findings)?,
            false => Files::new(),
        };
        say_once(findings);
        leave_consequences(findings, &sources, &settings);
        let output = Output {
            lock_file,
            lock,
            files,
            warnings: warnings(&lowered),
        };
        Ok(Examined {
            sources,
            settings,
            output,
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

    pub(crate) fn facade_path(&self) -> Result<TokenStream, Error> {
        let path = syn::parse_str::<syn::Path>(&self.facade);
        let path = path.map(|path| quote::quote!(#path));
        path.map_err(|error| {
            let message = format!("{:?} is not a path of Rust: {error}", self.facade);
            Error::one(Finding::new("Builder::facade", "", message))
        })
    }

    fn lock_state(&self) -> Locked {
        let set = |name| env::var(name).unwrap_or_default();
        match self.locked {
            Some(true) => Locked::ByCaller,
            None if locked_by(&set("FACTUM_LOCKED"), &set("CI")) => Locked::ByEnvironment,
            Some(false) | None => Locked::No,
        }
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

/// A tree, and what becomes of it.
pub(crate) struct Examined {
    pub sources: Vec<Source>,
    pub settings: Settings,
    pub output: Output,
}

/// What no version can be read by Avro's rules is not told a second time by who generates code.
fn say_once(findings: &mut Vec<Finding>) {
    let told = |finding: &&Finding| matches!(finding.rule, Rule::Compatibility(_));
    let told: BTreeSet<_> = findings
        .iter()
        .filter(told)
        .map(|f| f.file.clone())
        .collect();
    findings.retain(|finding| finding.rule != Rule::Unreadable || !told.contains(&finding.file));
}

/// Leaves away what newer versions can't read since a released one was changed: restoring it mends both.
pub(crate) fn leave_consequences(
    findings: &mut Vec<Finding>,
    sources: &[Source],
    settings: &Settings,
) {
    let is_changed = |source: &&Source| {
        let changed = |f: &Finding| f.rule == Rule::Changed && f.file == source.shown;
        findings.iter().any(changed)
    };
    let events = sources.iter().filter(is_changed).map(Source::event_key);
    let events: BTreeSet<_> = events
        .flat_map(|key| [settings.became(&key), Some(key)])
        .flatten()
        .collect();
    let follows = |finding: &Finding| {
        let source = sources.iter().find(|source| source.shown == finding.file);
        let of_changed = source.is_some_and(|source| events.contains(&source.event_key()));
        of_changed && matches!(finding.rule, Rule::Compatibility(_) | Rule::Unreadable)
    };
    findings.retain(|finding| !follows(finding));
}

type Lowered<'a> = (&'a Source, Option<Version>);

/// Generated files' names and texts.
type Files = Vec<(String, String)>;

/// Generates all files. Printing code takes most of the time, and no file asks for another:
/// each processor makes its share.
fn files(
    lowered: &[Lowered<'_>],
    settings: &Settings,
    builder: &Builder,
    findings: &mut Vec<Finding>,
) -> Result<Files, Error> {
    let aggregates: Vec<_> = lowered
        .chunk_by(|(a, _), (b, _)| a.aggregate_type() == b.aggregate_type())
        .collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads(processors, env::var("NUM_JOBS").ok().as_deref());
    let shares = aggregates.chunks(aggregates.len().div_ceil(threads).max(1));
    let made: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = shares
            .map(|share| scope.spawn(|| share_of_files(share, settings, builder)))
            .collect();
        let joined = running.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut files = Vec::new();
    for made in made {
        let (more, found) = made?;
        files.extend(more);
        findings.extend(found);
    }
    Ok(files)
}

/// How many threads may run at once: Cargo tells a `build.rs` how many jobs it may take.
fn threads(processors: usize, jobs: Option<&str>) -> usize {
    let jobs = jobs.and_then(|jobs| jobs.parse().ok());
    jobs.map_or(processors, |jobs| processors.min(jobs)).max(1)
}

/// The files of some aggregates, and what is wrong with them.
fn share_of_files(
    aggregates: &[&[Lowered<'_>]],
    settings: &Settings,
    builder: &Builder,
) -> Result<(Files, Vec<Finding>), Error> {
    let facade = builder.facade_path()?;
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for versions in aggregates {
        // What went wrong in one of the versions is reported already; the rest would mislead.
        let Some(aggregate) = aggregate(versions, settings) else {
            continue;
        };
        let scope = Scope {
            home: aggregate.home(),
            facade: &facade,
            serde: builder.serde,
            types: builder.types,
        };
        if let Some(text) = generate::file(&aggregate, scope, builder.borrowed, &mut findings) {
            files.push((format!("{}.rs", aggregate.name), text));
        }
    }
    Ok((files, findings))
}

fn aggregate(versions: &[Lowered<'_>], settings: &Settings) -> Option<Aggregate> {
    let name = versions.first()?.0.aggregate_type();
    let said = |(source, _): &(&Source, _)| {
        let event = settings.event(source)?;
        Some((source.event.clone(), event.clone()))
    };
    let settings: BTreeMap<_, _> = versions.iter().filter_map(said).collect();
    let versions: Option<Vec<Version>> = versions.iter().map(|(_, v)| v.clone()).collect();
    let mut events: Vec<_> = versions?
        .chunk_by(|a, b| a.event == b.event)
        .map(<[Version]>::to_vec)
        .collect();
    for (event, said) in &settings {
        if let Some(other) = &said.became {
            join(&mut events, event, other);
        }
    }
    Some(Aggregate {
        name,
        events,
        settings,
    })
}

/// Puts the versions of `event` before those of the event that it became.
fn join(events: &mut Vec<Vec<Version>>, event: &str, became: &str) {
    let of = |versions: &Vec<Version>, name: &str| versions.last().is_some_and(|v| v.event == name);
    let Some(from) = events.iter().position(|versions| of(versions, event)) else {
        return;
    };
    let older = events.remove(from);
    match events.iter_mut().find(|versions| of(versions, became)) {
        Some(versions) => drop(versions.splice(..0, older)),
        None => events.insert(from, older),
    }
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
    use super::{locked_by, threads};

    #[test]
    fn no_more_threads_than_jobs() {
        assert_eq!(threads(8, None), 8);
        assert_eq!(threads(8, Some("2")), 2);
        assert_eq!(threads(8, Some("16")), 8);
        assert_eq!(threads(8, Some("0")), 1);
        assert_eq!(threads(8, Some("many")), 8);
    }

    #[test]
    fn ci_is_locked_unless_told_otherwise() {
        assert!(!locked_by("", ""));
        assert!(locked_by("", "true"));
        assert!(locked_by("1", ""));
        assert!(!locked_by("0", "true"));
        assert!(!locked_by("false", "1"));
    }
}
