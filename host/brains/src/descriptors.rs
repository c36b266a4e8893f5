//! How many files this process may have open. A shell's usual limit of 1,024 is meant for programs that serve nobody; the
//! system lets a process take as many as its hard limit says, so a service does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as it may be; gives what holds then, 0 when there is no limit.
pub(crate) fn raise() -> u64 {
    let found = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: found.maximum, ..found };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "the limit of open files stays as it was");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(0)
}
