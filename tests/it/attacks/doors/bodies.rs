//! Bodies: compressed ones that unfold, trees that grow, sizes that are announced; at every door, by everybody.

use std::io::Write as _;
use std::sync::LazyLock;

use brains_tests::wire::{OLLAMA, OPENAI};
use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::super::{Before, Fell, Held, Row, row};
use super::{Doors, Place, Role, SLACK_MIB, head, of_tools, post, read_until, status};

/// A body that is more than it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bomb {
    /// 16 MiB of small arrays.
    Tree,
    /// Members of gzip that hold nothing.
    Members,
    /// Frames of zstd that hold nothing.
    Frames,
    /// 64 MiB of spaces.
    Spaces,
    /// Compressed twice.
    Twice,
}

impl Bomb {
    const ALL: [Self; 5] = [Self::Tree, Self::Members, Self::Frames, Self::Spaces, Self::Twice];

    const fn word(self) -> &'static str {
        match self {
            Self::Tree => "16 MiB of arrays as gzip",
            Self::Members => "100,000 empty members of gzip",
            Self::Frames => "100,000 empty frames of zstd",
            Self::Spaces => "64 MiB of spaces as zstd",
            Self::Twice => "gzip in gzip",
        }
    }

    const fn coding(self) -> &'static str {
        match self {
            Self::Tree | Self::Members => "gzip",
            Self::Frames | Self::Spaces => "zstd",
            Self::Twice => "gzip, gzip",
        }
    }

    fn bytes(self) -> Bytes {
        static MADE: LazyLock<[Bytes; 5]> = LazyLock::new(|| {
            let tree = gzip(&nested(16 << 20));
            [
                tree.clone().into(),
                gzip(b"").repeat(100_000).into(),
                zstd::encode_all(&b""[..], 1).expect("zstd").repeat(100_000).into(),
                zstd::encode_all(&vec![b' '; 64 << 20][..], 1).expect("zstd").into(),
                gzip(&tree).into(),
            ]
        });
        MADE[Self::ALL.iter().position(|bomb| *bomb == self).expect("one of them")].clone()
    }
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).expect("gzip");
    encoder.finish().expect("gzip")
}

/// `{"a":[[],[],…]}` of about so many bytes.
fn nested(bytes: usize) -> Vec<u8> {
    let mut text = b"{\"a\":[[]".to_vec();
    while text.len() < bytes {
        text.extend_from_slice(b",[]");
    }
    text.extend_from_slice(b"]}");
    text
}

const ROUTES: [&str; 6] = [
    "/api/ops/no_such_thing",
    "/api/ops/add_operator",
    "/api/ops/list_workspaces",
    "/mcp",
    "/messages/?session_id=x",
    "/v1/chat/completions",
];

/// What a body is answered that was not looked at; none where it may be sent.
const fn unread(path: &str, role: Role) -> Option<&'static [u16]> {
    let path = path.as_bytes();
    // The fourth letter tells the routes apart.
    let (operation, model) = (path[1] == b'a', path[1] == b'v');
    let (unknown, admin) = (operation && path[9] == b'n', operation && path[9] == b'a');
    match role {
        Role::Nobody => Some(&[401]),
        Role::Wrong => Some(&[401, 429]),
        _ if unknown => Some(&[404]),
        Role::Gateway if !model => Some(&[403]),
        Role::Reader if model || admin => Some(&[403]),
        Role::Agent if admin => Some(&[403]),
        Role::Gateway | Role::Reader | Role::Agent => None,
    }
}

pub(super) fn rows() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    for path in ROUTES {
        for role in Role::ALL {
            for bomb in Bomb::ALL {
                rows.push(bomb_row(bomb, path, role));
            }
            if let Some(expected) = unread(path, role) {
                let keyless = matches!(role, Role::Nobody | Role::Wrong);
                let before = if keyless { Held } else { before_of(path, role) };
                rows.push(announced_row(path, role, expected, before));
            }
        }
    }
    for (path, role) in [
        ("/v1/none", Role::Gateway),
        ("/api/none", Role::Reader),
        ("/mcp/none", Role::Agent),
        ("/sse/x", Role::Agent),
    ] {
        rows.push(announced_row(path, role, &[404], Held));
    }
    rows.extend(sizes());
    rows.extend(trees());
    rows
}

