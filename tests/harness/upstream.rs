//! A scripted upstream, written on bare TCP because a web framework cannot drip, cut or corrupt an answer.
//! Each request takes the next reply of the script, or the standing one; everything that arrived is kept.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How an answer ends once its chunks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As HTTP wants it.
    Clean,
    /// The connection is closed without the last chunk.
    Cut,
    /// The connection is reset without the last chunk.
    Reset,
    /// Nothing more is sent and the connection stays open until the client leaves.
    Hang,
}

/// One answer of the script.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Statuses of answers that come before this one and are none.
    pub interim: Vec<u16>,
    /// Waited before the head is sent.
    pub head_delay: Duration,
    /// Waited before each chunk.
    pub gap: Duration,
    pub chunks: Vec<Bytes>,
    pub end: End,
    /// With `content-length` instead of chunks.
    pub whole: bool,
}

impl Reply {
    /// A whole JSON answer.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            interim: Vec::new(),
            head_delay: Duration::ZERO,
            gap: Duration::ZERO,
            chunks: vec![body.into()],
            end: End::Clean,
            whole: true,
        }
    }

    /// A stream of server-sent events, chunk by chunk as given.
    pub fn stream<B: Into<Bytes>>(chunks: impl IntoIterator<Item = B>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "text/event-stream".into())],
            interim: Vec::new(),
            head_delay: Duration::ZERO,
            gap: Duration::ZERO,
            chunks: chunks.into_iter().map(Into::into).collect(),
            end: End::Clean,
            whole: false,
        }
    }

    /// A stream of lines of JSON, chunk by chunk as given.
    pub fn ndjson<B: Into<Bytes>>(chunks: impl IntoIterator<Item = B>) -> Self {
        Self { headers: vec![("content-type".into(), "application/x-ndjson".into())], ..Self::stream(chunks) }
    }

    /// No answer at all: the connection is reset once the request is there. Where that connection had served before, so is
    /// the next one, on which a client asks anew.
    pub fn reset() -> Self {
        Self { status: 0, end: End::Reset, ..Self::stream([""; 0]) }
    }

    /// No answer at all: the connection is closed once the request is there, and the next one serves.
    pub fn closed() -> Self {
        Self { status: 0, end: End::Cut, ..Self::stream([""; 0]) }
    }

    /// Without a `content-length`, chunk by chunk.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.whole = false;
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn interim(mut self, statuses: &[u16]) -> Self {
        self.interim = statuses.to_vec();
        self
    }

    #[must_use]
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }

    #[must_use]
    pub fn head_delay(mut self, delay: Duration) -> Self {
        self.head_delay = delay;
        self
    }

    #[must_use]
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the upstream got JSON")
    }
}

type Answerer = dyn Fn(&Seen) -> Reply + Send + Sync;

#[derive(Default)]
struct Script {
    next: Mutex<VecDeque<Reply>>,
    standing: Mutex<Option<Arc<Answerer>>>,
    seen: Mutex<Vec<Seen>>,
    left: AtomicUsize,
    open: AtomicUsize,
    /// Bodies of requests whose connection was reset after it had served: they are asked anew on the next one.
    reset: Mutex<HashSet<Bytes>>,
}

/// The server. It ends with its owner.
pub struct Upstream {
    pub address: SocketAddr,
    script: Arc<Script>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Listens on a free port of loopback and answers `standing` until told otherwise.
    pub async fn start(standing: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(Script::default());
        *lock(&script.standing) = Some(Arc::new(standing));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (serving, stopped, connections) = (Arc::clone(&script), stop.clone(), tasks.clone());
        tasks.spawn(async move {
            while let Some(Ok((socket, _))) = stopped.run_until_cancelled(listener.accept()).await {
                // Head and body are two writes; with Nagle's algorithm the second waits for the other side's delayed
                // acknowledgement of the first, 40 ms for each answer.
                socket.set_nodelay(true).expect("an open socket");
                let (script, stop) = (Arc::clone(&serving), stopped.clone());
                connections.spawn(async move {
                    let _ended = stop.run_until_cancelled(serve(socket, &script)).await;
                });
            }
        });
        Self { address, script, stop, tasks }
    }

    /// Where it answers, without a path.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL that a configuration names for a vendor that wants the version in it.
    pub fn base(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The next request gets this answer.
    pub fn then(&self, reply: Reply) {
        lock(&self.script.next).push_back(reply);
    }

    /// Everything that arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.script.seen).clone()
    }

