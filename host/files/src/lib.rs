//! File access and name look-ups that may block: they run on threads of their own, so that a dead mount, a pipe without a
//! writer or a silent name server holds up only the callers that asked for it.
//!
//! Architecture invariant: nothing here runs on a thread that serves requests, and a caller waits no longer than its limit.
//! Architecture invariant: what does not answer, by mount or by name, takes no more than its share of the threads.
//! Architecture invariant: nothing here knows what a file means; its readers live in the crates that own the format.

mod gate;
mod lock;
mod mounts;
mod names;
pub mod owned;
mod read;
mod visit;
mod write;

pub use gate::{Gate, GateLimits, GateTarget};
pub use lock::{FileLock, ensure_private, remove};
pub use names::Names;
pub use read::{Links, ReadError, look, read, read_text, regular};
pub use visit::Visit;
pub use write::{stage, write_atomically};

#[cfg(test)]
mod tests;
