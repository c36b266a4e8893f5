//! What upstreams refuse, in whichever words and on whichever wire: which status and code the client gets, whether another
//! candidate is asked, and whether the next caller suffers for it. Bodies are those of vendors' documents and public reports.

use brains_core::traffic::treatment;

use super::*;

/// A refusal, and what becomes of it: status and code for the client, whether the next candidate is asked.
struct Refusal {
    name: &'static str,
    status: u16,
    body: &'static str,
    told: (u16, &'static str),
    elsewhere: bool,
    /// What the client may read of it.
    says: &'static str,
}

const fn refusal(
    name: &'static str,
    status: u16,
    body: &'static str,
    told: (u16, &'static str),
    elsewhere: bool,
    says: &'static str,
) -> Refusal {
    Refusal { name, status, body, told, elsewhere, says }
}

const REFUSALS: &[Refusal] = &[
    // crmne/ruby_llm#431, BerriAI/litellm#9305
    refusal(
        "moderated",
        403,
        r#"{"error":{"code":403,"message":"m requires moderation. Your input was flagged for \"violence\"","metadata":{"reasons":["violence"]}}}"#,
        (403, "content_filter"),
        true,
        "flagged",
    ),
    refusal(
        "a content filter",
        400,
        r#"{"error":{"message":"filtered","code":"content_filter","status":400}}"#,
        (400, "content_filter"),
        false,
        "filtered",
    ),
    refusal(
        "region",
        403,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","type":"request_forbidden"}}"#,
        (403, "unsupported_country_region_territory"),
        true,
        "not supported",
    ),
    // decocms/studio#6827
    refusal(
        "billing",
        402,
        r#"{"error":{"code":402,"message":"Insufficient credits. Add more"}}"#,
        (402, "billing_error"),
        true,
        "Insufficient credits",
    ),
    refusal(
        "billing as a bad request",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
        (402, "billing_error"),
        true,
        "credit balance",
    ),
    refusal(
        "quota",
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        (429, "insufficient_quota"),
        true,
        "current quota",
    ),
    refusal("a credential", 403, r#"{"error":{"message":"denied"}}"#, (502, "upstream_auth"), true, ""),
    refusal("too large", 413, "{}", (413, "request_too_large"), true, ""),
    refusal("gone", 410, "{}", (404, "model_not_found"), true, ""),
    refusal("too early", 425, "{}", (502, "upstream_error"), true, ""),
    refusal("somebody else writes", 409, "{}", (502, "upstream_error"), true, ""),
    refusal("the client of a proxy left", 499, "{}", (502, "upstream_error"), true, ""),
    refusal("slow, says a proxy", 408, "{}", (504, "upstream_timeout"), true, ""),
    refusal("slow, says another", 524, "<html>", (504, "upstream_timeout"), true, ""),
    refusal("down, says a proxy", 521, "<html>", (502, "upstream_error"), true, ""),
    refusal("no room", 498, "{}", (503, "server_is_overloaded"), true, ""),
    // Reasons in the shapes of FastAPI and of OpenRouter.
    refusal(
        "a list of problems",
        422,
        r#"{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}"#,
        (400, "invalid_value"),
        false,
        "`body.top_k`: Extra inputs are not permitted",
    ),
    refusal(
        "an error inside an error",
        400,
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"no such voice\"}}"}}}"#,
        (400, "invalid_value"),
        false,
        "no such voice",
    ),
];

/// Two candidates of one wire.
fn pair(wire: &Wire, first: &Upstream, second: &Upstream) -> Setup {
    let component = match wire.provider {
        "anthropic" => "provider-anthropic",
        "ollama" => "provider-ollama",
        "bedrock" => "provider-bedrock",
        "openai_responses" => "provider-openai-responses",
        _ => "provider-openai",
    };
    let base = |upstream: &Upstream| {
        if wire.provider.starts_with("openai") { upstream.base() } else { upstream.origin() }
    };
    // Without credentials nobody is asked there.
    let secrets = match wire.provider {
        "bedrock" => format!(", secrets: {{api_key: \"{}\"}}", wire::UPSTREAM_KEY),
        _ => String::new(),
    };
    Setup::config(format!(
        "providers:\n  first: {{component: {component}, config: {{base_url: \"{}\"}}{secrets}}}\n  second: {{component: {component}, \
         config: {{base_url: \"{}\"}}{secrets}}}\nmodels: {{pair: {{provider: first, model: scripted-1, fallbacks: [{{provider: \
         second, model: scripted-2}}]}}}}\npolicy: {{component: policy-tiered, config: {{error_rate_limit: 1}}}}\n",
        base(first),
        base(second)
    ))
}

