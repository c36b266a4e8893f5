//! What the service does by itself: whichever process holds the lease of a duty does it, however many there are on
//! one database. Started once, ended and waited for by [`ControlPlane::close`].

mod leased_job;
mod reaper;
mod retention;

use std::sync::Arc;

use crate::context::ControlPlane;

impl ControlPlane {
    /// Starts noticing that agents died, for a process that works on the store directly and stays.
    pub fn start_reaping(self: &Arc<Self>) {
        self.tasks.spawn(reaper::run(Arc::clone(self)));
    }

    /// Frees what agents of this machine left behind that are gone, where no process is there that does.
    pub async fn free_what_the_dead_hold(&self) {
        if let Err(fault) = reaper::dead(self).await {
            tracing::debug!(%fault, "it could not be seen which agents are gone");
        }
    }

    /// Starts the background duties of a service. Commands that open the store themselves do without.
    pub fn start_background(self: &Arc<Self>) {
        self.start_reaping();
        self.tasks.spawn(retention::run(Arc::clone(self)));
    }
}

#[cfg(test)]
mod tests;
