//! A line to a server on loopback that can be held: whatever is sent on it then waits, as when the server is frozen or the
//! network behind it lost its way. Connections stand, and nobody answers.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The line. Dropping it cuts it.
#[derive(Debug)]
pub struct Line {
    pub address: SocketAddr,
    held: watch::Sender<bool>,
    _cut: DropGuard,
}

impl Line {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (held, hold) = watch::channel(false);
        let cut = CancellationToken::new();
        let (tasks, ended) = (TaskTracker::new(), cut.clone());
        tasks.clone().spawn(async move {
            let accept = async {
                while let Ok((near, _)) = listener.accept().await {
                    tasks.spawn(ended.clone().run_until_cancelled_owned(carry(near, server, hold.clone())));
                }
            };
            ended.run_until_cancelled(accept).await;
        });
        Self { address, held, _cut: cut.drop_guard() }
    }

    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

async fn carry(near: TcpStream, server: SocketAddr, hold: watch::Receiver<bool>) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::join!(one_way(from_near, to_far, hold.clone()), one_way(from_far, to_near, hold));
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut hold: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        if hold.wait_for(|held| !held).await.is_err()
            || read == 0
            || to.write_all(&bytes[..read]).await.is_err()
        {
            drop(to.shutdown().await);
            return;
        }
    }
}
