//! Processes of this machine, for sessions that end with one.

use brains_control::ports;
use brains_core::plane::session::Process;
use fs_err as fs;

use crate::process;

/// Told by `/proc`; without it the process ids alone have to do.
#[derive(Debug)]
pub(crate) struct LocalProcesses {
    machine: String,
}

impl LocalProcesses {
    /// A machine is the same one until it starts anew: then all its processes are others.
    pub(crate) fn new() -> Self {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let machine = format!("{}/{}", line("/etc/machine-id"), line("/proc/sys/kernel/random/boot_id"));
        Self { machine }
    }
}

impl ports::ProcessesPort for LocalProcesses {
    fn machine(&self) -> String {
        self.machine.clone()
    }

    fn find(&self, pid: u32) -> Option<Process> {
        let started = process::started_ticks(pid);
        (process::alive(pid, started) && process::is_ours(pid)).then(|| Process {
            machine: self.machine.clone(),
            pid,
            started,
        })
    }

    fn is_alive(&self, process: &Process) -> bool {
        process::alive(process.pid, process.started)
    }
}
