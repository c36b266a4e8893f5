//! The key that signs the audit log: 32 random bytes in the file `audit-key`, and beside it where the log stood when
//! it was last looked at. What lies here is out of reach of whoever can only write to the database.

use std::io;
use std::path::Path;

use brains_core::plane::audit::{Seal, SealingKey};
use brains_core::{Ambient, Fault, FaultKind, Origin};
use brains_files::{Gate, GateTarget, Links, ReadError, Visit};

use crate::home::{self, Home, unwritten};

/// The largest files that hold them.
const KEY_BYTES: u64 = 64 << 10;
const ANCHORS_BYTES: u64 = 16 << 20;

/// Reads the key, or makes it when there is none. Of several processes that make one, the first one's stays.
pub(crate) fn ensure(home: &Home, ambient: &dyn Ambient, gate: &Gate) -> Result<SealingKey, Fault> {
    let path = home.audit_key();
    if let Some(key) = read(gate, &path)? {
        return Ok(key);
    }
    home.ensure()?;
    let key = SealingKey::mint(ambient);
    match home::write_new(&path, text(&key).as_bytes()) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(gate, &path)?.ok_or_else(|| Fault::internal("the audit key came and went while it was read"))
        }
        Err(error) => Err(unwritten("the audit key", error)),
    }
}

/// Replaces the key in one step.
pub(crate) fn write(path: &Path, key: &SealingKey) -> Result<(), Fault> {
    home::write_atomically(path, text(key).as_bytes()).map_err(|error| unwritten("the audit key", error))
}

fn text(key: &SealingKey) -> String {
    format!("{}\n", key.text().expose())
}

fn read(gate: &Gate, path: &Path) -> Result<Option<SealingKey>, Fault> {
    let file = path.to_owned();
    let text = gate.wait(GateTarget::of(path), move |visit| {
        brains_files::read_text(visit, &file, Links::Refused, KEY_BYTES)
    });
    match text? {
        Ok(text) => SealingKey::parse(&text).map(Some).ok_or_else(|| {
            Fault::invalid(format!("`{}` is not an audit key: it should hold 64 hex digits", path.display()))
                .hint("put the old file back; without it a new key seals what comes, and the past cannot be vouched for")
        }),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(unread("the audit key", error)),
    }
}

/// Where each chain stood, as it was written down here.
pub(crate) fn read_anchors(visit: &Visit, path: &Path) -> Result<Vec<Seal>, Fault> {
    match brains_files::read(visit, path, Links::Refused, ANCHORS_BYTES) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            Fault::new(
                FaultKind::Internal,
                Origin::Brains,
                format!("the anchors of the audit log cannot be read: {error}"),
            )
            .hint("put `audit-anchors` back from a backup of the state directory")
        }),
        Err(error) if error.is_absent() => Ok(Vec::new()),
        Err(error) => Err(unread("the anchors of the audit log", error)),
    }
}

/// Writes down where each chain stands.
pub(crate) fn write_anchors(path: &Path, anchors: &[Seal]) -> Result<(), Fault> {
    let mut text = serde_json::to_vec_pretty(anchors)
        .map_err(|error| Fault::internal(format!("the anchors could not be written as JSON: {error}")))?;
    text.push(b'\n');
    home::write_atomically(path, &text).map_err(|error| unwritten("the anchors of the audit log", error))
}

fn unread(what: &str, error: ReadError) -> Fault {
    let message = format!("{what}: {error}");
    Fault::new(home::error_kind(&error.into()), Origin::Brains, message)
        .hint("it must be a regular file that the user who runs Brains can read")
}

#[cfg(test)]
mod tests;
