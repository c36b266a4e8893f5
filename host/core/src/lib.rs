//! Vocabulary and rules of Brains. Pure: no I/O, no clock, no randomness of its own; time and
//! entropy are passed in through [`time::Ambient`].

pub mod author;
pub mod caller;
pub mod canonical;
pub mod config;
pub mod fault;
pub mod id;
mod nearest;
pub mod origin;
mod plain;
pub mod plane;
pub mod price;
pub mod principal;
pub mod redact;
pub mod secret;
pub mod spending;
pub mod sync;
pub mod time;
pub mod traffic;
pub mod visible;

pub use caller::Caller;
pub use fault::{Fault, FaultKind, Origin};
pub use id::Id;
pub use nearest::nearest;
pub use origin::{BadOrigin, OriginPattern};
pub use principal::Principal;
pub use secret::{Secret, SecretSet};
pub use time::{Ambient, Millis};
