//! Scripted upstreams behind TLS, with a certificate of an authority that nobody knows but the suite: a door in front of an
//! upstream of HTTP/1.1, and an upstream of HTTP/2 that can reset a stream and send a connection away.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::upstream::Reply;

/// The certificate of the authority that signed for 127.0.0.1, and for no other name.
pub fn authority() -> PathBuf {
    files().join("ca.pem")
}

fn files() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("harness/tls")
}

fn acceptor(protocol: &[u8]) -> TlsAcceptor {
    drop(rustls::crypto::ring::default_provider().install_default());
    let certificate = CertificateDer::from_pem_file(files().join("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(files().join("server.key")).expect("its key");
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Hands each connection to `serve`, until the guard is dropped.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, DropGuard)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let stopped = stop.clone();
    tasks.clone().spawn(async move {
        while let Some(Ok((socket, _))) = stopped.run_until_cancelled(listener.accept()).await {
            socket.set_nodelay(true).expect("an open socket");
            tasks.spawn(stopped.clone().run_until_cancelled_owned(serve(socket)));
        }
    });
    (address, stop.drop_guard())
}

/// TLS in front of a server that speaks none.
#[derive(Debug)]
pub struct TlsDoor {
    pub address: SocketAddr,
    _stop: DropGuard,
}

impl TlsDoor {
    pub async fn to(server: SocketAddr) -> Self {
        let acceptor = acceptor(b"http/1.1");
        let (address, stop) = listen(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                // One who does not trust the certificate leaves.
                let Ok(mut near) = acceptor.accept(socket).await else { return };
                let Ok(mut far) = TcpStream::connect(server).await else { return };
                let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        })
        .await;
        Self { address, _stop: stop }
    }
}

/// How an answer over HTTP/2 ends; all but the first once [`Http2Upstream::go_on`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2End {
    Clean,
    /// The stream is reset.
    Reset(Reason),
    /// The connection takes no more streams, and this one comes to its end.
    Leave,
    /// The connection ends at once.
    Abort(Reason),
    /// The connection says nothing any more, and nobody hears that it is gone.
    Silent,
}

#[derive(Debug, Default)]
struct Script {
    next: Mutex<VecDeque<(Reply, Http2End)>>,
    go_on: Notify,
    connections: AtomicUsize,
    streams: AtomicUsize,
}

/// An upstream that speaks HTTP/2 and answers what it was told to, one reply after the other.
#[derive(Debug)]
pub struct Http2Upstream {
    pub address: SocketAddr,
    script: Arc<Script>,
    _stop: DropGuard,
}

impl Http2Upstream {
    pub async fn start() -> Self {
        let script = Arc::new(Script::default());
        let (acceptor, serving) = (acceptor(b"h2"), Arc::clone(&script));
        let (address, stop) = listen(move |socket| {
            let (acceptor, script) = (acceptor.clone(), Arc::clone(&serving));
            async move {
                if let Ok(tls) = acceptor.accept(socket).await
                    && let Ok(connection) = h2::server::handshake(tls).await
                {
                    script.connections.fetch_add(1, Ordering::SeqCst);
                    serve(connection, script).await;
                }
            }
        })
        .await;
        Self { address, script, _stop: stop }
    }

    /// The next request gets this answer. Of one whose status is 0 nothing comes but its end.
    pub fn then(&self, reply: Reply, end: Http2End) {
        self.script.next.lock().unwrap_or_else(PoisonError::into_inner).push_back((reply, end));
    }

    /// Ends the answer that waits for it, or the next one.
    pub fn go_on(&self) {
        self.script.go_on.notify_one();
    }

    pub fn connections(&self) -> usize {
        self.script.connections.load(Ordering::SeqCst)
    }

    /// How many requests came.
    pub fn streams(&self) -> usize {
        self.script.streams.load(Ordering::SeqCst)
    }
}

async fn serve<T>(mut connection: h2::server::Connection<T, Bytes>, script: Arc<Script>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (ends, mut ending) = mpsc::unbounded_channel();
    let tasks = TaskTracker::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                script.streams.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(answer(request.into_body(), respond, Arc::clone(&script), ends.clone()));
            }
            Some(end) = ending.recv() => match end {
                Http2End::Abort(reason) => connection.abrupt_shutdown(reason),
                Http2End::Silent => std::future::pending().await,
                _ => connection.graceful_shutdown(),
            }
        }
    }
}

async fn answer(
    mut body: h2::RecvStream,
    mut respond: SendResponse<Bytes>,
    script: Arc<Script>,
    ends: mpsc::UnboundedSender<Http2End>,
) {
    while let Some(Ok(chunk)) = body.data().await {
        let _released = body.flow_control().release_capacity(chunk.len());
    }
    let next = script.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (reply, end) = next.expect("a reply for every request");
    let mut sending = None;
    if reply.status != 0 {
        let mut head = http::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            head = head.header(name, value);
        }
        let mut stream = respond.send_response(head.body(()).expect("a head"), false).expect("sent");
        // What comes behind the end is the last piece.
        let (last, first) = reply.chunks.split_last().expect("a chunk");
        let now = if end == Http2End::Leave { first } else { &reply.chunks[..] };
        for chunk in now {
            stream.send_data(chunk.clone(), false).expect("sent");
        }
        sending = Some((stream, last.clone()));
    }
    if end != Http2End::Clean {
        script.go_on.notified().await;
    }
    match (end, sending) {
        (Http2End::Clean, Some((mut stream, _))) => {
            let _sent = stream.send_data(Bytes::new(), true);
        }
        (Http2End::Reset(reason), Some((mut stream, _))) => stream.send_reset(reason),
        (Http2End::Reset(reason), None) => respond.send_reset(reason),
        (Http2End::Leave, Some((mut stream, last))) => {
            ends.send(Http2End::Leave).expect("a connection");
            let _sent = stream.send_data(last, true);
        }
        (Http2End::Abort(reason), sending) => {
            ends.send(Http2End::Abort(reason)).expect("a connection");
            // The streams end with the connection, not before it.
            if let Some((mut stream, _)) = sending {
                let _ended = std::future::poll_fn(|context| stream.poll_reset(context)).await;
            }
        }
        (Http2End::Silent, _kept) => {
            ends.send(Http2End::Silent).expect("a connection");
            // Whoever drops the stream resets it, and the client would hear that.
            std::future::pending::<()>().await;
        }
        (Http2End::Clean | Http2End::Leave, None) => unreachable!("an answer without a head has no such end"),
    }
}
