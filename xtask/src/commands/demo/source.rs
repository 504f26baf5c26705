//! Where the demo's cases come from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the real log lies beside the repository, for those who have it.
const BESIDE: &str = "../../shared/data/BPI_Challenge_2012.xes.gz";

/// A file, or as many made-up cases as are asked for, else as many as the real log has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Xes(PathBuf),
    Generated(Option<u64>),
}

impl Source {
    /// What the flags say, else what the environment says, else what is at hand.
    ///
    /// # Errors
    /// A file that was named is not there.
    pub(crate) fn choose(xes: Option<PathBuf>, generate: Option<u64>) -> Result<Source> {
        let named = || xes.or_else(|| std::env::var_os("FACTUM_XES").map(PathBuf::from));
        match (generate, beside()) {
            (Some(cases), _) => Ok(Source::Generated(Some(cases))),
            (None, beside) => match named() {
                Some(file) => found(&file).map(Source::Xes),
                None => Ok(beside.map_or(Source::Generated(None), Source::Xes)),
            },
        }
    }

    /// The same as flags of `loans-service import`.
    pub(crate) fn flags(&self) -> Vec<String> {
        match self {
            Source::Xes(file) => vec!["--xes".into(), file.display().to_string()],
            Source::Generated(Some(cases)) => vec!["--generate".into(), cases.to_string()],
            Source::Generated(None) => Vec::new(),
        }
    }

    /// Names the source for people, and tells sources apart.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Xes(file) => file.display().to_string(),
            Source::Generated(Some(cases)) => format!("{cases} made-up cases"),
            Source::Generated(None) => "made-up cases".into(),
        }
    }
}

fn found(file: &Path) -> Result<PathBuf> {
    let canonical = file.canonicalize();
    canonical.with_context(|| format!("there is no XES file {}", file.display()))
}

fn beside() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(BESIDE);
    path.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_what_is_at_hand() {
        let made_up = Source::choose(None, Some(7)).unwrap();
        assert_eq!(made_up.flags(), ["--generate", "7"]);

        let file = tempfile::NamedTempFile::new().unwrap();
        let named = Source::choose(Some(file.path().into()), None).unwrap();
        assert_eq!(named.flags()[0], "--xes");
        assert!(named.flags()[1].ends_with(file.path().file_name().unwrap().to_str().unwrap()));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_in_the_error() {
        let error = Source::choose(Some("/no/such.xes".into()), None).unwrap_err();
        assert!(error.to_string().contains("/no/such.xes"), "{error:#}");
    }
}
