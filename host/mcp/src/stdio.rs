//! The tools over this process's standard input and output: one agent, for as long as it keeps them open.

mod transport;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use brains_core::Principal;
use brains_core::plane::session::Process;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::TransportAdapterIdentity;
use rmcp::transport::io::stdio_pipes;
use tokio_util::sync::CancellationToken;

use crate::caller::McpTransport;
use crate::handler::Handler;
use crate::server::{McpOptions, ServerShared};
use transport::StdioTransport;

/// How long a client that has ended its side may take to read the last answers.
const WRITING: Duration = Duration::from_secs(2);

/// The agent behind this process.
#[derive(Debug)]
pub struct Agent {
    pub principal: Principal,
    /// Names this process in what it does.
    pub connection: String,
    pub directory: Option<PathBuf>,
    /// This process: what is begun here ends with it.
    pub process: Option<Process>,
}

/// Serves until the client closes its end, or `stop`.
pub async fn serve(options: McpOptions, agent: Agent, stop: CancellationToken) -> io::Result<()> {
    let Agent { principal, connection, directory, process } = agent;
    let transport = McpTransport::Stdio { principal, connection, directory, process };
    let shared = ServerShared::new(options, stop.clone());
    let (input, output) = stdio_pipes();
    let wire = StdioTransport::new(input, output, &shared.tasks);
    let handler = Handler::new(shared.clone(), transport);
    let served = serve_server_with_ct::<_, _, _, TransportAdapterIdentity>(handler, wire, stop.clone()).await;
    let ended = match served {
        Ok(service) => service.waiting().await.map(drop).map_err(io::Error::other),
        // A client that looked and left again is no failure.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    };
    stop.cancel();
    // What was answered last is written, when somebody reads it.
    shared.tasks.close();
    drop(tokio::time::timeout(WRITING, shared.tasks.wait()).await);
    ended
}
