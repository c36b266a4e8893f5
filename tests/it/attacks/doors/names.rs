//! Names: hosts that look like ours, keys by the dozen, ids and surfaces of somebody else, framing that means two things.

use brains_tests::service::Home;
use brains_tests::{Client, within};
use serde_json::{Value, json};

use super::super::{Before, Fell, Held, Row, row};
use super::{Doors, Place, Role, head, honest, read_until, status, write};

pub(super) fn rows() -> Vec<Row<Doors>> {
    let mut rows = hosts();
    rows.extend(keys());
    rows.extend(requests());
    rows.extend(surfaces());
    rows.extend(framing());
    rows.push(row("security 6", "every budget is shown to who has a key", Fell, |scene: Place| async move {
        let ready = scene.service.client.get("/health/ready").await.json();
        for name in [
            "body_mib",
            "body_seconds",
            "json_nodes",
            "operations_per_minute",
            "requests_per_key",
            "connections",
            "connections_per_key",
            "connections_per_operator",
            "descriptor_reserve",
            "mcp_connections",
            "mcp_connections_per_key",
            "mcp_connections_per_operator",
        ] {
            let standing = &ready["budgets"][name];
            for member in ["used", "limit", "refused"] {
                assert!(standing[member].is_u64(), "{name}: {ready}");
            }
        }
        let stranger = scene.service.client.with_key("").get("/health/ready").await.json();
        assert!(stranger["budgets"].is_null(), "{stranger}");
    }));
    rows
}

fn hosts() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    for (host, allowed, before) in [
        ("localhost", true, Held),
        ("LOCALHOST:1", true, Held),
        ("127.0.0.1:65535", true, Held),
        ("[::1]:8787", true, Held),
        ("[::1].evil.example", false, Fell),
        ("[::1].evil.example:8787", false, Fell),
        ("[::1]evil", false, Fell),
        ("[::1", false, Held),
        ("::1", false, Held),
        ("[127.0.0.1]", false, Fell),
        ("[localhost]", false, Fell),
        ("localhost:", false, Fell),
        ("localhost:0", false, Fell),
        ("localhost:99999", false, Fell),
        ("localhost:80:80", false, Held),
        ("localhost.", false, Held),
        ("localhost.evil.example", false, Held),
        ("localhost@evil.example", false, Held),
        ("evil.example#localhost", false, Held),
        ("127.1", false, Held),
        ("2130706433", false, Held),
        ("0x7f000001", false, Held),
        ("0177.0.0.1", false, Held),
        ("127.0.0.1.", false, Held),
        ("", false, Held),
    ] {
        for tools in [false, true] {
            let door = if tools { "tools" } else { "models" };
            rows.push(row(
                "security low",
                format!("the host `{host}`, to {door}"),
                before,
                move |scene: Place| async move {
                    let mut stream = scene.connect(tools).await;
                    let head = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
                    write(&mut stream, &head).await;
                    let answer = read_until(&mut stream, "\r\n\r\n").await;
                    let expected: &[u16] = if allowed { &[200] } else { &[421, 400] };
                    assert!(expected.contains(&status(&answer)), "{answer}");
                },
            ));
        }
    }
    rows
}

