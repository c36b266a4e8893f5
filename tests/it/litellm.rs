//! A proxy of `LiteLLM` as the upstream: clients of each wire that it serves are relayed to that wire, others are translated,
//! its names are listed, and what it refuses is told by its kind.

use brains_tests::model::litellm::{self, KEY, refusal};
use brains_tests::upstream::End;
use brains_tests::{Answer, Brains, Client, Reply, Setup, Upstream, until};
use serde_json::{Value, json};

const MODEL: &str = "litellm/scripted-1";

async fn over(more: &str) -> (Upstream, Brains) {
    let upstream = Upstream::start(litellm::answer).await;
    let config = format!("litellm_base_url: \"{}\"\nlitellm_api_key: \"{KEY}\"\n{more}", upstream.origin());
    let service = Brains::start(Setup::config(config)).await;
    (upstream, service)
}

/// One way to ask: the path of a client, its body, and where its request arrives.
struct Way {
    path: &'static str,
    body: fn(&str, bool) -> Value,
    arrives: &'static str,
    /// Where the text of a whole answer stands.
    text: &'static str,
}

const WAYS: [Way; 3] = [
    Way {
        path: "/v1/chat/completions",
        body: |text, stream| json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": text}]}),
        arrives: "/v1/chat/completions",
        text: "/choices/0/message/content",
    },
    Way {
        path: "/v1/responses",
        body: |text, stream| json!({"model": MODEL, "stream": stream, "store": false, "input": [{"role": "user", "content": text}]}),
        arrives: "/v1/responses",
        text: "/output/0/content/0/text",
    },
    Way {
        path: "/v1/messages",
        body: |text, stream| json!({"model": MODEL, "stream": stream, "max_tokens": 64, "messages": [{"role": "user", "content": text}]}),
        arrives: "/v1/messages",
        text: "/content/0/text",
    },
];

