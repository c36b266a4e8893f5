//! The registry of operations and its planes. Every verb of the product is defined here once; HTTP, the
//! command line and the generated documents are made from the registry. Nothing here knows a wire.

mod access;
mod acting;
mod background;
mod context;
mod envelope;
mod field;
mod input;
mod kept;
mod once;
pub mod openapi;
mod operation;
mod plane;
pub mod ports;
pub mod reference;
mod registry;
#[cfg(test)]
mod testing;
mod tool;
mod waiting;

pub use context::{Answered, Control, Cx};
pub use field::{Field, FieldKind};
pub use operation::{Alias, CliShape, Entry, Example, Kind, Operation, Pending, Table};
pub use plane::Addressee;
pub use ports::Ports;
pub use registry::Registry;
pub use tool::{Audience, ToolShape};
