//! Documents and references that have no end, grow or nest: refused early, at a cost that is bounded, and told without
//! what they hold.

use std::sync::Arc;

use std::time::Duration;

use brains_tests::{Client, within};
use serde_json::{Value, json};

use super::super::Before::{self, Fell, Held};
use super::super::Row;
use super::{SECRET, Traps, fifo, link, row, told};

/// As much as a look at a document may add to the process in a debug build.
const SLACK_KIB: u64 = 160 << 10;

/// References by what they name, and whether an administrator hung or grew by them before.
const REFERENCES: [(&str, Before, fn(&Traps) -> String); 7] = [
    ("a FIFO", Fell, |scene| {
        let path = scene.path("reference-fifo");
        if !path.exists() {
            fifo(&path);
        }
        path.display().to_string()
    }),
    ("a link to a FIFO", Fell, |scene| {
        let (pipe, path) = (scene.path("reference-pipe"), scene.path("reference-link"));
        if !pipe.exists() {
            fifo(&pipe);
            link(&pipe, &path);
        }
        path.display().to_string()
    }),
    ("/dev/zero", Fell, |_| "/dev/zero".into()),
    ("/dev/random", Fell, |_| "/dev/random".into()),
    ("a dead mount", Fell, |scene| scene.dead.path().join("key").display().to_string()),
    ("a directory", Held, |_| "/etc".into()),
    ("a file of 1 GiB", Fell, |scene| {
        let path = scene.path("reference-large");
        let file = fs_err::File::create(&path).expect("made");
        file.set_len(1 << 30).expect("as large");
        path.display().to_string()
    }),
];

fn bomb() -> String {
    let repeated = vec!["*a"; 20_000].join(", ");
    format!("gateway_preamble: &a \"{}\"\nx: [{repeated}]\n", "x".repeat(100_000))
}

fn chain() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text.extend([format!("a{level}: &a{level} [{below}]\n")]);
    }
    text
}

const DOCUMENTS: [(&str, Before, fn() -> String); 8] = [
    ("100,000 nested lists", Held, || "[".repeat(100_000)),
    ("50,000 nested maps", Held, || "{a: ".repeat(50_000)),
    ("a list of 300,000 lists", Held, || format!("x: [{}]", "[],".repeat(300_000))),
    ("2,000 nested blocks", Held, || {
        let blocks: Vec<_> = (0..2_000).map(|depth| " ".repeat(depth)).collect();
        blocks.join("a:\n").chars().take(900_000).collect()
    }),
    ("one text, 20,000 times", Fell, bomb),
    ("aliases of aliases", Held, chain),
    ("900,000 bytes of text", Held, || format!("gateway_preamble: {}\n", "x".repeat(900_000))),
    ("more than a mebibyte", Held, || format!("gateway_preamble: {}\n", "x".repeat(1_100_000))),
];