/// Who may not send it is told so, and whoever may is told that it is too much; neither costs memory.
fn bomb_row(bomb: Bomb, path: &'static str, role: Role) -> Row<Doors> {
    let before = fell(bomb, path, role);
    let what = format!("{} to {path} {}", bomb.word(), role.word());
    row("security 6", what, before, move |scene: Place| async move {
        let memory = scene.memory();
        let client = if of_tools(path) { scene.mcp(role) } else { scene.client(role) };
        let body = bomb.bytes();
        let (answer, ()) = tokio::join!(post(&client, path, bomb.coding(), body), scene.unharmed());
        let expected = unread(path, role).unwrap_or(&[400, 404, 413]);
        assert!(expected.contains(&answer.status), "{}: {}", answer.status, answer.text());
        let grown = memory.grown_mib();
        assert!(grown <= SLACK_MIB, "{grown} MiB");
        scene.unharmed().await;
    })
}

/// Before, every body of a known key was unpacked, and became a tree, before anything else was asked.
fn fell(bomb: Bomb, path: &str, role: Role) -> Before {
    let known = !matches!(role, Role::Nobody | Role::Wrong);
    let reaches = path != "/v1/chat/completions" && known;
    let refused_later = unread(path, role).is_some();
    let no_stream = path.starts_with("/messages") && role != Role::Gateway;
    match bomb {
        // Without a stream there was nothing that would have read it.
        Bomb::Tree if reaches && !no_stream => Fell,
        // They were taken for an empty body.
        Bomb::Members | Bomb::Frames if known && path == "/mcp" => Fell,
        Bomb::Members | Bomb::Frames if path.ends_with("list_workspaces") && !refused_later => Fell,
        Bomb::Members | Bomb::Frames if path.starts_with("/messages") && role == Role::Gateway => Fell,
        // It was told that the body is wrong, not that there is nothing to send one to.
        Bomb::Spaces | Bomb::Twice if reaches && refused_later => Fell,
        _ => Held,
    }
}

/// A head alone is answered: nobody waits for a body that will not be read.
fn announced_row(path: &'static str, role: Role, expected: &'static [u16], before: Before) -> Row<Doors> {
    let what = format!("a body that never comes, to {path} {}", role.word());
    row("security 6", what, before, move |scene: Place| async move {
        let mut stream = scene.connect(of_tools(path)).await;
        let rest = "content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: 900000\r\n";
        super::write(&mut stream, &head("POST", path, scene.key(role), rest)).await;
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(expected.contains(&status(&answer)), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        scene.unharmed().await;
    })
}

/// The scope for models was looked at in time.
fn before_of(path: &str, role: Role) -> Before {
    if path == "/v1/chat/completions" && role == Role::Reader { Held } else { Fell }
}

/// What is announced to be larger than it may be is refused by its head.
fn sizes() -> Vec<Row<Doors>> {
    let mut rows = Vec::new();
    for (path, role, bytes, before) in [
        ("/api/ops/list_workspaces", Role::Reader, 2_usize << 20, Fell),
        ("/api/ops/create_task", Role::Agent, (1 << 20) + 1, Fell),
        ("/mcp", Role::Reader, 2 << 20, Fell),
        ("/mcp", Role::Agent, 31 << 20, Fell),
        ("/messages/?session_id=x", Role::Agent, 2 << 20, Fell),
        ("/v1/chat/completions", Role::Gateway, 33 << 20, Held),
    ] {
        let what = format!("{bytes} bytes announced to {path} {}", role.word());
        rows.push(row("security 6", what, before, move |scene: Place| async move {
            let mut stream = scene.connect(of_tools(path)).await;
            let rest = format!("content-type: application/json\r\ncontent-length: {bytes}\r\n");
            super::write(&mut stream, &head("POST", path, scene.key(role), &rest)).await;
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            assert_eq!(status(&answer), 413, "{answer}");
        }));
        let what = format!("{bytes} bytes in chunks to {path} {}", role.word());
        rows.push(row("security 6", what, before, move |scene: Place| async move {
            let memory = scene.memory();
            let mut stream = scene.connect(of_tools(path)).await;
            let rest = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
            super::write(&mut stream, &head("POST", path, scene.key(role), rest)).await;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
            let mut sent = 0;
            // The service answers when it has had enough; the rest is taken off the wire and thrown away.
            while sent < bytes + (1 << 20) && stream.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 0x1_0000;
            }
            drop(stream.write_all(b"0\r\n\r\n").await);
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            assert_eq!(status(&answer), 413, "{answer}");
            assert!(memory.grown_mib() <= SLACK_MIB);
        }));
    }
    rows
}

