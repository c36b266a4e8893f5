//! Where log lines go: JSON into `logs/brains.log` while serving, text on stderr for whoever watches. Every
//! line passes the redaction of `core` once more before it is written, whatever its author took out.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use brains_core::redact;
use fs_err as fs;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::home;

/// A log file is moved aside when it has grown to this.
const ROTATE_BYTES: u64 = 5 * 1024 * 1024;
/// Files kept, the one being written included.
const KEPT: u32 = 3;

/// Starts logging for the rest of the process. `file` is none for commands that do not serve.
pub(crate) fn start(file: Option<&Path>, verbosity: u8) -> io::Result<()> {
    let serving = file.is_some();
    let file = file.map(Rotating::open).transpose()?.map(|file| {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(Mutex::new(Redacting { inner: file, json: true }))
            .with_filter(level(verbosity, LevelFilter::INFO))
    });
    let watched = verbosity > 0 || (serving && io::stderr().is_terminal());
    let stderr = watched.then(|| {
        tracing_subscriber::fmt::layer()
            .compact()
            .with_target(verbosity > 1)
            .with_ansi(false)
            .with_writer(Mutex::new(Redacting { inner: io::stderr(), json: false }))
            .with_filter(level(verbosity, LevelFilter::INFO))
    });
    tracing_subscriber::registry().with(file).with(stderr).try_init().map_err(io::Error::other)
}

fn level(verbosity: u8, quiet: LevelFilter) -> tracing_subscriber::filter::Targets {
    // Libraries are told about only when someone digs.
    let (ours, others) = match verbosity {
        0 | 1 => (quiet, LevelFilter::WARN),
        2 => (LevelFilter::DEBUG, LevelFilter::INFO),
        _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    tracing_subscriber::filter::Targets::new().with_default(others).with_target("brains", ours)
}

/// Takes out what looks like a secret. Each write is one whole event.
struct Redacting<W> {
    inner: W,
    json: bool,
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        if self.json
            && let Ok(mut event) = serde_json::from_str::<serde_json::Value>(&text)
        {
            redact::redact_json(&mut event);
            let mut line = event.to_string();
            line.push('\n');
            self.inner.write_all(line.as_bytes())?;
        } else {
            self.inner.write_all(redact::redact(&text).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file that is moved to `.1`, `.2`, … when it has grown large.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    file: fs::File,
    size: u64,
    limit: u64,
}

impl Rotating {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            home::ensure_dir(dir)?;
        }
        let file = home::open_append(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, limit: ROTATE_BYTES })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            let from = if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            match fs::rename(from, numbered(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = home::open_append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(length) > self.limit {
            // A log that cannot be moved aside keeps growing: better than no log.
            drop(self.rotate());
        }
        self.file.write_all(bytes)?;
        self.size = self.size.saturating_add(length);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
