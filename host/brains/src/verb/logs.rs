//! The service's log: its last lines, and what is added.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use brains_core::Fault;
use fs_err as fs;
use serde_json::{Map, Value};

use crate::cli::Logs;
use crate::output::{self, Form};
use crate::shell::Shell;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prints the end of the log, then follows it if asked to.
pub(crate) async fn logs(shell: &Shell, wanted: &Logs) -> Result<(), anyhow::Error> {
    let path = shell.home.log();
    let (tail, mut at) = match tail(&path, wanted.lines) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !wanted.follow => {
            return Err(Fault::not_found("log in", shell.home.dir().display())
                .hint("a service writes it: `brains up` starts one")
                .into());
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (VecDeque::new(), Position::default()),
        Err(error) => return Err(error.into()),
    };
    for text in tail {
        output::line(in_form(&text, shell.form))?;
    }
    if !wanted.follow {
        return Ok(());
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
        for text in added(&path, &mut at)? {
            output::line(in_form(&text, shell.form))?;
        }
    }
}

/// A line as it is kept, or as people read it: time, level, what happened, and what is known of it.
fn in_form(line: &str, form: Form) -> Cow<'_, str> {
    let parsed = match form {
        Form::Json => None,
        Form::Table => serde_json::from_str::<Map<String, Value>>(line).ok(),
    };
    let Some(mut members) = parsed else { return Cow::Borrowed(line) };
    let mut take = |name: &str| members.remove(name).as_ref().map(as_word).unwrap_or_default();
    let (at, level, message) = (take("timestamp"), take("level"), take("message"));
    let at = at.split_once('.').map_or(at.clone(), |(second, _)| second.replace('T', " "));
    let mut text = format!("{at} {level:>5} {message}");
    for (name, value) in members.iter().filter(|(name, _)| *name != "target") {
        text.extend([" ", name, "=", &*as_word(value)]);
    }
    Cow::Owned(output::harmless(&text))
}

/// A value within a line.
fn as_word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// How far a file was read, and which file it was: rotation puts another one in its place.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Position {
    inode: u64,
    offset: u64,
}

fn tail(path: &Path, lines: usize) -> std::io::Result<(VecDeque<String>, Position)> {
    let file = fs::File::open(path)?;
    let inode = file.metadata()?.ino();
    let mut last = VecDeque::new();
    let mut offset = 0;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        offset += u64::try_from(line.len()).unwrap_or_default();
        last.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        if last.len() > lines {
            last.pop_front();
        }
        line.clear();
    }
    Ok((last, Position { inode, offset }))
}

/// Whole lines that were added since.
fn added(path: &Path, at: &mut Position) -> std::io::Result<Vec<String>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        // Between the two steps of a rotation there is none.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if metadata.ino() != at.inode || metadata.len() < at.offset {
        *at = Position { inode: metadata.ino(), offset: 0 };
    }
    file.seek(SeekFrom::Start(at.offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes.truncate(whole);
    at.offset += u64::try_from(whole).unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