pub(super) fn rows() -> Vec<Row<Traps>> {
    let mut rows = Vec::new();
    for (what, before, path) in REFERENCES {
        rows.push(row(
            "security 2",
            format!("check_config, a reference to {what}, an administrator"),
            before,
            move |scene: Arc<Traps>| async move {
                let peak = scene.peak_kib();
                let document = format!("api_key: ${{FILE:{}}}\n", path(&scene));
                let input = json!({"document": document});
                for answer in
                    scene.attacked_by(|scene| scene.operation(&scene.admin(), "check_config", &input)).await
                {
                    let text = told(&answer);
                    assert!(!text.contains(r#""ok":true"#), "{text}");
                }
                assert!(scene.peak_kib() < peak + SLACK_KIB, "{} KiB became {}", peak, scene.peak_kib());
            },
        ));
    }
    for (what, _, path) in REFERENCES.into_iter().take(5) {
        rows.push(row(
            "security 2",
            format!("check_config, a reference to {what}, an agent"),
            Held,
            move |scene: Arc<Traps>| async move {
                let document = format!("api_key: ${{FILE:{}}}\n", path(&scene));
                let input = json!({"document": document});
                for answer in
                    scene.attacked_by(|scene| scene.operation(&scene.agent, "check_config", &input)).await
                {
                    assert_eq!(answer.status, 403, "it is for people: {}", answer.text());
                }
            },
        ));
    }
    for (what, before, document) in DOCUMENTS {
        rows.push(row(
            "security 2",
            format!("check_config, {what}"),
            before,
            move |scene: Arc<Traps>| async move {
                let peak = scene.peak_kib();
                let input = json!({"document": document()});
                for answer in
                    scene.attacked_by(|scene| scene.operation(&scene.admin(), "check_config", &input)).await
                {
                    told(&answer);
                }
                assert!(scene.peak_kib() < peak + SLACK_KIB, "{} KiB became {}", peak, scene.peak_kib());
            },
        ));
    }
    rows.push(row(
        "security 2",
        "check_config by a key that only reads",
        Fell,
        |scene: Arc<Traps>| async move {
            let input = json!({"document": "rate_limit_per_minute: 1\n"});
            let answer = Client::send(scene.operation(&scene.reader, "check_config", &input)).await;
            assert_eq!(answer.status, 403, "{}", answer.text());
        },
    ));
    for (what, text) in [
        ("a bare secret", SECRET.to_owned()),
        ("a value that does not fit", format!("rate_limit_per_minute: {SECRET}\n")),
        ("a list where a map stands", format!("models: [{SECRET}]\n")),
        ("a line that breaks off", format!("api_key: \"{SECRET}\n")),
        ("a tag", format!("api_key: !{SECRET} x\n")),
        ("an alias", format!("api_key: *{SECRET}\n")),
    ] {
        rows.push(row(
            "security 5",
            format!("check_config repeats no value: {what}"),
            Held,
            move |scene: Arc<Traps>| {
                let input = json!({"document": text});
                async move {
                    let answer = Client::send(scene.operation(&scene.admin(), "check_config", &input)).await;
                    assert!(!told(&answer).contains(SECRET), "{}", answer.text());
                }
            },
        ));
    }
    for (what, before, make) in [
        ("a FIFO", Fell, (|path| fifo(path)) as fn(&std::path::Path)),
        ("a link to /dev/zero", Fell, |path| link("/dev/zero", path)),
        ("a link to another file", Fell, |path| {
            fs_err::write(path.with_extension("other"), "rate_limit_per_minute: 3\n").expect("written");
            link(path.with_extension("other"), path);
        }),
        ("a document of 100,000 lists", Held, |path| {
            fs_err::write(path, "[".repeat(100_000)).expect("written");
        }),
        ("a secret that does not fit", Held, |path| fs_err::write(path, SECRET).expect("written")),
    ] {
        rows.push(row(
            "security 2",
            format!("the overlay is {what}: reload, set, and everybody else"),
            before,
            move |scene: Arc<Traps>| async move {
                let overlay = scene.state("brains.runtime.yaml");
                drop(fs_err::remove_file(&overlay));
                make(&overlay);
                for (name, input) in [
                    ("reload_config", json!({})),
                    ("set_config", json!({"key": "gateway_preamble", "value": "short"})),
                ] {
                    for answer in
                        scene.attacked_by(|scene| scene.operation(&scene.admin(), name, &input)).await
                    {
                        let text = told(&answer);
                        assert!(answer.status >= 400 && !text.contains(SECRET), "{name}: {text}");
                    }
                }
                fs_err::remove_file(&overlay).expect("removed");
                sound(&scene).await;
            },
        ));
    }
    for (what, source, before) in [
        ("/dev/zero", (|_| "/dev/zero".to_owned()) as fn(&Traps) -> String, Fell),
        (
            "a FIFO",
            |scene| {
                let path = scene.path("source.wasm");
                if !path.exists() {
                    fifo(&path);
                }
                path.display().to_string()
            },
            Fell,
        ),
        ("a dead mount", |scene| scene.dead.path().join("x.wasm").display().to_string(), Fell),
        (
            "a link",
            |scene| {
                let path = scene.path("linked.wasm");
                drop(fs_err::remove_file(&path));
                link(scene.state("admin-key"), &path);
                path.display().to_string()
            },
            Held,
        ),
    ] {
        rows.push(row(
            "security 2",
            format!("components.x.source is {what}"),
            before,
            move |scene: Arc<Traps>| async move {
                let value: Value = json!({"source": source(&scene)});
                let input = json!({"key": "components.acme", "value": value});
                for answer in
                    scene.attacked_by(|scene| scene.operation(&scene.admin(), "set_config", &input)).await
                {
                    told(&answer);
                }
                let unset = json!({"key": "components.acme"});
                drop(
                    within(
                        "an answer",
                        Client::send(scene.operation(&scene.admin(), "unset_config", &unset)),
                    )
                    .await,
                );
                sound(&scene).await;
            },
        ));
    }
    rows
}

/// An edit is in force again.
async fn sound(scene: &Traps) {
    brains_tests::until("an edit to be in force", async || {
        let input = json!({"key": "gateway_preamble", "value": "after"});
        let answer = Client::send(scene.operation(&scene.admin(), "set_config", &input)).await;
        let back = Client::send(scene.operation(
            &scene.admin(),
            "unset_config",
            &json!({"key": "gateway_preamble"}),
        ));
        let both = answer.status == 200 && back.await.status == 200;
        if !both {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        both
    })
    .await;
}
