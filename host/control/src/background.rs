//! What the service does by itself: whichever process holds the lease of a duty does it, however many there are on
//! one database. Started once, ended and waited for by [`Control::close`].

mod duty;
mod reaper;
mod retention;

use std::sync::Arc;

use crate::context::Control;

impl Control {
    /// Starts the background duties of a service. Commands that open the store themselves do without.
    pub fn start_background(self: &Arc<Self>) {
        self.tasks.spawn(reaper::run(Arc::clone(self)));
        self.tasks.spawn(retention::run(Arc::clone(self)));
    }
}

#[cfg(test)]
mod tests;