async fn ask(service: &Brains, way: &Way, body: &Value) -> Answer {
    let request = service.client.request(http::Method::POST, way.path);
    let request =
        request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
    Client::send(request.body(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_three_wires_are_relayed_to_their_own() {
    let (upstream, service) = over("").await;
    for way in &WAYS {
        for stream in [false, true] {
            let answer = ask(&service, way, &(way.body)("hello", stream)).await;
            assert_eq!(answer.status, 200, "{}: {}", way.path, answer.text());
            let sent = upstream.last();
            assert_eq!(sent.path.split('?').next(), Some(way.arrives));
            assert_eq!(sent.header("authorization"), Some(format!("Bearer {KEY}").as_str()), "{}", way.path);
            assert_eq!(sent.header("x-api-key"), None, "one credential");
            assert_eq!(sent.json()["model"], "scripted-1");
            assert_eq!(answer.header("x-brains-loss"), "");
            if stream {
                assert!(answer.text().contains("lo"), "{}", answer.text());
            } else {
                let whole = answer.json();
                assert_eq!(whole.pointer(way.text), Some(&json!("scripted: hello")), "{whole}");
            }
        }
    }
    until("the ledger", async || {
        let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
        (total["requests"].clone(), total["input_tokens"].clone()) == (json!(6), json!(66))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_called_and_answered_on_each_wire() {
    let (upstream, service) = over("").await;
    let schema = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    let tools = [
        json!([{"type": "function", "function": {"name": "look", "parameters": schema}}]),
        json!([{"type": "function", "name": "look", "parameters": schema, "strict": false}]),
        json!([{"name": "look", "input_schema": schema}]),
    ];
    for (way, tools) in WAYS.iter().zip(tools) {
        for stream in [false, true] {
            let mut body = (way.body)("call look({\"at\":\"here\"})", stream);
            body["tools"] = tools.clone();
            let answer = ask(&service, way, &body).await;
            assert_eq!(answer.status, 200, "{}: {}", way.path, answer.text());
            let said = answer.text();
            assert!(said.contains("look") && said.contains("here"), "{}: {said}", way.path);
            assert_eq!(upstream.last().json()["tools"], tools, "{}: as the client sent it", way.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_relayed_is_translated() {
    let more = "providers: { litellm: { config: { relay: [chat] } } }\n";
    let (upstream, service) = over(more).await;
    for way in &WAYS {
        for stream in [false, true] {
            let answer = ask(&service, way, &(way.body)("hello", stream)).await;
            assert_eq!(answer.status, 200, "{}: {}", way.path, answer.text());
            assert_eq!(upstream.last().path, "/v1/chat/completions", "{}", way.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_names_are_listed() {
    for (more, path) in [
        ("", "/v1/models"),
        ("providers: { litellm: { config: { model_details: true } } }\n", "/v1/model/info"),
    ] {
        let (upstream, service) = over(more).await;
        let mut names = Vec::new();
        until("the names", async || {
            let listed = service.client.get("/v1/models").await.json();
            let ids = listed["data"].as_array().expect("a list").iter();
            let ids = ids.filter_map(|model| model["id"].as_str().map(str::to_owned));
            names = ids.filter(|id| id.starts_with("litellm/")).collect();
            !names.is_empty()
        })
        .await;
        assert_eq!(names, ["litellm/scripted-1", "litellm/scripted-2"], "each name once");
        assert!(upstream.seen().iter().any(|seen| seen.path == path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_refuses_is_told_by_its_kind() {
    let (upstream, service) = over("").await;
    let spent = "Budget has been exceeded! Key=analytics-team Current cost: 0.06, Max budget: 0.05";
    let refusals = [
        (refusal(429, spent, &json!("budget_exceeded")), 429, "insufficient_quota"),
        (refusal(400, spent, &json!("auth_error")), 429, "insufficient_quota"),
        (
            refusal(429, "Rate limit exceeded for api_key: b2f1", &json!("throttling_error")),
            429,
            "rate_limit_exceeded",
        ),
        (
            refusal(400, "litellm.ContextWindowExceededError: too many", &Value::Null),
            400,
            "context_length_exceeded",
        ),
    ];
    for (reply, status, code) in refusals {
        let said = String::from_utf8_lossy(&reply.chunks[0]).into_owned();
        upstream.then(reply);
        let answer = ask(&service, &WAYS[0], &(WAYS[0].body)("hello", false)).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{said}: {error}");
    }
    // On another wire the words are that wire's.
    upstream.then(refusal(429, spent, &json!("budget_exceeded")));
    let answer = ask(&service, &WAYS[2], &(WAYS[2].body)("hello", false)).await;
    assert_eq!((answer.status, &answer.json()["type"]), (429, &json!("error")), "{}", answer.text());
    let wrong_key = Setup::config(format!(
        "litellm_base_url: \"{}/v1/\"\nlitellm_api_key: \"sk-of-somebody-else-0123456789\"\n",
        upstream.origin()
    ));
    let service = Brains::start(wrong_key).await;
    let answer = ask(&service, &WAYS[0], &(WAYS[0].body)("hello", false)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(upstream.last().path, "/v1/chat/completions", "an address with the version is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_does_not_look_whole() {
    let (upstream, service) = over("").await;
    for way in &WAYS {
        let mut cut: Reply = litellm::answer(&{
            ask(&service, way, &(way.body)("hello", true)).await;
            upstream.last()
        });
        cut.chunks.truncate(cut.chunks.len() / 2);
        cut.end = End::Cut;
        upstream.then(cut);
        let answer = ask(&service, way, &(way.body)("hello", true)).await.text();
        assert!(answer.contains("error"), "{}: {answer}", way.path);
        for end in ["\"finish_reason\":\"stop\"", "response.completed", "message_stop"] {
            assert!(!answer.contains(end), "{}: {answer}", way.path);
        }
    }
}
