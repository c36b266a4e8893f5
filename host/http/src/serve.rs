//! Accepts connections and serves them until told to stop. It speaks HTTP/1.1: HTTP/2 without TLS has no client that
//! a gateway on loopback would meet. A client that hangs up drops its handler or stream, and with it whatever it
//! waited for; nothing here outlives `serve`.

mod lanes;
mod linger;
mod listening;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use linger::Lingering;

pub use lanes::Lanes;
pub use listening::Listening;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS: usize = 4096;
/// How long a head may take, and how long a connection may idle between requests. Longer than the pools of common
/// clients keep an idle connection, so that it is the client that closes it.
const HEAD: Duration = Duration::from_mins(2);
/// The pause after a failed accept: mostly no file descriptor is free, and one will be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    local: SocketAddr,
    linger: Arc<AtomicBool>,
}

impl Peer {
    /// The address that the client reached.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Closes the connection slowly: the client is still sending.
    pub(crate) fn linger(&self) {
        self.linger.store(true, Ordering::Release);
    }
}

/// Serves on `lanes` until `shutdown`, then lets requests in flight finish for at most `drain`; what is left is dropped. A
/// listener that dies is opened again, which `listening` tells; it is an error when that does not succeed for long.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    lanes: Arc<Lanes>,
    shutdown: CancellationToken,
    drain: Duration,
    listening: Listening,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    let _abort_on_drop = abort.clone().drop_guard();
    let start = |stream: TcpStream, place| {
        let Ok(stream) = stream.into_std() else { return };
        let (router, shutdown, abort) = (router.clone(), shutdown.clone(), abort.clone());
        lanes.spawn(&connections, stream, move |stream| async move {
            tokio::select! {
                () = connection(stream, place, router, shutdown) => {}
                () = abort.cancelled() => {}
            }
        });
    };
    let ended = take(listener, start, &shutdown, &listening).await;
    connections.close();
    if ended.is_err() {
        // Whoever came in while there was a door is served to the end.
        tokio::select! {
            () = connections.wait() => {}
            () = shutdown.cancelled() => {}
        }
    }
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests cut off by the end of the drain");
        abort.cancel();
        connections.wait().await;
    }
    ended
}

/// Takes connections until it is time to stop; the listener is closed then.
async fn take(
    mut listener: TcpListener,
    start: impl Fn(TcpStream, OwnedSemaphorePermit),
    shutdown: &CancellationToken,
    listening: &Listening,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let address = listener.local_addr()?;
    let mut tries = 0;
    loop {
        match accept(&listener, &places, shutdown).await {
            Ok(Some((stream, place))) => {
                tries = 0;
                start(stream, place);
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                drop(listener);
                match listening.reopen(address, error, &mut tries, shutdown).await? {
                    Some(fresh) => listener = fresh,
                    None => return Ok(()),
                }
            }
        }
    }
}

/// The next connection; none once it is time to stop, and an error when the listener is one no more.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> io::Result<Option<(TcpStream, OwnedSemaphorePermit)>> {
    loop {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            io::Result::Ok((stream, place))
        };
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(None),
            accepted = next => accepted,
        };
        match accepted {
            Ok(connection) => return Ok(Some(connection)),
            // The socket does not listen (`EINVAL`); everything else is about one connection, or passes.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    shutdown: CancellationToken,
) {
    // Tokens are small: none waits for the next one to fill a packet.
    let Ok(local) = stream.set_nodelay(true).and_then(|()| stream.local_addr()) else { return };
    let peer = Peer { local, linger: Arc::default() };
    let io = TokioIo::new(Lingering::new(stream, Arc::clone(&peer.linger)));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let answer = router.clone().call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(io, service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(place);
}

#[cfg(test)]
mod tests;
