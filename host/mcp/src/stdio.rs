//! The tools over this process's standard input and output: one agent, for as long as it keeps them open.

use std::io;
use std::path::PathBuf;

use brains_core::Principal;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::io::stdio_pipes;
use tokio_util::sync::CancellationToken;

use crate::caller::Door;
use crate::handler::Handler;
use crate::server::{House, Options};

/// Serves until the client closes its end, or `stop`. `connection` names this process in what it does.
pub async fn serve(
    options: Options,
    principal: Principal,
    connection: String,
    directory: Option<PathBuf>,
    stop: CancellationToken,
) -> io::Result<()> {
    let door = Door::Stdio { principal, connection, directory };
    let handler = Handler::new(House::new(options, stop.clone()), door);
    match serve_server_with_ct(handler, stdio_pipes(), stop).await {
        Ok(service) => service.waiting().await.map(drop).map_err(io::Error::other),
        // A client that looked and left again is no failure.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    }
}
