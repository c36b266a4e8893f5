//! Accepts connections and serves them until told to stop. It speaks HTTP/1.1: HTTP/2 without TLS has no client that
//! a gateway on loopback would meet. A client that hangs up drops its handler or stream, and with it whatever it
//! waited for; nothing here outlives `serve`. Connections are counted over all listeners, and when places or file
//! descriptors run short the one that is worth the least gives way.

mod connection_threads;
mod lingering_close;
mod listener_state;
mod seats;

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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use lingering_close::LingeringStream;
use seats::TakenSeat;

use crate::counters::TrafficCounters;
use crate::guarded_body::GuardedBody;

pub use connection_threads::ConnectionThreads;
pub use listener_state::ListenerState;
pub(crate) use seats::{Owner, Seat, Seats};

/// How long a later head may take, and how long a connection may idle between requests. Longer than the pools of common
/// clients keep an idle connection, so that it is the client that closes it.
const HEAD: Duration = Duration::from_mins(2);
/// The pause after a failed accept: mostly no file descriptor is free, and one will be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often failed accepts are told.
const LOG_EVERY: Duration = Duration::from_mins(1);
/// How long a connection that was asked to leave may take for what it is being sent.
const FAREWELL: Duration = Duration::from_millis(250);
/// No file descriptor is free: in this process, and in the whole system.
const DESCRIPTORS: [i32; 2] = [24, 23];

/// The connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct ClientConnection {
    local: SocketAddr,
    linger: Arc<AtomicBool>,
    seat: Arc<Seat>,
}

impl ClientConnection {
    /// The address that the client reached.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The connection among all.
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Closes the connection slowly: the client is still sending.
    pub(crate) fn linger(&self) {
        self.linger.store(true, Ordering::Release);
    }
}

/// What a listener is served with.
#[derive(Debug)]
pub struct ListenerService {
    pub router: Router,
    pub threads: Arc<ConnectionThreads>,
    pub counters: TrafficCounters,
    pub state: ListenerState,
    /// How long requests in flight may take once it was told to stop.
    pub drain: Duration,
}

/// Serves until `shutdown`, then lets requests in flight finish for a while; what is left is dropped. A listener that
/// dies is opened again, which is told; it is an error when that does not succeed for long.
pub async fn serve(
    listener: TcpListener,
    service: ListenerService,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let ListenerService { router, threads, counters, state, drain } = service;
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    let _abort_on_drop = abort.clone().drop_guard();
    let start = |stream: TcpStream, place: TakenSeat| {
        let Ok(stream) = stream.into_std() else { return };
        let head = Duration::from_secs(counters.budgets().head_seconds.into());
        let (router, shutdown, abort) = (router.clone(), shutdown.clone(), abort.clone());
        threads.spawn(&connections, stream, move |stream| async move {
            tokio::select! {
                () = connection(stream, &place, router, shutdown, head) => {}
                () = abort.cancelled() => {}
            }
            drop(place);
        });
    };
    let ended = take(listener, start, &counters, &shutdown, &state).await;
    connections.close();
    if ended.is_err() {
        // Connections that were accepted before are served to the end.
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
    start: impl Fn(TcpStream, TakenSeat),
    counters: &TrafficCounters,
    shutdown: &CancellationToken,
    state: &ListenerState,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut tries = 0;
    let mut failures = Failures::default();
    loop {
        let next = async {
            let stream = accept(&listener, counters, &mut failures).await?;
            let place = counters.seats().take(|| counters.connections()).await;
            io::Result::Ok((stream, place))
        };
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            accepted = next => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                tries = 0;
                start(stream, place);
            }
            Err(error) => {
                drop(listener);
                match state.reopen(address, error, &mut tries, shutdown).await? {
                    Some(fresh) => listener = fresh,
                    None => return Ok(()),
                }
            }
        }
    }
}

/// The next connection; an error when the listener is one no more.
async fn accept(
    listener: &TcpListener,
    counters: &TrafficCounters,
    failures: &mut Failures,
) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            // The socket does not listen (`EINVAL`); everything else is about one connection, or passes.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                if error.raw_os_error().is_some_and(|code| DESCRIPTORS.contains(&code)) {
                    counters.seats().send_away(|_| true);
                }
                failures.tell(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Accepts that failed and were not told yet: twenty a second would fill the log.
#[derive(Debug, Default)]
struct Failures {
    logged_at: Option<Instant>,
    unlogged: u64,
}

impl Failures {
    fn tell(&mut self, error: &io::Error) {
        self.unlogged += 1;
        if self.logged_at.is_some_and(|logged_at| logged_at.elapsed() < LOG_EVERY) {
            return;
        }
        let count = std::mem::take(&mut self.unlogged);
        self.logged_at = Some(Instant::now());
        tracing::warn!(
            %error,
            count,
            "connections were not accepted; idle ones are closed while file descriptors are short"
        );
    }
}

async fn connection(
    stream: TcpStream,
    place: &TakenSeat,
    router: Router,
    shutdown: CancellationToken,
    head: Duration,
) {
    // Tokens are small: none waits for the next one to fill a packet.
    let Ok(local) = stream.set_nodelay(true).and_then(|()| stream.local_addr()) else { return };
    let seat = Arc::clone(&place.seat);
    let peer = ClientConnection { local, linger: Arc::default(), seat: Arc::clone(&seat) };
    let io = TokioIo::new(LingeringStream::new(stream, Arc::clone(&peer.linger)));
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = peer.seat.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let answer = router.clone().call(request);
        async move {
            let response = answer.await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(response.map(|body| GuardedBody::new(body, busy)))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        // The router does, of a clock that it is given.
        .auto_date_header(false)
        .serve_connection(io, service);
    let mut serving = std::pin::pin!(serving);
    let nothing_came = async {
        tokio::time::sleep(head).await;
        if seat.has_begun() {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
        () = seat.asked_to_leave() => {
            if !seat.has_begun() {
                // There is nothing to finish: half a head is waited for by nobody.
                return;
            }
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(FAREWELL, serving).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
        () = nothing_came => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
