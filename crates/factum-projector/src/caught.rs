//! Panics of a projection's own code, as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ProjectorError;

/// Runs code of the projection's author. What it was at when it panicked is of no use any more.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, ProjectorError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| ProjectorError::Code(message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_message() {
        let error = caught(|| panic!("no such product: {}", 7)).unwrap_err();
        assert!(error.to_string().ends_with("no such product: 7"), "{error}");
        let error = caught(|| std::panic::panic_any(7)).unwrap_err();
        assert!(error.to_string().ends_with("no message"), "{error}");
        assert_eq!(caught(|| 7).unwrap(), 7);
    }
}
