//! GitHub Copilot as a provider: signing in, exchanging and renewing, the three wires of its models, and that no token gets
//! anywhere but into the vault and to GitHub.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::Duration;

use brains_tests::copilot::{EXCHANGE, GitHub, Look, MARK};
use brains_tests::service::Home;
use brains_tests::{Answer, Brains, Reply, Setup, until};
use serde_json::{Value, json};

use crate::secrets::{core, shapes};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";

/// A service with a configured token.
async fn configured(github: &GitHub, token: &str, more: &str) -> Brains {
    let setup = Setup::config(github.config(more)).env("BRAINS_GITHUB_COPILOT_OAUTH_TOKEN", token);
    let service = Brains::start(setup).await;
    assert_eq!(service.client.get("/v1/models").await.status, 200);
    service
}

/// A state directory with this configuration, whose components are compiled.
async fn prepared(config: String) -> Home {
    Brains::start(Setup::config(config)).await.stop().await.0
}

fn hello(path: &str, model: &str, text: &str, stream: bool) -> Value {
    let model = format!("github_copilot/{model}");
    match path {
        RESPONSES => json!({"model": model, "stream": stream, "store": false, "input": text}),
        _ => json!({"model": model, "stream": stream, "max_tokens": 100,
                    "messages": [{"role": "user", "content": text}]}),
    }
}

async fn ask(service: &Brains, path: &str, body: &Value) -> Answer {
    service.client.post(path, body.to_string()).await
}

async fn chat(service: &Brains, model: &str) -> Answer {
    ask(service, CHAT, &hello(CHAT, model, "hello", false)).await
}