fn asked(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_by_its_kind_on_every_wire() {
    for wire in WIRES {
        let (first, second) = (wire.upstream().await, wire.upstream().await);
        let service = Brains::start(pair(wire, &first, &second)).await;
        for row in REFUSALS {
            for stream in [false, true] {
                let cell = format!("{} × {} × stream {stream}", row.name, wire.provider);
                first.then(Reply::json(row.status, row.body));
                let answer = service.client.chat(&asked("first/scripted-1", stream)).await;
                let error = &answer.json()["error"];
                assert_eq!(
                    (answer.status, error["code"].as_str()),
                    (row.told.0, Some(row.told.1)),
                    "{cell}: {error}"
                );
                let message = error["message"].as_str().unwrap_or_default();
                assert!(message.contains(row.says), "{cell}: {message}");
                first.then(Reply::json(row.status, row.body));
                let answer = service.client.chat(&asked("brains-pair", stream)).await;
                let by = if row.elsewhere { "second" } else { "first" };
                assert_eq!(answer.header("x-brains-provider"), by, "{cell}: {}", answer.text());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_request_closes_the_model_for_nobody() {
    let wire = wire::OPENAI;
    let (first, second) = (wire.upstream().await, wire.upstream().await);
    let policy = "provider_policies: {first: {circuit_failure_threshold: 2, circuit_cooldown_seconds: 600}}";
    let service = Brains::start(pair(&wire, &first, &second).and(policy)).await;
    for row in REFUSALS.iter().filter(|row| matches!(row.told.0, 400 | 402 | 403 | 404 | 413 | 429)) {
        for _ in 0..3 {
            first.then(Reply::json(row.status, row.body));
            service.client.chat(&asked("first/scripted-1", false)).await;
        }
        let answer = service.client.chat(&asked("first/scripted-1", false)).await;
        assert_eq!(answer.status, 200, "{}: {}", row.name, answer.text());
    }
    // A credential that is refused is refused for everybody.
    for _ in 0..2 {
        first.then(Reply::json(403, "{}"));
        service.client.chat(&asked("first/scripted-1", false)).await;
    }
    let answer = service.client.chat(&asked("first/scripted-1", false)).await;
    assert_eq!(answer.header("x-brains-attempt-causes"), "first/scripted-1 circuit_open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_is_one_in_every_vendors_words() {
    // janhq/jan#8646, and the documents of Google, Groq, Amazon and Anthropic.
    let bodies = [
        r#"{"error":{"code":400,"message":"request (9 tokens) exceeds the available context size (8 tokens)","type":"exceed_context_size_error"}}"#,
        r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#,
        r#"{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error"}}"#,
        r#"{"message":"Input is too long for requested model."}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
    ];
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        for body in bodies {
            for (status, told) in [(400, 400), (413, 413), (500, 400)] {
                upstream.then(Reply::json(status, body));
                let answer = service.client.chat(&asked(&wire.model(), status == 500)).await;
                let code = answer.json()["error"]["code"].clone();
                assert_eq!((answer.status, code), (told, json!("context_length_exceeded")), "{body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_word_on_waiting_has_a_bound_of_its_own() {
    let wire = wire::OPENAI;
    let (first, second) = (wire.upstream().await, wire.upstream().await);
    let policy = |more: &str| {
        format!(
            "{{retry_max_attempts: 2, retry_initial_backoff_seconds: 0.01, retry_max_backoff_seconds: 0.02{more}}}"
        )
    };
    let setup = pair(&wire, &first, &second).and(&format!("provider_policies: {{first: {}}}", policy("")));
    let service = Brains::start(setup).await;
    let limited = || first.then(Reply::json(429, "{}").header("retry-after", "1"));
    limited();
    let started = tokio::time::Instant::now();
    let answer = service.client.chat(&asked("brains-pair", false)).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("first", "2"));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    // It counts at once: a second is too long now.
    let set = json!({"key": "provider_policies.first.retry_after_max_seconds", "value": 0.5});
    service.client.operation("set_config", &set).await;
    limited();
    let answer = service.client.chat(&asked("brains-pair", false)).await;
    assert_eq!((answer.header("x-brains-provider"), answer.header("x-brains-attempts")), ("second", "2"));
}

/// In whichever form an upstream asks for a wait, the client is told in both that its libraries read.
#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_wait_is_told() {
    const GOOGLE: &str = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}"#;
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        for (name, value, body, seconds, ms) in [
            ("retry-after", "7", "{}", "7", "7000"),
            ("Retry-After", "1.5", "{}", "2", "1500"),
            ("retry-after", "0", "{}", "1", "0"),
            ("retry-after-ms", "250", "{}", "1", "250"),
            ("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT", "{}", "86400", "86400000"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", "{}", "1", "0"),
            ("retry-after", "999999999", "{}", "86400", "86400000"),
            ("x-request-id", "r", GOOGLE, "18", "17500"),
            ("retry-after", "soon", "{}", "", ""),
            ("retry-after", "-5", "{}", "", ""),
            ("x-request-id", "r", "{}", "", ""),
        ] {
            upstream.then(Reply::json(429, body).header(name, value));
            let answer = service.client.chat(&asked(&wire.model(), false)).await;
            let told = (answer.status, answer.header("retry-after"), answer.header("retry-after-ms"));
            assert_eq!(told, (429, seconds, ms), "{}: {name}: {value}", wire.provider);
        }
    }
}

#[test]
fn the_guides_table_is_written_from_the_one_that_decides() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/failures.md");
    let guide = fs_err::read_to_string(&path).expect("the guide");
    let (before, rest) = guide.split_once("<!-- treatment -->\n").expect("where the table begins");
    let (_, after) = rest.split_once("<!-- end -->").expect("where it ends");
    let written = format!("{before}<!-- treatment -->\n{}<!-- end -->{after}", treatment::page());
    #[expect(clippy::disallowed_methods, reason = "a person asks for the rewrite by environment")]
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        fs_err::write(&path, &written).expect("written");
    }
    let guide = fs_err::read_to_string(&path).expect("the guide");
    assert_eq!(guide, written, "rewrite it with `UPDATE=1 cargo xtask test failures`");
}
