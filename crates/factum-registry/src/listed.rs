//! Which subjects a registry lists.

use crate::{Registry, RegistryError};

/// The names of all subjects that begin with `prefix`, each once, such as were deleted among them. Those of `own` that
/// are not listed are asked for by name: one that is there tells that the list is cut.
///
/// # Errors
/// [`RegistryError::Cut`]: there may be more. Or the registry does not answer, or refuses.
pub fn listed(
    registry: &dyn Registry,
    prefix: &str,
    own: &[&str],
) -> Result<Vec<String>, RegistryError> {
    let mut names = registry.subjects(prefix)?;
    names.retain(|it| it.starts_with(prefix));
    names.sort();
    names.dedup();
    for subject in own
        .iter()
        .filter(|it| !names.iter().any(|name| name == **it))
    {
        match registry.versions(subject) {
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
            // Where all of its versions were deleted, some registries answer with none.
            Ok(versions) if versions.is_empty() => {}
            Ok(_) => {
                return Err(RegistryError::Cut {
                    address: registry.address().to_owned(),
                    why: format!("it has the subject {subject}, and does not list it"),
                });
            }
        }
    }
    Ok(names)
}
