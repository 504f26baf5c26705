//! The disk under the checkpoints: the machine's, or under simulation that of a simulated machine.

use std::fs;
use std::io;
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

/// Opens a database, made when it is not there. The inner error is the database's.
///
/// # Errors
/// The disk failed.
pub(crate) fn open(
    builder: &mut Builder,
    file: &Path,
) -> io::Result<Result<Database, DatabaseError>> {
    #[cfg(feature = "simulation")]
    if let Some(machine) = factum_host::simulation::current() {
        return simulated::open(builder, &machine, file);
    }
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    Ok(builder.create(file))
}

/// Removes a file if it is there.
///
/// # Errors
/// The disk failed.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    #[cfg(feature = "simulation")]
    if let Some(machine) = factum_host::simulation::current() {
        return machine.remove(file);
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(feature = "simulation")]
mod simulated {
    use std::io;
    use std::path::Path;

    use factum_host::simulation::{File, Machine};
    use redb::{Builder, Database, DatabaseError, StorageBackend};

    pub(super) fn open(
        builder: &mut Builder,
        machine: &Machine,
        file: &Path,
    ) -> io::Result<Result<Database, DatabaseError>> {
        match machine.open(file) {
            Ok(file) => Ok(builder.create_with_backend(Backend(file))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Err(DatabaseError::DatabaseAlreadyOpen))
            }
            Err(error) => Err(error),
        }
    }

    #[derive(Debug)]
    struct Backend(Box<dyn File>);

    impl StorageBackend for Backend {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.0.sync()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }
}
