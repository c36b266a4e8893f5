//! Who dawdles: heads and bodies that drip, stop or never come.

use brains_tests::{until, within};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::{Fell, Held, Row, row};
use super::{Doors, PAUSE, Place, Role, head, of_tools, read_until, status, write};

const JSON: &str = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";

pub(super) fn rows() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    for tools in [false, true] {
        let door = if tools { "tools" } else { "models" };
        for (what, bytes) in [
            ("nothing", ""),
            ("half a request line", "POST /v1/chat"),
            ("half a head", "GET /health HTTP/1.1\r\nhost: localhost\r\nx-"),
            ("line breaks", "\r\n\r\n"),
        ] {
            let what = format!("a connection that sends {what}, to {door}");
            rows.push(row("security 8", what, Fell, move |scene: Place| async move {
                let mut stream = scene.connect(tools).await;
                write(&mut stream, bytes).await;
                let mut rest = Vec::new();
                let ended = within("the end of the connection", stream.read_to_end(&mut rest)).await;
                drop(ended);
                scene.unharmed().await;
            }));
        }
        let what = format!("a head that drips, to {door}");
        rows.push(row("security 8", what, Fell, move |scene: Place| async move {
            let mut stream = scene.connect(tools).await;
            write(&mut stream, "GET /health HTTP/1.1\r\nx-drip: ").await;
            let (mut read, mut write) = stream.into_split();
            let drip = async {
                while write.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            let mut byte = [0];
            let ended = async { drop(within("the end of the connection", read.read(&mut byte)).await) };
            tokio::select! {
                () = ended => {}
                () = drip => {}
            }
            scene.unharmed().await;
        }));
    }
    for (path, role) in [
        ("/v1/chat/completions", Role::Gateway),
        ("/api/ops/list_workspaces", Role::Reader),
        ("/mcp", Role::Agent),
        ("/messages/?session_id=x", Role::Agent),
    ] {
        for (how, encoding, byte) in [
            ("drips", "content-length: 9000\r\n", " "),
            ("drips in chunks", "transfer-encoding: chunked\r\n", "1\r\n \r\n"),
        ] {
            let what = format!("a body that {how}, to {path}");
            rows.push(row("security 9", what, Fell, move |scene: Place| async move {
                let mut stream = scene.connect(of_tools(path)).await;
                let rest = format!("{JSON}{encoding}");
                write(&mut stream, &head("POST", path, scene.key(role), &rest)).await;
                let (mut read, mut write) = stream.into_split();
                let drip = async {
                    while write.write_all(byte.as_bytes()).await.is_ok() {
                        tokio::time::sleep(PAUSE).await;
                    }
                    std::future::pending::<()>().await;
                };
                let answered = async {
                    let mut answer = Vec::new();
                    drop(within("an answer", read.read_to_end(&mut answer)).await);
                    String::from_utf8_lossy(&answer).into_owned()
                };
                let answer = tokio::select! {
                    answer = answered => answer,
                    () = drip => String::new(),
                };
                assert_eq!(status(&answer), 408, "{answer}");
                assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
                scene.unharmed().await;
            }));
        }
        let what = format!("a body that stops, to {path}");
        rows.push(row("security 9", what, Fell, move |scene: Place| async move {
            let mut stream = scene.connect(of_tools(path)).await;
            let rest = format!("{JSON}content-length: 9000\r\n");
            write(&mut stream, &head("POST", path, scene.key(role), &rest)).await;
            write(&mut stream, "{\"model\":").await;
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            assert_eq!(status(&answer), 408, "{answer}");
            scene.unharmed().await;
        }));
        let what = format!("a body that breaks off, to {path}");
        rows.push(row("security 9", what, Held, move |scene: Place| async move {
            let mut stream = scene.connect(of_tools(path)).await;
            let rest = format!("{JSON}content-length: 9000\r\n");
            write(&mut stream, &head("POST", path, scene.key(role), &rest)).await;
            write(&mut stream, "{").await;
            drop(stream);
            scene.unharmed().await;
        }));
    }
    rows.push(row("security 9", "bodies that dawdle take no place", Fell, |scene: Place| async move {
        let places = json!({"key": "max_concurrent_requests", "value": 2});
        scene.service.client.operation("set_config", &places).await;
        let mut slow = Vec::new();
        for _ in 0..6 {
            let mut stream = scene.connect(false).await;
            let rest = format!("{JSON}content-length: 9000\r\n");
            write(&mut stream, &head("POST", "/v1/chat/completions", &scene.gateway, &rest)).await;
            write(&mut stream, "{").await;
            slow.push(stream);
        }
        // They are inside, as far as they get: their connections count.
        until("all of them", async || {
            let used = scene.budget("connections").await["used"].as_u64();
            used.is_none_or(|used| used >= 6)
        })
        .await;
        for _ in 0..4 {
            scene.unharmed().await;
        }
        drop(slow);
        let all = json!({"key": "max_concurrent_requests"});
        scene.service.client.operation("unset_config", &all).await;
    }));
    rows.push(row(
        "security 9",
        "bodies under way are a budget, of which one key gets half",
        Fell,
        |scene: Place| async move {
            // 30 of the 32 MiB that one key may have; then the same key is refused, and another one is not.
            let patience =
                |seconds: u32| json!({"key": "budgets.body_seconds", "value": seconds}).to_string();
            scene.service.client.post("/api/ops/set_config", patience(60)).await;
            let mut held = Vec::new();
            let half = " ".repeat(15 << 20);
            for _ in 0..2 {
                let mut stream = scene.connect(false).await;
                let rest = format!("{JSON}content-length: {}\r\n", 16 << 20);
                write(&mut stream, &head("POST", "/v1/chat/completions", &scene.gateway, &rest)).await;
                write(&mut stream, &half).await;
                held.push(stream);
            }
            until("both to arrive", async || {
                scene.budget("body_mib").await["used"].as_u64().is_none_or(|used| used >= 30)
            })
            .await;
            let one_more = format!("{{\"model\":{}", " ".repeat(4 << 20));
            let answer = super::post(
                &scene.client(Role::Gateway),
                "/v1/chat/completions",
                "",
                one_more.clone().into(),
            )
            .await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text());
            assert!(answer.text().contains("budgets.body_mib"), "{}", answer.text());
            let answer =
                super::post(&scene.client(Role::Agent), "/v1/chat/completions", "", one_more.into()).await;
            assert_eq!(answer.status, 400, "{}", answer.text());
            scene.unharmed().await;
            drop(held);
            until("what they held to come back", async || scene.budget("body_mib").await["used"] == 0).await;
            scene.service.client.post("/api/ops/set_config", patience(3)).await;
            scene.unharmed().await;
        },
    ));
    rows
}
