//! The bank's schemas, of which each is a version 1, and those that came later, as one tree.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let tree = PathBuf::from(env::var("OUT_DIR")?).join("schemas");
    for (folder, into) in [("../../schemas/bank", "bank"), ("schemas", "")] {
        println!("cargo::rerun-if-changed={folder}");
        copy(Path::new(folder), &tree.join(into))?;
    }
    // The tree's lock lies in the target folder, where nobody commits it.
    factum_build::Builder::new().locked(false).compile(tree)?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
            continue;
        }
        let text = fs::read(&path)?;
        // A file that is written anew would make Cargo build all of this again.
        if fs::read(&to).ok().as_ref() != Some(&text) {
            fs::write(&to, text)?;
        }
    }
    Ok(())
}
