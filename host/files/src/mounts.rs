//! Tells which mount a path lies on, from the path alone: asking the file system is what may hang.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use brains_core::sync::Unpoisoned as _;

const TABLE: &str = "/proc/self/mountinfo";

/// The table of mounts, read again when the kernel says that it changed. Without one everything is one place.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    table: Option<File>,
    points: Vec<PathBuf>,
}

impl Mounts {
    /// The mount point above `path`; the longest of those that fit.
    pub(crate) fn of(&self, path: &Path) -> String {
        let mut known = self.0.lock_unpoisoned();
        if let Err(error) = known.refresh() {
            tracing::debug!(%error, "the table of mounts cannot be read");
        }
        above(&known.points, path)
    }
}

impl Known {
    #[expect(
        clippy::disallowed_methods,
        reason = "the system's table answers from memory, and its name says enough"
    )]
    fn refresh(&mut self) -> std::io::Result<()> {
        let fresh = self.table.is_none();
        let table = match &mut self.table {
            Some(table) => table,
            None => self.table.insert(File::open(TABLE)?),
        };
        if !fresh && !changed(table)? {
            return Ok(());
        }
        let mut text = Vec::new();
        table.rewind()?;
        table.read_to_end(&mut text)?;
        self.points = points(&text);
        Ok(())
    }
}

/// The kernel marks the table as exceptional after each change, for who reads it.
fn changed(table: &File) -> std::io::Result<bool> {
    let mut watched = [PollFd::new(table, PollFlags::PRI)];
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(watched.iter().any(|one| one.revents().intersects(PollFlags::PRI | PollFlags::ERR)))
}

fn above(points: &[PathBuf], path: &Path) -> String {
    let fitting = points.iter().filter(|point| path.starts_with(point));
    let longest = fitting.max_by_key(|point| point.as_os_str().len());
    longest.map_or_else(|| "/".to_owned(), |point| point.to_string_lossy().into_owned())
}

/// The fifth field of each line, with its octal escapes taken out.
fn points(table: &[u8]) -> Vec<PathBuf> {
    let lines = table.split(|byte| *byte == b'\n');
    let fields = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    fields.map(|field| PathBuf::from(OsString::from_vec(unescaped(field)))).collect()
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        if let Some(byte) = code {
            plain.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_above_a_path_is_its_place() {
        let table = b"25 1 0:1 / / rw - ext4 x rw\n26 25 0:2 / /mnt/a rw - nfs x rw\n27 25 0:3 / /mnt/a\\040b rw - nfs x rw\n\n";
        let points = points(table);
        for (path, place) in [
            ("/etc/x", "/"),
            ("/mnt/a", "/mnt/a"),
            ("/mnt/a/b/c", "/mnt/a"),
            ("/mnt/ab", "/"),
            ("/mnt/a b/c", "/mnt/a b"),
        ] {
            assert_eq!(above(&points, Path::new(path)), place, "{path}");
        }
    }
}
