//! Locks of values that are whole between any two statements: a thread that panicked while it held one left nothing half
//! done, so whoever comes next goes on.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locking without looking at how an earlier holder ended.
pub trait Unpoisoned<T: ?Sized> {
    /// As [`Mutex::lock`], and never refused.
    fn lock_unpoisoned(&self) -> MutexGuard<'_, T>;
}

impl<T: ?Sized> Unpoisoned<T> for Mutex<T> {
    fn lock_unpoisoned(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