fn keys() -> Vec<Row<Doors>> {
    let mut rows = vec![
        row("security low", "90 wrong keys in one request", Fell, |scene: Place| async move {
            // Whatever others tried before has passed.
            tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
            let mut request = scene.client(Role::Nobody).request(http::Method::GET, "/v1/models");
            for number in 0..90 {
                request = request.header("x-api-key", format!("guess-{number}"));
            }
            assert_eq!(Client::send(request).await.status, 401);
            let next = scene.client(Role::Wrong).get("/v1/models").await;
            assert_eq!(next.json()["error"]["code"], "too_many_wrong_keys", "{}", next.text());
            scene.unharmed().await;
        }),
        row("security low", "a right key among many", Fell, |scene: Place| async move {
            let mut request = scene.client(Role::Nobody).request(http::Method::GET, "/v1/models");
            for key in ["one-guess", "another-guess", &scene.gateway] {
                request = request.header("x-api-key", key);
            }
            let answer = Client::send(request).await;
            assert_eq!(answer.json()["error"]["code"], "several_api_keys", "{}", answer.text());
        }),
        row("security low", "two right keys of two operators", Fell, |scene: Place| async move {
            let request = scene.client(Role::Nobody).request(http::Method::GET, "/v1/models");
            let request = request.bearer_auth(&scene.ada).header("x-api-key", &scene.bob);
            let answer = Client::send(request).await;
            assert_eq!(answer.json()["error"]["code"], "several_api_keys", "{}", answer.text());
        }),
        row("security low", "the same key twice is one key", Held, |scene: Place| async move {
            let request = scene.client(Role::Gateway).request(http::Method::GET, "/v1/models");
            let answer = Client::send(request.header("x-api-key", &scene.gateway)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }),
        row(
            "security low",
            "a right key beside a wrong one is a right key",
            Held,
            |scene: Place| async move {
                let request = scene.client(Role::Gateway).request(http::Method::GET, "/v1/models");
                let answer = Client::send(request.header("x-api-key", "of-another-vendor")).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            },
        ),
    ];
    for key in
        ["a", "changeme", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "passwordpassword", "0123456789abcdefghij"]
    {
        rows.push(row("security low", format!("an admin key that is `{key}`"), Fell, move |_| async move {
            let home = Home::default();
            let mut command = home.command(&["serve-all", "--gateway-port", "0", "--mcp-port", "0"]);
            let output =
                within("the end", command.env("BRAINS_API_KEY", key).output()).await.expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("api_key") && said.contains("openssl rand"), "{said}");
            assert!(key.len() < 9 || !said.contains(key), "{said}");
        }));
    }
    rows
}

/// A model request of somebody under an id of their choice; the trace's own id.
async fn ask(scene: &Doors, key: &str, id: &str) -> String {
    let client = scene.service.client.with_key(key);
    let request = client
        .request(http::Method::POST, "/v1/chat/completions")
        .header("content-type", "application/json")
        .header("x-request-id", id)
        .body(honest().to_string());
    let answer = Client::send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-brains-trace-id").to_owned()
}

/// What `show_trace` says once the trace is written.
async fn shown(scene: &Doors, key: &str, id: &str, trace: &str) -> (u16, Value) {
    let client = scene.service.client.with_key(key);
    brains_tests::until("the trace to be written", async || {
        let found = scene.service.client.post("/api/ops/show_trace", json!({"id": trace}).to_string()).await;
        found.status == 200
    })
    .await;
    let answer = client.post("/api/ops/show_trace", json!({"id": id}).to_string()).await;
    (answer.status, answer.json())
}

fn requests() -> Vec<Row<Doors>> {
    vec![
        row("security low", "somebody else's request id hides no trace", Fell, |scene: Place| async move {
            let id = format!("shared-{}", scene.number());
            let first = ask(&scene, &scene.ada, &id).await;
            let second = ask(&scene, &scene.bob, &id).await;
            let (_, own) = shown(&scene, &scene.ada, &id, &second).await;
            assert_eq!(own["trace"]["id"], first.as_str(), "{own}");
            let (_, own) = shown(&scene, &scene.bob, &id, &second).await;
            assert_eq!(own["trace"]["id"], second.as_str(), "{own}");
        }),
        row("security low", "an administrator is told of both", Fell, |scene: Place| async move {
            let id = format!("shared-{}", scene.number());
            let first = ask(&scene, &scene.ada, &id).await;
            let second = ask(&scene, &scene.bob, &id).await;
            let (status, told) = shown(&scene, &scene.service.client.key, &id, &second).await;
            assert_eq!((status, &told["error"]["code"]), (409, &json!("ambiguous_request_id")), "{told}");
            let hint = told["error"]["hint"].as_str().expect("a hint");
            assert!(hint.contains(&first) && hint.contains(&second), "{hint}");
        }),
        row("security low", "a member's id finds nothing of others", Held, |scene: Place| async move {
            let id = format!("private-{}", scene.number());
            let first = ask(&scene, &scene.ada, &id).await;
            assert_eq!(shown(&scene, &scene.bob, &id, &first).await.0, 404);
        }),
        row(
            "security low",
            "the same id twice is the newest of one's own",
            Held,
            |scene: Place| async move {
                let id = format!("again-{}", scene.number());
                ask(&scene, &scene.ada, &id).await;
                let second = ask(&scene, &scene.ada, &id).await;
                let (_, own) = shown(&scene, &scene.ada, &id, &second).await;
                assert_eq!(own["trace"]["id"], second.as_str(), "{own}");
            },
        ),
    ]
}

