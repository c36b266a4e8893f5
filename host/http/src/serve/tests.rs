use std::io;
use std::time::Duration;

use brains_core::config::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::ListenerState;
use super::listener_state::TRIES;
use crate::testing::TestListener;

const HANG: Duration = Duration::from_secs(20);

async fn until(what: &str, ready: impl Fn() -> bool) {
    let waited = tokio::time::timeout(HANG, async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn a_listener_that_dies_is_opened_again_and_nobody_inside_notices() {
    let listener = TestListener::start(Config::default()).await;
    let mut half = listener.connect().await;
    half.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    assert_eq!(listener.ask("GET", "/health", &[], b"").await.status, 200);
    assert_eq!(listener.state.to_json(), json!({ "state": "serving", "restarts": 0, "last_error": null }));
    listener.slam();
    until("the restart", || listener.state.to_json()["restarts"] == 1).await;
    let told = listener.state.to_json();
    assert!(told["state"] == "serving" && told["last_error"].is_string(), "{told}");
    assert_eq!(listener.ask("GET", "/health", &[], b"").await.status, 200);
    half.write_all(b"connection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(HANG, half.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    listener.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_tried_again_until_it_is_free() {
    let listener = TestListener::start(Config::default()).await;
    listener.slam();
    let squatter = std::net::TcpListener::bind(listener.address).unwrap();
    until("a try", || listener.state.to_json()["last_error"].to_string().contains("in use")).await;
    assert_eq!(listener.state.to_json()["state"], "restarting");
    drop(squatter);
    until("the restart", || listener.state.to_json()["state"] == "serving").await;
    assert_eq!(listener.ask("GET", "/health", &[], b"").await.status, 200);
    listener.stop().await;
}

#[tokio::test]
async fn a_listener_is_given_up_after_so_many_tries_and_none_is_made_at_the_end() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = || io::Error::from(io::ErrorKind::InvalidInput);
    let state = ListenerState::default();
    let stop = CancellationToken::new();
    let mut tries = 0;
    assert!(state.reopen(address, gone(), &mut tries, &stop).await.unwrap().is_some());
    assert_eq!(tries, 1, "it counts on until a connection comes");
    tries = TRIES;
    let failed = state.reopen(address, gone(), &mut tries, &stop).await.unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::InvalidInput);
    tokio::time::timeout(HANG, state.failed()).await.unwrap();
    assert_eq!(state.to_json()["state"], "failed");
    stop.cancel();
    assert!(ListenerState::default().reopen(address, gone(), &mut 0, &stop).await.unwrap().is_none());
}
