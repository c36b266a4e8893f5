//! The admin key: set by configuration, else 32 random bytes in the file `admin-key`.

mod file;

use std::io::{self, Write as _};
use std::path::Path;

use brains_core::{Ambient, Fault, Origin, Secret};
use brains_files::{Gate, GateTarget, Links, Visit};

use crate::home::{self, Home};

pub(crate) use file::AdminKeyFile;

/// The largest file that holds a key.
const KEY_BYTES: u64 = 64 << 10;

/// Reads the key file, and waits for it.
pub(crate) fn read(gate: &Gate, path: &Path) -> Result<Option<Secret>, Fault> {
    let file = path.to_owned();
    gate.wait(GateTarget::of(path), move |visit| read_at(visit, &file))?
}

fn read_at(visit: &Visit, path: &Path) -> Result<Option<Secret>, Fault> {
    match brains_files::read_text(visit, path, Links::Refused, KEY_BYTES) {
        Ok(text) if text.trim().is_empty() => {
            Err(Fault::invalid(format!("the key file `{}` is empty", path.display()))
                .hint("remove it: the next start makes a new key"))
        }
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => {
            let kind = home::error_kind(&error.clone().into());
            Err(Fault::new(kind, Origin::Brains, format!("the key file {error}"))
                .hint("it must be a regular file that the user who runs Brains can read"))
        }
    }
}

/// Makes the key file when there is none. Returns the key and whether it is new.
pub(crate) fn ensure(home: &Home, ambient: &dyn Ambient, gate: &Gate) -> Result<(Secret, bool), Fault> {
    let path = home.admin_key();
    if let Some(key) = read(gate, &path)? {
        return Ok((key, false));
    }
    home.ensure()?;
    let key = generate(ambient);
    match home::write_new(&path, format!("{}\n", key.expose()).as_bytes()) {
        Ok(()) => Ok((key, true)),
        // Another process was faster: its key is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(gate, &path)?
            .map(|key| (key, false))
            .ok_or_else(|| Fault::internal("the key file came and went while it was read")),
        Err(error) => Err(Fault::new(
            home::error_kind(&error),
            Origin::Brains,
            format!("could not write the admin key: {error}"),
        )
        .hint("check that the state directory can be written: `brains doctor`")),
    }
}

/// Replaces the key file in one step.
pub(crate) fn write(path: &Path, key: &Secret) -> Result<(), Fault> {
    home::write_atomically(path, format!("{}\n", key.expose()).as_bytes()).map_err(|error| {
        Fault::new(
            home::error_kind(&error),
            Origin::Brains,
            format!("could not write the admin key: {error}"),
        )
    })
}

fn generate(ambient: &dyn Ambient) -> Secret {
    Secret::generate("", ambient)
}

/// Shows a fresh key, once, on stderr: stdout may be piped somewhere that keeps it.
pub(crate) fn show_once(key: &Secret, path: &Path) {
    // With stderr closed nobody can be shown anything; the file has the key.
    drop(writeln!(
        anstream::stderr().lock(),
        "Your admin key, shown this once:\n\n    {}\n\nIt is kept in {}\nNew one: brains admin-key rotate\n",
        key.expose(),
        path.display()
    ));
}

#[cfg(test)]
mod tests;
