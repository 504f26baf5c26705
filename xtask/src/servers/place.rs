//! Where Postgres may work. It refuses to run as root, so it gets another user then, and that user
//! has to be able to walk to its directory.

use std::fs::{self, DirBuilder, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Whom Postgres runs as instead of root: the first of these that the machine has.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A user without privileges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub uid: u32,
    pub gid: u32,
}

/// The user to drop to: none when this process is not root.
///
/// # Errors
/// When root finds no such user.
pub(crate) fn unprivileged() -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let user = NAMES.iter().find_map(|name| find_user(&passwd, name));
    let lack = "Postgres refuses to run as root, and /etc/passwd has neither postgres nor nobody. Add \
                one (useradd --system postgres), or run this as another user";
    user.context(lack).map(Some)
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let user = passwd.lines().map(fields).find(|user| user[0] == name)?;
    Some(User {
        uid: user.get(2)?.parse().ok()?,
        gid: user.get(3)?.parse().ok()?,
    })
}

/// Makes `dir` and gives it to `user`; where the user cannot walk to it, a directory below the
/// system's temporary one instead, always the same for the same `dir`.
///
/// # Errors
/// When neither can be made.
pub(crate) fn reachable(dir: &Path, user: Option<&User>) -> Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let Some(user) = user else { return Ok(dir) };
    let place = if can_walk_to(&dir, user) {
        dir
    } else {
        make_temporary(&dir, user)?
    };
    chown(&place, Some(user.uid), Some(user.gid))
        .with_context(|| format!("cannot give {} to user {}", place.display(), user.uid))?;
    Ok(place)
}

fn can_walk_to(dir: &Path, user: &User) -> bool {
    let enter = |parent: &Path| fs::metadata(parent).is_ok_and(|meta| may_enter(&meta, user));
    dir.ancestors().skip(1).all(enter)
}

fn may_enter(directory: &Metadata, user: &User) -> bool {
    let shift = match (directory.uid() == user.uid, directory.gid() == user.gid) {
        (true, _) => 6,
        (_, true) => 3,
        _ => 0,
    };
    directory.mode() >> shift & 1 == 1
}

fn make_temporary(dir: &Path, user: &User) -> Result<PathBuf> {
    let place = std::env::temp_dir().join(format!("factum-{}", short_hash(dir)));
    // It may be there from an earlier run, or made by a stranger: look instead of overwriting.
    let _ = DirBuilder::new().mode(0o755).create(&place);
    let found =
        fs::symlink_metadata(&place).with_context(|| format!("cannot make {}", place.display()))?;
    ensure!(
        found.is_dir() && (found.uid() == 0 || found.uid() == user.uid),
        "{} is in the way: remove it",
        place.display()
    );
    Ok(place)
}

/// A short name for a path, the same in every run.
pub(crate) fn short_hash(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("{:012x}", hasher.finish() & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(
            find_user(passwd, "nobody"),
            Some(User {
                uid: 65534,
                gid: 65533
            })
        );
        assert_eq!(find_user(passwd, "postgres"), None);
    }

    #[test]
    fn a_closed_directory_lets_only_its_owner_through() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let own = fs::metadata(dir.path()).unwrap();
        let owner = User {
            uid: own.uid(),
            gid: own.gid(),
        };
        let stranger = User {
            uid: own.uid() + 1,
            gid: own.gid() + 1,
        };
        assert!(may_enter(&own, &owner) && !may_enter(&own, &stranger));

        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(may_enter(&fs::metadata(dir.path()).unwrap(), &stranger));
    }
}
