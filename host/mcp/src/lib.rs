//! The MCP surface: the registry's operations as tools, over Streamable HTTP in both eras of the protocol, over the
//! older pair of `/sse` and `/messages/`, and over stdio. Who is asking is settled per request by whoever admits it;
//! no operation and no rule lives here.

mod answer;
mod caller;
mod connections;
mod desk;
mod handler;
mod instructions;
mod message;
mod pending;
mod port;
mod prompt;
mod resource;
mod schema;
mod server;
mod session;
mod sse;
mod standing;
mod stdio;
mod subscription;
mod tool;

pub use connections::{Bounds, Connections};
pub use port::{Answer, Call, Tools};
pub use server::{Options, Server};
pub use stdio::{Agent, serve as serve_stdio};
pub use tool::Profile;
