//! The tools over this process's standard input and output: one agent, for as long as it keeps them open.

mod wire;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use brains_core::Principal;
use brains_core::plane::session::Process;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::TransportAdapterIdentity;
use rmcp::transport::io::stdio_pipes;
use tokio_util::sync::CancellationToken;

use crate::caller::Door;
use crate::handler::Handler;
use crate::server::{House, Options};
use wire::Wire;

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
pub async fn serve(options: Options, agent: Agent, stop: CancellationToken) -> io::Result<()> {
    let Agent { principal, connection, directory, process } = agent;
    let door = Door::Stdio { principal, connection, directory, process };
    let house = House::new(options, stop.clone());
    let (input, output) = stdio_pipes();
    let wire = Wire::new(input, output, &house.tasks);
    let handler = Handler::new(house.clone(), door);
    let served = serve_server_with_ct::<_, _, _, TransportAdapterIdentity>(handler, wire, stop.clone()).await;
    let ended = match served {
        Ok(service) => service.waiting().await.map(drop).map_err(io::Error::other),
        // A client that looked and left again is no failure.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    };
    stop.cancel();
    // What was answered last is written, when somebody reads it.
    house.tasks.close();
    drop(tokio::time::timeout(WRITING, house.tasks.wait()).await);
    ended
}
