//! Tokens of sessions that were started from the command line, kept beside the other secrets of the state directory:
//! a command names a session, and whoever may read this directory may act as it.

use std::io;
use std::path::PathBuf;

use brains_core::id::{Id, Session};
use brains_core::{Fault, Origin, Secret};
use fs_err as fs;
use serde_json::Value;

use crate::home::{self, Home};

/// The variable that names the session of every command that names none.
pub(super) const STANDING: &str = "BRAINS_SESSION";

/// The token of the session that a command acts as, when it was started from here: the one that the input names, else the
/// `standing` one.
pub(super) fn of(home: &Home, input: &Value, standing: Option<&str>) -> Option<Secret> {
    let standing = standing.map(Value::from);
    let path = file(home, input.get("session").or(standing.as_ref())?)?;
    let text = fs::read_to_string(path).ok()?;
    Some(Secret::new(text.trim()))
}

/// Keeps the token of a session that was started or resumed, forgets that of one that ended.
pub(super) fn note(home: &Home, operation: &str, answer: &Value) -> Result<(), Fault> {
    let Some(path) = answer.get("session_id").and_then(|id| file(home, id)) else { return Ok(()) };
    match (operation, answer.get("session_token").and_then(Value::as_str)) {
        ("start_session" | "resume_session", Some(token)) => {
            home.ensure().map(|()| home::ensure_dir(&home.sessions())).and_then(|made| {
                made.and_then(|()| home::write_atomically(&path, token.as_bytes())).map_err(unkept)
            })
        }
        ("end_session" | "kill_session", _) => brains_files::remove(&path).map_err(unkept),
        _ => Ok(()),
    }
}

/// The file of a session's token. Only an id makes a path.
fn file(home: &Home, id: &Value) -> Option<PathBuf> {
    let id = Id::<Session>::parse(id.as_str()?)?;
    Some(home.sessions().join(id.as_str()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed as a function of an owned error")]
fn unkept(error: io::Error) -> Fault {
    Fault::new(
        home::error_kind(&error),
        Origin::Brains,
        format!("the session's token could not be kept: {error}"),
    )
    .hint("the answer holds it: send it as `--session-token`")
}

#[cfg(test)]
mod tests;
