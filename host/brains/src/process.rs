//! Other processes, as far as `/proc` tells: is it alive, is it still the same one, who holds a port.
//! On systems without `/proc` the answers are "unknown" and callers say less.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;

use fs_err as fs;
use rustix::process::{Pid, Signal};

/// When a process began, in the kernel's own ticks: with the pid it names one process for good.
pub(crate) fn started_ticks(pid: u32) -> Option<u64> {
    parse_started(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of `/proc/<pid>/stat`; the second field may hold spaces and brackets. A process that has ended
/// and only waits for its parent to notice counts as gone.
fn parse_started(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    if ended { None } else { fields.nth(18)?.parse().ok() }
}

/// The process that started this one; another one once that is gone.
pub(crate) fn parent() -> Option<u32> {
    let parent = rustix::process::getppid()?;
    u32::try_from(parent.as_raw_nonzero().get()).ok()
}

/// Whether the process that was `pid` at `ticks` still runs.
pub(crate) fn alive(pid: u32, ticks: Option<u64>) -> bool {
    match (started_ticks(pid), ticks) {
        (Some(now), Some(then)) => now == then,
        (Some(_), None) => true,
        (None, _) if proc_is_here() => false,
        (None, _) => handle(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
    }
}

/// Whether a process belongs to the user that this one runs as; where that cannot be told, it does.
pub(crate) fn is_ours(pid: u32) -> bool {
    let owner = fs::metadata(format!("/proc/{pid}")).map(|process| process.uid());
    owner.map_or(true, |owner| owner == rustix::process::geteuid().as_raw())
}

/// Asks the process to end.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    let pid = handle(pid).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    rustix::process::kill_process(pid, Signal::TERM).map_err(Into::into)
}

fn handle(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn proc_is_here() -> bool {
    std::path::Path::new("/proc/self/stat").exists()
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortOwner {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// Who listens on `address`, when this user may know.
pub(crate) fn port_owner(address: SocketAddr) -> Option<PortOwner> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter_map(Result::ok).any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| {
                target.to_str().is_some_and(|target| wanted.iter().any(|socket| socket == target))
            })
        });
        holds.then(|| PortOwner {
            pid,
            name: fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned(),
        })
    })
}

/// Inodes of the sockets of `/proc/net/tcp` that listen (state `0A`) on `port`.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?.parse().ok()?;
            let local_port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
            (state == "0A" && local_port == port).then_some(inode)
        })
        .collect()
}

#[cfg(test)]
mod tests;
