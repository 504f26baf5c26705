//! What a log line says of an error.

use std::error::Error;
use std::iter::successors;

/// An error and its causes in one line, for a log: `what failed: why: why that`.
///
/// A cause that the line ends with already is not told twice: some libraries' errors repeat theirs.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| {
        let cause = cause.to_string();
        match line.ends_with(&cause) {
            true => line,
            false => format!("{line}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::chain;
    use crate::{LogError, LogErrorKind};

    fn error(message: &str) -> LogError {
        LogError::new(LogErrorKind::Other, message)
    }

    #[test]
    fn causes_follow_in_one_line() {
        let error = error("no lunch").with_source(error("no cook").with_source(error("ill")));
        assert_eq!(chain(&error), "no lunch: no cook: ill");
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let error = error("no lunch: no cook").with_source(error("no cook"));
        assert_eq!(chain(&error), "no lunch: no cook");
    }
}