fn surfaces() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    for (claimed, proof, before) in [
        ("cli", "", Fell),
        ("cli", "guessed", Fell),
        ("mcp", "", Held),
        ("http", "", Held),
        ("console", "", Held),
    ] {
        let what = format!("a call over HTTP that says it came by `{claimed}` ({proof})");
        rows.push(row("security low", what, before, move |scene: Place| async move {
            let name = format!("claim-{}", scene.number());
            let request = scene
                .service
                .client
                .request(http::Method::POST, "/api/ops/create_key")
                .header("content-type", "application/json")
                .header("x-brains-surface", claimed)
                .header("x-brains-proof", proof)
                .body(json!({"name": name, "scopes": ["read"]}).to_string());
            let answer = Client::send(request).await;
            if claimed == "mcp" && answer.status == 403 {
                // Who says to be an agent is treated as one.
                return;
            }
            assert_eq!(answer.status, 200, "{}", answer.text());
            let entry = newest(&scene).await;
            assert_eq!(entry["surface"], "http", "{entry}");
        }));
    }
    rows.push(row("security low", "a command says that it is one", Held, |scene: Place| async move {
        let name = format!("by-command-{}", scene.number());
        let made = scene.service.home.run(&["key", "create", &name, "--json"]).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let entry = newest(&scene).await;
        assert_eq!(entry["surface"], "cli", "{entry}");
    }));
    rows.push(row(
        "security low",
        "what proves a command is shown to nobody",
        Held,
        |scene: Place| async move {
            let text =
                fs_err::read_to_string(scene.service.home.state().join("runtime.json")).expect("a file");
            let runtime: Value = serde_json::from_str(&text).expect("JSON");
            let Some(proof) = runtime["proof"].as_str() else { return };
            let status = scene.service.home.run(&["status", "--json"]).await;
            assert!(!String::from_utf8_lossy(&status.stdout).contains(proof));
            assert!(!scene.service.log().contains(proof));
            assert!(!scene.service.client.get("/health/ready").await.text().contains(proof));
        },
    ));
    rows
}

/// The newest entry of the audit log.
async fn newest(scene: &Doors) -> Value {
    let listed = scene.service.client.operation("list_audit", &json!({"limit": 1})).await;
    listed["entries"][0].clone()
}

/// What means two things to two readers is taken by none.
fn framing() -> Vec<Row<Doors>> {
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let cases: [(&str, String, Before); 7] = [
        ("two lengths", "content-length: 5\r\ncontent-length: 6\r\n".into(), Held),
        ("a length and chunks", "content-length: 5\r\ntransfer-encoding: chunked\r\n".into(), Held),
        ("a length below zero", "content-length: -1\r\n".into(), Held),
        ("a length with a sign", "content-length: +5\r\n".into(), Held),
        ("a length beyond any number", format!("content-length: {}\r\n", "9".repeat(40)), Held),
        ("chunks that are spelled oddly", "transfer-encoding: xchunked\r\n".into(), Held),
        ("a folded header", "x-a: b\r\n c: d\r\n".into(), Held),
    ];
    let mut rows = Vec::new();
    for (what, framing, before) in cases {
        rows.push(row(
            "security held",
            format!("{what}, with a request behind"),
            before,
            move |scene: Place| {
                let framing = framing.clone();
                async move {
                    let mut stream = scene.connect(false).await;
                    let rest = format!("content-type: application/json\r\n{framing}");
                    let text = head("POST", "/v1/chat/completions", &scene.gateway, &rest);
                    write(&mut stream, &format!("{text}0\r\n\r\n{smuggled}")).await;
                    // Whatever becomes of the first, nothing is answered as if the second had come with a key.
                    let answer = read_until(&mut stream, "\"object\":\"list\"").await;
                    assert!(!answer.contains("\"object\":\"list\""), "{answer}");
                    scene.unharmed().await;
                }
            },
        ));
    }
    rows
}
