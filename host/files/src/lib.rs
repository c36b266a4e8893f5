//! What a service touches of the file system, and the names of hosts that it looks up: on threads of its own, which serve
//! nobody, so that a dead mount, a pipe without a writer or a silent name server holds up those alone who asked for it.

mod gate;
mod mounts;
mod names;
pub mod owned;
mod read;
mod visit;
mod write;

pub use gate::{Gate, GateLimits, GateTarget};
pub use names::Names;
pub use read::{Links, ReadError, look, read, read_text, regular};
pub use visit::Visit;
pub use write::{stage, write_atomically};

#[cfg(test)]
mod tests;
