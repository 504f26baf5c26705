//! A group's folder: a locked file for each live member, and one for each partition that is owned.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What follows the name of a member that is about to enter.
const NEW: &str = ".new";

/// The folder of one group of one topic.
pub(super) struct Folder {
    members: PathBuf,
    partitions: PathBuf,
}

impl Folder {
    pub(super) fn open(groups: &Path, topic: &str, group: &str) -> io::Result<Self> {
        let group = groups.join(topic).join(file_name(group));
        let folder = Self {
            members: group.join("members"),
            partitions: group.join("partitions"),
        };
        fs::create_dir_all(&folder.members)?;
        fs::create_dir_all(&folder.partitions)?;
        Ok(folder)
    }

    /// Adds a member. It is one as long as the entry lives, or its process.
    pub(super) fn enter(&self) -> io::Result<Entry> {
        loop {
            let name = member_name();
            // Locked before it gets a name that counts: an unlocked one counts as dead.
            let new = self.members.join(format!("{name}{NEW}"));
            let locked = lock_file(&new)?;
            let path = self.members.join(&name);
            match fs::rename(new, &path) {
                Ok(()) => {
                    return Ok(Entry {
                        name,
                        path,
                        _locked: locked,
                    });
                }
                // Another member looked before the lock was there, and removed it as a dead one's.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many members are alive, and how many of them come before this one. What dead ones left
    /// behind is removed.
    pub(super) fn census(&self, own: &Entry) -> io::Result<(usize, usize)> {
        let (mut alive, mut before) = (1, 0);
        for found in fs::read_dir(&self.members)? {
            let name = found?.file_name().to_string_lossy().into_owned();
            if name != own.name && self.is_alive(&name)? && !name.ends_with(NEW) {
                alive += 1;
                before += usize::from(name < own.name);
            }
        }
        Ok((alive, before))
    }

    /// Whether a member's lock is held. The file of one that is dead is removed, while its lock is
    /// held here: nobody who enters may have locked it meanwhile.
    fn is_alive(&self, name: &str) -> io::Result<bool> {
        let path = self.members.join(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => {
                let _ = fs::remove_file(path);
                Ok(false)
            }
        }
    }

    /// Takes a partition, if nobody owns it. It is owned until the file is closed.
    pub(super) fn take(&self, partition: u32) -> io::Result<Option<File>> {
        let file = open(&self.partitions.join(partition.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A member's entry in its group. Dropped, the member has left.
pub(super) struct Entry {
    name: String,
    path: PathBuf,
    _locked: File,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // If it stays it is unlocked, and the next one who looks removes it.
        let _ = fs::remove_file(&self.path);
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    file.lock()?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    options.open(path)
}

/// Sorts after the names of those who came before.
fn member_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.unwrap_or_default().as_nanos();
    format!("{nanos:030}-{}", uuid::Uuid::new_v4())
}

/// A name that any file system takes: everything but letters, digits, `_` and `-` as `%xx`.
fn file_name(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().expect("a folder is made");
        let folder = Folder::open(dir.path(), "topic", "a/group").expect("a group is made");
        (dir, folder)
    }

    #[test]
    fn only_the_living_count() {
        let (_dir, group) = folder();
        let first = group.enter().expect("a member enters");
        let second = group.enter().expect("a member enters");
        assert_eq!(group.census(&first).expect("members are counted"), (2, 0));
        assert_eq!(group.census(&second).expect("members are counted"), (2, 1));
        // What a killed process leaves behind: a file that nobody holds.
        fs::write(group.members.join("0"), "").expect("a file is written");
        assert_eq!(group.census(&second).expect("members are counted"), (2, 1));
        assert!(!group.members.join("0").exists(), "the dead are removed");
        drop(first);
        assert_eq!(group.census(&second).expect("members are counted"), (1, 0));
    }

    #[test]
    fn only_those_who_died_while_entering_are_removed() {
        let (_dir, group) = folder();
        let own = group.enter().expect("a member enters");
        let [dead, entering] = ["0.new", "1.new"].map(|name| group.members.join(name));
        fs::write(&dead, "").expect("a file is written");
        let _locked = lock_file(&entering).expect("a file is locked");
        assert_eq!(group.census(&own).expect("members are counted"), (1, 0));
        assert!(!dead.exists() && entering.exists());
    }

    #[test]
    fn members_enter_while_others_remove_the_dead() {
        let (_dir, group) = folder();
        let own = group.enter().expect("a member enters");
        std::thread::scope(|scope| {
            let entering = [(); 2].map(|()| {
                scope.spawn(|| {
                    for _ in 0..500 {
                        drop(group.enter().expect("a member enters"));
                    }
                })
            });
            while !entering.iter().all(|it| it.is_finished()) {
                group.census(&own).expect("members are counted");
            }
        });
        assert_eq!(group.census(&own).expect("members are counted"), (1, 0));
    }

    #[test]
    fn a_partition_has_one_owner_until_the_file_is_closed() {
        let (_dir, group) = folder();
        let owned = group.take(0).expect("locks work");
        assert!(owned.is_some());
        assert!(group.take(0).expect("locks work").is_none());
        assert!(group.take(1).expect("locks work").is_some());
        drop(owned);
        assert!(group.take(0).expect("locks work").is_some());
    }

    #[test]
    fn group_names_do_not_collide_and_leave_no_folder() {
        assert_eq!(file_name("factum.engine-1"), "factum%2eengine-1");
        assert_eq!(file_name(".."), "%2e%2e");
        assert_eq!(file_name("a/b"), "a%2fb");
        assert_ne!(file_name("a%2fb"), file_name("a/b"));
    }
}
