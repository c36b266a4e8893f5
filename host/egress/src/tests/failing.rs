//! Upstreams that stall, break off, redirect away; and callers that go.

use std::time::Duration;

use brains_core::fault::FaultCause;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::server::{Server, peer};
use super::{KEY, egress, get, secrets, send, send_by, with_key};
use crate::{EgressError, Grant, OutboundCall, Phase, Upstream};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const QUIET: Duration = Duration::from_millis(200);

fn grant(server: &Server) -> [Grant; 1] {
    [Grant::operator(&server.url("")).unwrap()]
}

async fn hang(stream: TcpStream) {
    let mut stream = stream;
    let mut buffer = [0; 64];
    // Until the client closes.
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

async fn drain(upstream: &mut Upstream) -> (Vec<u8>, Option<EgressError>) {
    let mut all = Vec::new();
    loop {
        match upstream.chunk().await {
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

#[tokio::test]
async fn a_drip_that_never_falls_silent_is_read_to_its_end() {
    let server = Server::start(1, |mut stream, _| async move {
        stream.write_all(STREAM.as_bytes()).await.unwrap();
        for _ in 0..6 {
            sleep(QUIET).await;
            stream.write_all(b"1\r\nx\r\n").await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    // Far longer than a drop takes, even where others keep the machine busy; together the drops take longer.
    let mut upstream =
        send_by(&egress(&[]), get(&server.url("/")), &grant(&server), 4 * QUIET).await.unwrap();
    assert_eq!(drain(&mut upstream).await, (b"xxxxxx".to_vec(), None));
}

#[tokio::test]
async fn no_head_in_time() {
    let server = Server::start(1, |stream, _| hang(stream)).await;
    let sent =
        send_by(&egress(&[]), with_key(get(&server.url("/secret-path"))), &grant(&server), QUIET).await;
    let error = sent.unwrap_err();
    assert_eq!(error, EgressError::Timeout { peer: server.peer(), phase: Phase::Head });
    assert_eq!(error.to_fault().kind, brains_core::FaultKind::Timeout);
    server.requests().await;
}

#[tokio::test]
async fn silence_in_the_body() {
    let server = Server::start(1, |mut stream, _| async move {
        stream.write_all(format!("{STREAM}1\r\nx\r\n").as_bytes()).await.unwrap();
        hang(stream).await;
    })
    .await;
    let mut upstream = send_by(&egress(&[]), get(&server.url("/")), &grant(&server), QUIET).await.unwrap();
    let (read, error) = drain(&mut upstream).await;
    assert_eq!(read, b"x");
    assert_eq!(error, Some(EgressError::Timeout { peer: server.peer(), phase: Phase::Gap }));
}

#[tokio::test]
async fn the_total_ends_a_drip() {
    let server = Server::start(1, |mut stream, _| async move {
        stream.write_all(STREAM.as_bytes()).await.unwrap();
        while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
            sleep(QUIET / 8).await;
        }
    })
    .await;
    let call = OutboundCall {
        provider: "acme",
        request: get(&server.url("/")),
        body: bytes::Bytes::new(),
        grants: &grant(&server),
        secrets: &secrets,
        known: super::known(),
        silence: Duration::from_secs(20),
        // Enough for the head on a machine with other work.
        deadline: Instant::now() + QUIET * 20,
    };
    let mut upstream = egress(&[]).send(call).await.unwrap();
    let (_, error) = drain(&mut upstream).await;
    assert_eq!(error, Some(EgressError::Timeout { peer: server.peer(), phase: Phase::Total }));
    assert!(!error.unwrap().to_fault().failover);
    drop(upstream);
    server.requests().await;
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_body() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let server = Server::answering(1, cut).await;
        let mut upstream = send(get(&server.url("/")), &grant(&server)).await.unwrap();
        let (read, error) = drain(&mut upstream).await;
        assert_eq!(read, b"half");
        assert_eq!(
            error,
            Some(EgressError::Reset { peer: server.peer(), cause: FaultCause::default() }),
            "{cut}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_closes_or_resets_before_its_head() {
    let server = Server::answering(1, "").await;
    let error = send(get(&server.url("/")), &grant(&server)).await.unwrap_err();
    assert_eq!(error, EgressError::Reset { peer: server.peer(), cause: FaultCause::default() });
    let server = Server::start(1, |stream, _| async move {
        stream.set_zero_linger().unwrap();
        drop(stream);
    })
    .await;
    let error = send(get(&server.url("/")), &grant(&server)).await.unwrap_err();
    assert_eq!(error, EgressError::Reset { peer: server.peer(), cause: FaultCause::default() });
}

#[tokio::test]
async fn garbage_is_a_protocol_error_and_a_closed_port_a_connect_error() {
    let server = Server::answering(1, "SSH-2.0-OpenSSH_9.9\r\n").await;
    let error = send(get(&server.url("/")), &grant(&server)).await.unwrap_err();
    assert_eq!(error, EgressError::Protocol { peer: server.peer(), cause: FaultCause::default() });
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}/");
    let error = send(get(&url), &[Grant::operator(&url).unwrap()]).await.unwrap_err();
    assert_eq!(error, EgressError::Connect { peer: peer(&url), cause: FaultCause::default() });
    // Which of several, and which program to look for there: the address alone tells neither.
    assert_eq!(error.to_fault().message, format!("`{free}` (provider `acme`) could not be reached"));
}

#[tokio::test]
async fn tls_to_a_server_that_does_not_speak_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("https://{address}/");
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        hang(stream).await;
    };
    let grants = [Grant::operator(&url).unwrap()];
    let (sent, ()) = tokio::join!(send(get(&url), &grants), server);
    assert_eq!(sent.unwrap_err(), EgressError::Tls { peer: peer(&url), cause: FaultCause::default() });
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_refused_and_takes_no_secret_along() {
    let elsewhere = Server::answering(1, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let to = elsewhere.url("/steal");
    let server = Server::start(1, move |mut stream, _| {
        let answer =
            format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        async move { stream.write_all(answer.as_bytes()).await.unwrap() }
    })
    .await;
    // Even with both granted: the secret was meant for the first.
    let grants = [Grant::operator(&server.url("")).unwrap(), Grant::operator(&elsewhere.url("")).unwrap()];
    let error = send(with_key(get(&server.url("/"))), &grants).await.unwrap_err();
    assert_eq!(error, EgressError::Redirect { peer: server.peer() });
    assert!(timeout(QUIET, elsewhere.requests()).await.is_err(), "nobody went elsewhere");
}

#[tokio::test]
async fn redirects_do_not_go_round_for_ever_and_a_post_does_not_become_a_get() {
    let loops =
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::answering(4, loops).await;
    let error = send(get(&server.url("/")), &grant(&server)).await.unwrap_err();
    assert_eq!(error, EgressError::Protocol { peer: server.peer(), cause: FaultCause::default() });
    let found = "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::answering(1, found).await;
    let mut request = get(&server.url("/"));
    request.method = brains_dialect::canon::exchange::Method::Post;
    let error = send(request, &grant(&server)).await.unwrap_err();
    assert_eq!(error, EgressError::Redirect { peer: server.peer() });
}

#[tokio::test]
async fn a_large_answer_is_not_read_into_memory() {
    for head in
        ["HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901", "HTTP/1.1 200 OK\r\n\r\n12345678901"]
    {
        let server = Server::answering(1, head).await;
        let upstream = send(get(&server.url("/")), &grant(&server)).await.unwrap();
        let error = upstream.read_all(10).await.unwrap_err();
        assert_eq!(error, EgressError::TooLarge { peer: server.peer(), limit_bytes: 10 });
    }
}

#[tokio::test]
async fn no_error_shows_a_secret_or_a_path() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    for answer in ["", "garbage\r\n\r\n", cut, "HTTP/1.1 302 Found\r\nlocation: http://evil.test/\r\n\r\n"] {
        let server = Server::answering(1, answer).await;
        let mut request = with_key(get(&server.url("/hidden-path?key=")));
        request.url.push(brains_dialect::canon::exchange::Piece::Secret("api_key".to_owned()));
        let error = match send(request, &grant(&server)).await {
            Ok(mut upstream) => {
                let shown = format!("{upstream:?}");
                assert!(!shown.contains(KEY) && !shown.contains("hidden-path"), "{shown}");
                drain(&mut upstream).await.1.unwrap()
            }
            Err(error) => error,
        };
        let shown = format!("{error} {error:?} {:?}", error.to_fault());
        assert!(!shown.contains(KEY) && !shown.contains("hidden-path") && !shown.contains("key="), "{shown}");
    }
}

/// Whoever drops a call, or its answer, has closed the connection as the server sees it.
#[tokio::test]
async fn dropping_ends_the_exchange() {
    for before_head in [true, false] {
        let (closed, mut seen) = mpsc::channel(1);
        let server = Server::start(1, move |mut stream, _| {
            let closed = closed.clone();
            async move {
                if !before_head {
                    stream.write_all(format!("{STREAM}1\r\nx\r\n").as_bytes()).await.unwrap();
                }
                hang(stream).await;
                closed.send(()).await.unwrap();
            }
        })
        .await;
        let (egress, grants, request) = (egress(&[]), grant(&server), get(&server.url("/")));
        let sending = send_by(&egress, request, &grants, Duration::from_secs(20));
        if before_head {
            assert!(timeout(QUIET, sending).await.is_err());
        } else {
            let mut upstream = sending.await.unwrap();
            assert_eq!(upstream.chunk().await.unwrap().unwrap(), "x");
            drop(upstream);
        }
        timeout(Duration::from_secs(10), seen.recv())
            .await
            .expect("the server saw the connection close")
            .unwrap();
        server.requests().await;
    }
}

#[tokio::test]
async fn what_is_read_without_waiting_shows_no_secret_either() {
    let (begin, end) = KEY.split_at(KEY.len() / 2);
    let pieces = ["so ".to_owned(), format!("this is {begin}"), format!("{end} it was"), " all".to_owned()];
    let server = Server::start(1, move |mut stream, _| {
        let pieces = pieces.clone();
        async move {
            let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
            for piece in pieces {
                answer.push_str(&[&format!("{:x}", piece.len()), "\r\n", &piece, "\r\n"].concat());
            }
            stream.write_all((answer + "0\r\n\r\n").as_bytes()).await.unwrap();
        }
    })
    .await;
    let sent = send_by(&egress(&[]), with_key(get(&server.url("/"))), &grant(&server), QUIET).await;
    let mut upstream = sent.unwrap();
    let mut body = Vec::new();
    let mut without_waiting = 0;
    loop {
        let read = match upstream.ready_chunk() {
            Some(ready) => {
                without_waiting += 1;
                ready
            }
            None => upstream.chunk().await,
        };
        let Some(piece) = read.unwrap() else { break };
        body.extend_from_slice(&piece);
        // The connection's task reads on.
        tokio::task::yield_now().await;
    }
    assert_eq!(String::from_utf8(body).unwrap(), "so this is [REDACTED] it was all");
    assert!(without_waiting > 1, "nothing was read without waiting");
    assert!(matches!(upstream.ready_chunk(), Some(Ok(None))), "the end stays the end");
}