    /// The newest request; fails when there is none.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the upstream was called")
    }

    /// How many clients left before their answer's end.
    pub fn left(&self) -> usize {
        self.script.left.load(Ordering::SeqCst)
    }

    /// How many answers are under way.
    pub fn open(&self) -> usize {
        self.script.open.load(Ordering::SeqCst)
    }

    /// Ends the server and waits for its connections.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut socket: TcpStream, script: &Script) {
    let mut buffer = Vec::new();
    let mut served = false;
    while let Some(seen) = read_request(&mut socket, &mut buffer).await {
        lock(&script.seen).push(seen.clone());
        let asked_anew = lock(&script.reset).take(&seen.body);
        let next = || lock(&script.next).pop_front();
        let reply = asked_anew.is_some().then(Reply::reset).or_else(next).unwrap_or_else(|| {
            let standing = lock(&script.standing).clone().expect("a standing reply");
            standing(&seen)
        });
        if reply.status == 0 && reply.end == End::Reset && served {
            lock(&script.reset).insert(seen.body.clone());
        }
        served = true;
        script.open.fetch_add(1, Ordering::SeqCst);
        let outcome = answer(&mut socket, &reply).await;
        script.open.fetch_sub(1, Ordering::SeqCst);
        match outcome {
            Outcome::Next => {}
            Outcome::Left => {
                script.left.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Outcome::Close => return,
        }
    }
}

enum Outcome {
    Next,
    Left,
    Close,
}

async fn answer(socket: &mut TcpStream, reply: &Reply) -> Outcome {
    if left_during(socket, reply.head_delay).await {
        return Outcome::Left;
    }
    if reply.status == 0 {
        return if reply.end == End::Cut { Outcome::Close } else { reset(socket) };
    }
    let mut head = String::new();
    for status in &reply.interim {
        let _written = write!(head, "HTTP/1.1 {status} Interim\r\nlink: </style.css>; rel=preload\r\n\r\n");
    }
    let _written = write!(head, "HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _written = write!(head, "{name}: {value}\r\n");
    }
    let bodiless = matches!(reply.status, 204 | 304);
    if bodiless {
        head.push_str("\r\n");
    } else if reply.whole {
        let size: usize = reply.chunks.iter().map(Bytes::len).sum();
        let _written = write!(head, "content-length: {size}\r\n\r\n");
    } else {
        head.push_str("transfer-encoding: chunked\r\n\r\n");
    }
    if socket.write_all(head.as_bytes()).await.is_err() {
        return Outcome::Left;
    }
    for chunk in reply.chunks.iter().filter(|_| !bodiless) {
        if left_during(socket, reply.gap).await {
            return Outcome::Left;
        }
        let sent = if reply.whole {
            socket.write_all(chunk).await
        } else {
            let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
            socket.write_all(&framed).await
        };
        if sent.is_err() {
            return Outcome::Left;
        }
    }
    match reply.end {
        End::Clean => {
            if !reply.whole && !bodiless && socket.write_all(b"0\r\n\r\n").await.is_err() {
                return Outcome::Left;
            }
            Outcome::Next
        }
        End::Cut => Outcome::Close,
        End::Reset => reset(socket),
        End::Hang => {
            if left_during(socket, Duration::from_mins(10)).await {
                Outcome::Left
            } else {
                Outcome::Close
            }
        }
    }
}

/// Whoever closes without lingering resets.
fn reset(socket: &TcpStream) -> Outcome {
    socket.set_zero_linger().expect("a socket");
    Outcome::Close
}

/// Waits, and says whether the client closed its end meanwhile.
async fn left_during(socket: &mut TcpStream, wait: Duration) -> bool {
    if wait.is_zero() {
        return false;
    }
    let mut byte = [0; 1];
    match tokio::time::timeout(wait, socket.peek(&mut byte)).await {
        Err(_) => false,
        Ok(Ok(0) | Err(_)) => true,
        // A pipelined byte: nobody here pipelines, so wait the rest out.
        Ok(Ok(_)) => {
            tokio::time::sleep(wait).await;
            false
        }
    }
}

async fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if read_some(socket, buffer).await == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    buffer.drain(..head_end);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let body = if value("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        read_chunked(socket, buffer).await?
    } else {
        let size: usize = value("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
        while buffer.len() < size {
            if read_some(socket, buffer).await == 0 {
                return None;
            }
        }
        buffer.drain(..size).collect()
    };
    Some(Seen { method, path, headers, body: Bytes::from(body) })
}

async fn read_chunked(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            if let Some(at) = buffer.windows(2).position(|two| two == b"\r\n") {
                break at;
            }
            if read_some(socket, buffer).await == 0 {
                return None;
            }
        };
        let size = usize::from_str_radix(std::str::from_utf8(&buffer[..line_end]).ok()?.trim(), 16).ok()?;
        buffer.drain(..line_end + 2);
        while buffer.len() < size + 2 {
            if read_some(socket, buffer).await == 0 {
                return None;
            }
        }
        body.extend(buffer.drain(..size));
        buffer.drain(..2);
        if size == 0 {
            return Some(body);
        }
    }
}

async fn read_some(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> usize {
    socket.read_buf(buffer).await.unwrap_or(0)
}

/// Seconds since 1970: servers that end sessions, and look at when a request was signed, have a clock of their own.
#[expect(clippy::disallowed_methods, reason = "the time of day is what is told")]
pub fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}
