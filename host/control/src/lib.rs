//! The registry of operations and its planes. Every verb of the product is defined here once; HTTP, the
//! command line and the generated documents are made from the registry. Nothing here knows a wire.
//!
//! Architecture invariant: a surface calls an operation by its name, through the registry, and no other way.
//!
//! Architecture invariant: nothing here knows HTTP, MCP, the command line, the gateway or a component: what it needs of
//! them is a port in `ports`.
//!
//! Architecture invariant: whatever the service does by itself is a row of the table in `background`.

mod access;
mod answer_budget;
mod background;
mod call_requirement;
mod calls;
mod cli_shape;
mod context;
mod field;
mod idempotency;
mod input;
mod input_redaction;
mod job_status;
pub mod openapi;
mod operation;
mod operation_kind;
mod plane;
pub mod ports;
pub mod reference;
mod registry;
mod request_options;
mod session_identity;
mod siblings;
#[cfg(test)]
mod testing;
mod tool;
mod waiting;
mod workspace_access;
mod workspace_role;

pub use calls::OperationAnswer;
pub use context::{ControlPlane, Cx};
pub use field::{FieldKind, InputField};
pub use job_status::JobStatus;
pub use operation::{Alias, CliShape, Example, Operation, OperationEntry, OperationKind, Table};
pub use plane::component_advice;
pub use ports::{BoxedFuture, Ports};
pub use registry::Registry;
pub use tool::{Audience, ToolShape};
