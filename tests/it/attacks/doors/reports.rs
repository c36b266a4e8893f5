//! What users of other programs reported of their doors, with the very input of the report. Each names its thread; the
//! right answer is this program's own.

use brains_tests::wire::OPENAI;
use brains_tests::{Brains, Setup};
use bytes::Bytes;
use serde_json::json;

use super::super::{Held, Row, row};
use super::{Doors, Place, Role, SLACK_MIB, bodies, post};

const DOORS: [(&str, bool); 4] = [
    ("/v1/chat/completions", false),
    ("/api/ops/list_workspaces", false),
    ("/mcp", true),
    ("/messages/?session_id=x", true),
];

pub(super) fn rows() -> Vec<Row<Doors>> {
    let mut rows = vec![
        // github.com/BerriAI/litellm/issues/39757: the 401 of a wrong key told its hash and the table that was asked.
        row("security low", "a wrong key learns nothing from its refusal", Held, |scene: Place| async move {
            let key = "sk-wrong-4b1d0f7a9c2e";
            for (path, tools) in DOORS {
                let client = if tools { &scene.service.mcp } else { &scene.service.client }.with_key(key);
                let answer = post(&client, path, "", Bytes::from_static(b"{}")).await;
                assert!(matches!(answer.status, 401 | 429), "{}", answer.text());
                let told = format!("{}{:?}", answer.text(), answer.headers).to_ascii_lowercase();
                let digest = brains_core::secret::sha256_hex(key.as_bytes());
                for word in [key, &key[3..12], &digest, &digest[..12], "hash", "table", "select", "sqlite"] {
                    assert!(!told.contains(word), "{path}: {word} in {told}");
                }
            }
        }),
        // github.com/BerriAI/litellm/issues/15799, 6963: an upstream that could not be reached was told with its whole
        // URL, and the key stood in there.
        row(
            "security 15",
            "a key in the URL of an upstream that is not there",
            Held,
            |_: Place| async move {
                let key = "AIzaSyD-0123456789-abcdefghijklmnopqrs";
                let base = format!("http://127.0.0.1:9/v1?key={key}");
                let setup = Setup::config(format!(
                    "openai_compatible_base_url: \"{base}\"\nopenai_compatible_api_key: \"{key}\"\n"
                ));
                let service = Brains::start(setup).await;
                for stream in [false, true] {
                    let chat = json!({
                        "model": OPENAI.model(), "stream": stream,
                        "messages": [{"role": "user", "content": "x"}],
                    });
                    let answer = service.client.chat(&chat).await;
                    assert!(!answer.text().contains(&key[..20]), "{}", answer.text());
                }
                let kept = service.client.operation("list_traces", &json!({})).await.to_string();
                assert!(!kept.contains(&key[..20]) && !service.log().contains(&key[..20]), "{kept}");
            },
        ),
        // github.com/open-policy-agent/opa/issues/8132: room was made for what the end of a gzip stream announces.
        row("security 6", "a gzip body that announces 4 GiB at its end", Held, |scene: Place| async move {
            for (path, tools) in DOORS {
                let client = if tools { scene.mcp(Role::Agent) } else { scene.client(Role::Agent) };
                let mut body = bodies::gzip(b"{}");
                let end = body.len() - 4;
                body[end..].copy_from_slice(&u32::MAX.to_le_bytes());
                let memory = scene.memory();
                let answer = post(&client, path, "gzip", body.into()).await;
                assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.status, answer.text());
                assert!(memory.grown_mib() <= SLACK_MIB);
            }
        }),
    ];
    // github.com/headroomlabs-ai/headroom/issues/3284, 3325: 16 KiB of zstd became 512 MiB before any limit was asked;
    // github.com/expressjs/body-parser/issues/454: the limit was held against what arrived.
    for (path, tools) in DOORS {
        let what = format!("16 KiB of zstd that become 512 MiB, to {path}");
        rows.push(row("security 6", what, Held, move |scene: Place| async move {
            let client = if tools { scene.mcp(Role::Agent) } else { scene.client(Role::Agent) };
            let memory = scene.memory();
            let (answer, ()) = tokio::join!(post(&client, path, "zstd", unfolding()), scene.unharmed());
            assert!(matches!(answer.status, 400 | 404 | 413), "{}: {}", answer.status, answer.text());
            assert!(memory.grown_mib() <= SLACK_MIB, "{} MiB", memory.grown_mib());
        }));
    }
    // github.com/OneUptime/oneuptime/issues/3404: compressed bodies were unpacked for nobody, and where nothing is.
    for (path, role, expected) in [
        ("/v1/none", Role::Nobody, 401),
        ("/v1/none", Role::Gateway, 404),
        ("/nothing/at/all", Role::Nobody, 401),
    ] {
        let what = format!("16 KiB of zstd that become 512 MiB, to {path} {}", role.word());
        rows.push(row("security 6", what, Held, move |scene: Place| async move {
            let memory = scene.memory();
            let answer = post(&scene.client(role), path, "zstd", unfolding()).await;
            assert!(
                answer.status == expected || answer.status == 404,
                "{}: {}",
                answer.status,
                answer.text()
            );
            assert!(memory.grown_mib() <= SLACK_MIB / 4, "{} MiB", memory.grown_mib());
        }));
    }
    rows
}

/// 512 MiB of spaces.
fn unfolding() -> Bytes {
    static MADE: std::sync::LazyLock<Bytes> = std::sync::LazyLock::new(|| {
        let spaces = std::io::Read::take(std::io::repeat(b' '), 512 << 20);
        zstd::encode_all(spaces, 19).expect("zstd").into()
    });
    MADE.clone()
}
