//! The MCP surface: the registry's operations as tools, over Streamable HTTP in both eras of the protocol, over the
//! older pair of `/sse` and `/messages/`, and over stdio. Who is asking is settled per request by whoever admits it;
//! no operation and no rule lives here.
//!
//! Architecture invariant: no tool is written here: a tool is an operation of the registry, called as an agent.
//!
//! Architecture invariant: keys are checked by whoever mounts the routes; a message is its own request's principal's.

mod answer;
mod answer_streams;
mod caller;
mod connection_codec;
mod connections;
mod handler;
mod instructions;
mod key_watch;
mod media_type;
mod message;
mod pending;
mod port;
mod prompt;
mod resource;
mod schema;
mod server;
mod session;
mod sse;
mod stdio;
mod subscription;
mod tool;

pub use connections::{Bounds, Connections};
pub use port::{ToolAnswer, ToolInvocation, Tools};
pub use server::{McpOptions, McpServer};
pub use stdio::{Agent, serve as serve_stdio};
pub use tool::ToolProfile;
