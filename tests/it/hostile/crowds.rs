//! More open streams than the pool has instances.

use brains_tests::counts::count;
use brains_tests::upstream::End;
use brains_tests::{Reply, Seen, until, within};
use futures_util::future::join_all;
use serde_json::json;

use super::{Bad, Scene};

/// Every stream holds an instance of its component until it ends. In `soak` there are more than the pool holds.
#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_pool() {
    let hanging = |_: &Seen| Reply::stream(["data: a\n\n"]).end(End::Hang);
    let scene =
        Scene::with(vec![Bad::new("open", "remote", json!({"lane": "translate"}))], "", hanging).await;
    let streams = count(40, 1_250);
    let body = json!({
        "model": "open/any", "stream": true, "messages": [{"role": "user", "content": "stream"}],
    });
    let opened = within(
        "every stream to begin",
        join_all((0..streams).map(|_| async {
            let request = scene.service.client.request(http::Method::POST, "/v1/chat/completions");
            let mut answer = request.body(body.to_string()).send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            let first = answer.chunk().await.expect("a stream").expect("a piece");
            assert!(!first.is_empty());
            answer
        })),
    )
    .await;
    assert!(scene.exchanges().await >= streams as u64);
    // Beside all of them others are served as ever.
    assert_eq!(scene.honest(0).await, scene.alone[0]);
    drop(opened);
    until("every exchange to end", async || scene.exchanges().await == 0).await;
    assert_eq!(scene.honest(1).await, scene.alone[1]);
}
