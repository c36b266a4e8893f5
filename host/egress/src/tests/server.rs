//! One connection at a time, and a script of what to do with it.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Peer;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    task: JoinHandle<Vec<String>>,
}

impl Server {
    /// Serves `connections` one after another with `script`, which gets the request as text.
    pub(super) async fn start<F, R>(connections: usize, script: F) -> Self
    where
        F: Fn(TcpStream, String) -> R + Send + 'static,
        R: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test awaits it in `requests`")]
        let task = tokio::spawn(async move {
            let mut requests = Vec::new();
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                requests.push(request.clone());
                script(stream, request).await;
            }
            requests
        });
        Self { address, task }
    }

    /// Answers every connection with the same bytes and closes it.
    pub(super) async fn answering(connections: usize, answer: &'static str) -> Self {
        Self::start(connections, move |mut stream, _| async move {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        })
        .await
    }

    /// As errors name it.
    pub(super) fn peer(&self) -> Peer {
        peer(&self.url("/"))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same under a name.
    pub(super) fn named(&self, name: &str, path: &str) -> String {
        format!("http://{name}:{}{path}", self.address.port())
    }

    pub(super) async fn requests(self) -> Vec<String> {
        self.task.await.unwrap()
    }
}

/// The head, and as much of the body as its length says.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        assert!(count > 0, "the client went away before its request was whole");
    }
}

/// The other end of a URL, as the provider that the tests ask has it.
pub(super) fn peer(url: &str) -> Peer {
    Peer::new("acme", &url.parse().unwrap())
}
