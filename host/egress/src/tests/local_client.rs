//! The client for our own service.

use std::time::Duration;

use brains_core::Secret;
use serde_json::json;
use tokio::net::TcpListener;

use super::KEY;
use super::server::Server;
use crate::local::{LocalClient, LocalError};

fn client(base: &str) -> LocalClient {
    LocalClient::new(base, Some(Secret::new(KEY)), Duration::from_secs(10)).unwrap()
}

#[tokio::test]
async fn posts_with_its_key() {
    let answer = "HTTP/1.1 409 Conflict\r\ncontent-length: 11\r\n\r\n{\"held\":42}";
    let server = Server::answering(1, answer).await;
    let answered = client(&server.url("")).post_json("/api/ops/x", &json!({"a": 1})).await.unwrap();
    assert_eq!(answered, (409, json!({"held": 42})));
    let requests = server.requests().await;
    assert!(
        requests[0].starts_with("POST /api/ops/x ") && requests[0].ends_with("{\"a\":1}"),
        "{}",
        requests[0]
    );
    assert!(requests[0].contains(&format!("authorization: Bearer {KEY}")));
}

#[tokio::test]
async fn nobody_there_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(&format!("http://{free}")).get_json("/health").await.unwrap_err();
    assert_eq!(error, LocalError::Unreachable { address: free.to_string() });
}

#[test]
fn only_this_machine() {
    for base in ["http://10.0.0.1:1", "http://example.com", "https://127.0.0.1", "nonsense"] {
        assert!(LocalClient::new(base, None, Duration::from_secs(1)).is_err(), "{base}");
    }
    assert!(!format!("{:?}", client("http://127.0.0.1:1")).contains(KEY));
}