#[track_caller]
fn stdout(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_reaches_each_model_over_the_best_wire_that_it_has() {
    let github = GitHub::start().await;
    let token = github.account("gho_");
    let service = configured(&github, &token, "").await;
    let ids: Vec<String> = service.client.get("/v1/models").await.json()["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["id"].as_str()?.strip_prefix("github_copilot/").map(str::to_owned))
        .collect();
    assert!(ids.contains(&"gpt-scripted".to_owned()) && !ids.contains(&"gpt-hidden".to_owned()), "{ids:?}");
    for (path, model, sent) in [
        (CHAT, "gpt-scripted", "/chat/completions"),
        (RESPONSES, "gpt-scripted", "/chat/completions"),
        (MESSAGES, "gpt-scripted", "/chat/completions"),
        (CHAT, "gpt-scripted-codex", "/responses"),
        (RESPONSES, "gpt-scripted-codex", "/responses"),
        (MESSAGES, "gpt-scripted-codex", "/responses"),
        (CHAT, "gpt-scripted-both", "/chat/completions"),
        (RESPONSES, "gpt-scripted-both", "/responses"),
        (MESSAGES, "gpt-scripted-both", "/responses"),
        (CHAT, "claude-scripted", "/chat/completions"),
        (RESPONSES, "claude-scripted", "/v1/messages"),
        (MESSAGES, "claude-scripted", "/v1/messages"),
    ] {
        for stream in [false, true] {
            let answer = ask(&service, path, &hello(path, model, "hello", stream)).await;
            let text = answer.text();
            assert_eq!(answer.status, 200, "{path} {model}: {text}");
            assert!(text.contains("scripted") && text.contains("hello"), "{path} {model}: {text}");
            assert_eq!(github.upstream.last().path, sent, "{path} {model}");
            assert!(!text.contains(MARK), "{text}");
        }
    }
    assert_eq!(github.asked(EXCHANGE), 1, "one session for all of it");
    let last = github.upstream.last();
    assert!(last.header("authorization").is_some_and(|it| it.starts_with("Bearer tid=")), "{last:?}");
    assert_eq!(last.header("copilot-integration-id"), None, "nobody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_is_told_who_asked_and_of_pictures() {
    let github = GitHub::start().await;
    let service = configured(&github, &github.account("gho_"), "").await;
    let tools = json!([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]);
    let user = json!({"role": "user", "content": "call add({\"a\":1})"});
    let mut body = json!({"model": "github_copilot/gpt-scripted", "tools": tools, "messages": [user]});
    let answer = ask(&service, CHAT, &body).await;
    let call = answer.json()["choices"][0]["message"].clone();
    assert_eq!(call["tool_calls"][0]["function"]["name"], "add", "{}", answer.text());
    assert_eq!(github.upstream.last().header("x-initiator"), Some("user"));
    assert_eq!(github.upstream.last().header("copilot-vision-request"), None);

    let id = call["tool_calls"][0]["id"].clone();
    body["messages"] = json!([user, call, {"role": "tool", "tool_call_id": id, "content": "42"}]);
    let answer = ask(&service, CHAT, &body).await;
    assert!(answer.text().contains("scripted: 42"), "{}", answer.text());
    assert_eq!(github.upstream.last().header("x-initiator"), Some("agent"));

    // The same of a client whose results stand in a user's message, with a picture in one; relayed and translated.
    let picture =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}});
    let messages = json!([
        {"role": "user", "content": "call look({})"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [picture]},
            {"type": "text", "text": "<system-reminder>be brief</system-reminder>"}]},
    ]);
    let tools = json!([{"name": "look", "input_schema": {"type": "object"}}]);
    for model in ["claude-scripted", "gpt-scripted-both"] {
        let body = json!({"model": format!("github_copilot/{model}"), "max_tokens": 50, "tools": tools, "messages": messages});
        let answer = ask(&service, MESSAGES, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        let last = github.upstream.last();
        assert_eq!(last.header("x-initiator"), Some("agent"), "{model}");
        assert_eq!(last.header("copilot-vision-request"), Some("true"), "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_asks_how_it_stands_and_signs_out() {
    let github = GitHub::start().await;
    let home = prepared(github.config("")).await;
    let status = home.run(&["copilot-status"]).await;
    assert_eq!(stdout(&status)["active_source"], Value::Null, "{status:?}");

    github.looks(&[Look::Pending, Look::Pending, Look::SlowDown]);
    let login = home.run(&["copilot-login"]).await;
    assert!(login.status.success(), "{login:?}");
    let told = stderr(&login);
    assert!(told.contains("https://github.com/login/device") && told.contains("WDJB-MJHT"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let answer = stdout(&login);
    assert_eq!(
        (&answer["active_source"], &answer["base_url"]),
        (&json!("login"), &json!(github.upstream.origin()))
    );
    assert_eq!((github.asked("/login/oauth/access_token"), github.asked(EXCHANGE)), (4, 1));

    let vault = home.state().join("vault");
    let mode = |path: &std::path::Path| fs_err::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&vault), mode(&vault.join("github_copilot.json"))), (0o700, 0o600));

    let status = stdout(&home.run(&["copilot-status"]).await);
    assert_eq!(status["account"]["quota_snapshots"]["premium_interactions"]["remaining"], 120, "{status}");
    assert!(!status.to_string().contains(MARK), "{status}");
    assert_eq!(github.asked(EXCHANGE), 1, "what is kept counts");

    // A service that runs takes what was signed in with, and gives it up when it is forgotten.
    let service = Brains::start_in(home, Setup::default()).await;
    assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
    let logout = service.home.run(&["copilot-logout"]).await;
    assert_eq!((&stdout(&logout)["oauth"], &stdout(&logout)["session"]), (&json!(true), &json!(true)));
    assert!(!vault_file(&service).exists());
    until("the service to see it", async || chat(&service, "gpt-scripted").await.status != 200).await;
    let refused = chat(&service, "gpt-scripted").await;
    assert!(refused.status >= 500 && refused.text().contains("brains copilot-login"), "{}", refused.text());
    let again = stdout(&service.home.run(&["copilot-logout"]).await);
    assert_eq!((&again["oauth"], &again["session"]), (&json!(false), &json!(false)));
}

fn vault_file(service: &Brains) -> std::path::PathBuf {
    service.home.state().join("vault/github_copilot.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_comes_to_nothing_says_why_and_keeps_nothing() {
    let github = GitHub::start().await;
    let home = prepared(github.config("")).await;
    for (look, words) in [(Look::Denied, "declined"), (Look::Expired, "not entered in time")] {
        github.looks(&[Look::Pending, look]);
        let login = home.run(&["copilot-login"]).await;
        assert_eq!(login.status.code(), Some(1), "{login:?}");
        assert!(stderr(&login).contains(words), "{login:?}");
    }
    assert!(!home.state().join("vault/github_copilot.json").exists());
    assert_eq!(github.asked(EXCHANGE), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_come_at_once_make_one_exchange() {
    let github = GitHub::start().await;
    let token = github.account("gho_");
    let setup = Setup::config(github.config("")).env("BRAINS_GITHUB_COPILOT_OAUTH_TOKEN", &token);
    let service = Brains::start(setup).await;
    github.delay_exchanges(Duration::from_secs(2));
    let status = || {
        let mut command = service.home.command(&["copilot-status"]);
        command.env("BRAINS_GITHUB_COPILOT_OAUTH_TOKEN", &token);
        async move { command.output().await.expect("the program starts") }
    };
    let asked = futures_util::future::join_all((0..8).map(|_| chat(&service, "gpt-scripted")));
    let (one, other, asked) = tokio::join!(status(), status(), asked);
    assert!(one.status.success() && other.status.success(), "{one:?} {other:?}");
    assert!(asked.iter().all(|answer| answer.status == 200));
    assert_eq!(github.asked(EXCHANGE), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_before_its_end_and_once_when_it_is_refused() {
    let github = GitHub::start().await;
    github.sessions_last(Duration::from_secs(62));
    let service = configured(&github, &github.account("gho_"), "").await;
    let before = github.asked(EXCHANGE);
    assert!(before <= 1);
    // A minute before its end is now, a moment later.
    until("a renewal", async || {
        assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
        github.asked(EXCHANGE) >= 2
    })
    .await;

    github.sessions_last(Duration::from_mins(30));
    until("a session that lasts", async || {
        assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
        github.asked(EXCHANGE) >= 3
    })
    .await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let before = github.asked(EXCHANGE);
    github.end_sessions();
    for stream in [false, true] {
        let answer = ask(&service, CHAT, &hello(CHAT, "gpt-scripted", "hello", stream)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(github.asked(EXCHANGE), before + 1, "once, and the client saw nothing of it");
    // What was exchanged a moment ago is not exchanged again: somebody else refuses.
    github.end_sessions();
    assert_eq!(chat(&service, "gpt-scripted").await.status, 502);
    assert_eq!(github.asked(EXCHANGE), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_is_exchanged_anew_and_one_that_was_revoked_is_told() {
    let github = GitHub::start().await;
    let (first, second) = (github.account("gho_"), github.account("gho_"));
    let secret = |token: &str| github.config(&format!("    secrets: {{oauth_token: \"{token}\"}}\n"));
    let service = Brains::start(Setup::config(secret(&first))).await;
    assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
    assert_eq!(github.last(EXCHANGE).header("authorization"), Some(format!("token {first}").as_str()));
    service.home.write_config(&secret(&second));
    until("the other token", async || {
        assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
        github.last(EXCHANGE).header("authorization") == Some(format!("token {second}").as_str())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    github.revoke(&second);
    let refused = chat(&service, "gpt-scripted").await;
    assert_eq!(refused.status, 502, "{}", refused.text());
    let error = refused.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|it| it.contains("brains copilot-login")), "{error}");
    assert_eq!(error["code"], "sign_in_refused", "{error}");
    let asked = github.asked(EXCHANGE);
    assert_eq!(chat(&service, "gpt-scripted").await.status, 502);
    assert_eq!(github.asked(EXCHANGE), asked, "the same is not tried at every request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_as_it_is_where_settings_say_so_and_a_personal_one_nowhere() {
    let github = GitHub::start().await;
    let token = github.account("gho_");
    // Nobody says then where models answer.
    let direct = format!("      exchange: false\n      base_url: \"{}\"\n", github.upstream.origin());
    let service = configured(&github, &token, &direct).await;
    assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
    assert_eq!(github.upstream.last().header("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(github.asked(EXCHANGE), 0);

    let personal = github.account("github_pat_");
    for more in ["", &direct] {
        let service = configured(&github, &personal, more).await;
        let refused = chat(&service, "gpt-scripted").await;
        assert_eq!(refused.status, 502, "{}", refused.text());
        assert!(refused.text().contains("no personal access token"), "{}", refused.text());
    }
}

/// The next two answers, a stream and a whole one, repeat what was sent.
fn repeats(github: &GitHub, token: &str) {
    let frame = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
        )
    };
    let said = frame(json!({"role": "assistant", "content": format!("you sent {token}")}), Value::Null);
    let frames = [said, frame(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()];
    github.upstream.then(Reply::stream(frames));
    let whole = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": format!("you sent {token}")}, "finish_reason": "stop"}]});
    github.upstream.then(Reply::json(200, whole.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_a_row_a_log_a_trace_or_an_answer() {
    let github = GitHub::start().await;
    // Whatever a session's token looks like: an account for each.
    // A personal one is taken nowhere.
    let is_token = |shape: &String| !shape.contains(' ') && !shape.starts_with("github_pat_");
    let tokens: BTreeSet<String> = shapes().into_iter().filter(is_token).collect();
    let origin = github.upstream.origin();
    let accounts = (0..tokens.len()).map(|number| {
        let token = github.account("gho_");
        format!(
            "  account_{number}:\n    component: provider-github-copilot\n    secrets: {{oauth_token: \"{token}\"}}\n    \
             config: {{github_url: \"{origin}\", github_api_url: \"{origin}\"}}\n    allow: {{http: [\"{origin}\"]}}\n"
        )
    });
    let config = format!("{}{}traces: {{bodies: true}}\n", github.config(""), accounts.collect::<String>());
    let home = prepared(config).await;
    let login = home.run(&["copilot-login", "-vvv"]).await;
    assert!(login.status.success(), "{login:?}");
    let mut hidden: Vec<String> = tokens.iter().map(|token| core(token).to_owned()).collect();
    hidden.push(MARK.to_owned());
    let is_hidden = |text: &str| !hidden.iter().any(|token| text.contains(token.as_str()));
    assert!(is_hidden(&format!("{login:?}")), "{login:?}");
    let service = Brains::start_in(home, Setup::default().argument("-vvv")).await;
    assert_eq!(chat(&service, "gpt-scripted").await.status, 200);
    for token in &tokens {
        github.next_session(token);
    }
    assert_eq!(service.client.get("/v1/models").await.status, 200);
    let mut met = BTreeSet::new();
    for number in 0..tokens.len() {
        let body = |stream: bool| {
            let mut body = hello(CHAT, "gpt-scripted", "hello", stream);
            body["model"] = json!(format!("account_{number}/gpt-scripted"));
            body
        };
        let answer = ask(&service, CHAT, &body(false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = github.last("/chat/completions");
        let token = sent.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).expect("a token");
        met.insert(token.to_owned());
        repeats(&github, token);
        for stream in [true, false] {
            let answer = ask(&service, CHAT, &body(stream)).await;
            assert!(answer.status == 200 && answer.text().contains("you sent"), "{}", answer.text());
            assert!(is_hidden(&answer.text()), "{}", answer.text());
        }
        for error in [json!({"error": {"message": format!("bad token {token}")}}), json!({"error": token})] {
            github.upstream.then(Reply::json(400, error.to_string()));
            let answer = ask(&service, CHAT, &body(false)).await;
            assert!(answer.status >= 400 && is_hidden(&answer.text()), "{}", answer.text());
        }
    }
    assert_eq!(met, tokens);
    let traces = service.client.operation("list_traces", &json!({"limit": 200})).await.to_string();
    assert!(is_hidden(&traces), "{traces}");
    let (home, _) = service.stop().await;
    let mut looked_at = 0;
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            match (path.is_dir(), path.ends_with("vault")) {
                (true, true) => {}
                (true, false) => folders.push(path),
                // There the operator wrote them.
                (false, _) if path.ends_with("config.yaml") => {}
                (false, _) => {
                    looked_at += 1;
                    let content = fs_err::read(&path).expect("readable");
                    assert!(is_hidden(&String::from_utf8_lossy(&content)), "{}", path.display());
                }
            }
        }
    }
    assert!(looked_at > 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_run_for_a_token_only_where_the_operator_says_so() {
    let github = GitHub::start().await;
    let token = github.account("gho_");
    let folder = tempfile::tempdir().expect("a folder");
    let gh = folder.path().join("gh");
    fs_err::write(&gh, format!("#!/bin/sh\ntest \"$*\" = 'auth token' && echo {token}\n")).expect("written");
    fs_err::set_permissions(&gh, std::fs::Permissions::from_mode(0o700)).expect("ours");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    for (more, status) in [("", 502), ("    commands: {gh: true}\n", 200)] {
        let service = Brains::start(Setup::config(github.config(more)).env("PATH", &path)).await;
        let answer = chat(&service, "gpt-scripted").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(github.asked(EXCHANGE), usize::from(status == 200));
    }
}