/// Documents that are small as text and large as trees, or that trip readers up.
fn trees() -> Vec<Row<Doors>> {
    let wide = |bytes: usize| String::from_utf8(nested(bytes)).expect("text");
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let members = (0..90_000).map(|number| format!("\"m{number}\":0")).collect::<Vec<_>>().join(",");
    let documents: [(&str, String, u16, &str, Before); 8] = [
        ("a million bytes of arrays", wide(1_000_000), 400, "json_too_large", Fell),
        ("a thousand levels", deep(1_000), 400, "json_too_large", Fell),
        ("400,000 levels that never close", "[".repeat(400_000), 400, "json_too_large", Fell),
        (
            "half a million elements",
            format!("{{\"a\":[1{}]}}", ",1".repeat(499_000)),
            400,
            "json_too_large",
            Fell,
        ),
        ("90,000 members", format!("{{{members},\"limit\":1}}"), 400, "", Held),
        (
            "the same member 100,000 times",
            format!("{{{}\"limit\":1}}", "\"limit\":1,".repeat(100_000)),
            0,
            "",
            Held,
        ),
        ("a number of 900,000 digits", format!("{{\"limit\":{}}}", "9".repeat(900_000)), 400, "", Held),
        ("a text of 900,000 escapes", format!("{{\"cursor\":\"{}\"}}", "\\\\".repeat(450_000)), 0, "", Held),
    ];
    let mut rows = Vec::new();
    for (what, document, expected, code, before) in documents {
        let body = document.clone();
        rows.push(row("security 6", format!("{what} to an operation"), before, move |scene: Place| {
            let body = body.clone();
            async move {
                let memory = scene.memory();
                let answer = post(&scene.client(Role::Reader), "/api/ops/list_traces", "", body.into()).await;
                assert!(expected == 0 || answer.status == expected, "{}: {}", answer.status, answer.text());
                let told = answer.json()["error"]["code"].clone();
                assert!(code.is_empty() || told == code, "{told}");
                assert!(memory.grown_mib() <= SLACK_MIB);
                scene.unharmed().await;
            }
        }));
        if code.is_empty() {
            continue;
        }
        for path in ["/mcp", "/messages/?session_id=x"] {
            let message =
                format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{document}}}");
            rows.push(row("security 6", format!("{what} to {path}"), before, move |scene: Place| {
                let message = message.clone();
                async move {
                    let answer = post(&scene.mcp(Role::Agent), path, "", message.into()).await;
                    assert_eq!(answer.status, 400, "{}", answer.text());
                    assert_eq!(answer.json()["error"]["data"]["code"], code, "{}", answer.text());
                    scene.unharmed().await;
                }
            }));
        }
    }
    // What is moved byte by byte has no tree and no bound; what is translated has both.
    for (model, expected) in [(OLLAMA.model(), 400), (OPENAI.model(), 200)] {
        let before = if expected == 400 { Fell } else { Held };
        let what = format!("300,000 values to the model {model}");
        rows.push(row("security 6", what, before, move |scene: Place| {
            let filler = vec![json!(0); 300_000];
            let body = json!({
                "model": model, "messages": [{"role": "user", "content": "x"}], "metadata": {"filler": filler},
            });
            async move {
                let answer =
                    post(&scene.client(Role::Gateway), "/v1/chat/completions", "", body.to_string().into()).await;
                assert_eq!(answer.status, expected, "{}", answer.text());
                if expected == 400 {
                    assert_eq!(answer.json()["error"]["code"], "json_too_large", "{}", answer.text());
                }
            }
        }));
    }
    rows
}
