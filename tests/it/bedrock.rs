//! Amazon Bedrock as the upstream: requests are signed as it reckons signatures itself, clients of each wire get what it says,
//! and what it refuses is told by its kind. Nothing of what requests are signed with is seen by anybody.

use brains_tests::bedrock::{ACCESS_KEY_ID, API_KEY, Bedrock, REGION, SECRET_ACCESS_KEY, SESSION_TOKEN};
use brains_tests::model::bedrock::{self, refusal};
use brains_tests::upstream::End;
use brains_tests::{Answer, Brains, Caller, Reply, Setup, until};
use serde_json::{Value, json};

const MODEL: &str = "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
/// What every secret of the scripted vendor has in it.
const MARK: &str = "Zk3vQ9xT7mPwL2";

fn config(server: &Bedrock, region: &str, more: &str) -> String {
    format!("bedrock_region: {region}\nbedrock_base_url: \"{}\"\n{more}", server.upstream.origin())
}

fn access_key() -> String {
    format!(
        "bedrock_access_key_id: \"{ACCESS_KEY_ID}\"\nbedrock_secret_access_key: \"{SECRET_ACCESS_KEY}\"\n"
    )
}

async fn over(more: &str) -> (Bedrock, Brains) {
    let server = Bedrock::start().await;
    let service = Brains::start(Setup::config(config(&server, REGION, more))).await;
    (server, service)
}

async fn ask(service: &Brains, caller: Caller, body: &Value) -> Answer {
    let answer = caller.ask(&service.client, body).await;
    let seen = format!("{:?} {}", answer.headers, answer.text());
    assert!(!seen.contains(MARK), "{seen}");
    answer
}

async fn hello(service: &Brains) -> Answer {
    ask(service, Caller::Chat, &Caller::Chat.question(MODEL, false, "hello")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_three_wires_are_answered_over_signed_requests() {
    let (server, service) = over(&access_key()).await;
    let arn = "bedrock/arn:aws:bedrock:eu-central-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    for (model, path) in [
        (MODEL, "eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0"),
        (
            arn,
            "arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
        ),
    ] {
        for caller in Caller::ALL {
            for stream in [false, true] {
                let answer = ask(&service, caller, &caller.question(model, stream, "hello gr\u{fc}n")).await;
                let place = format!("{caller:?} {stream}: {}", answer.text());
                assert_eq!(answer.status, 200, "{place}");
                let heard = caller.read(&answer);
                assert_eq!(
                    (&*heard.text, heard.finished, heard.ended),
                    ("scripted: hello gr\u{fc}n", true, true),
                    "{place}"
                );
                assert_eq!(heard.usage, Some((11, 7)), "{place}");
                let action = if stream { "converse-stream" } else { "converse" };
                assert_eq!(server.upstream.last().path, format!("/model/{path}/{action}"));
            }
        }
    }
    until("the ledger", async || {
        let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
        (total["requests"].clone(), total["input_tokens"].clone()) == (json!(12), json!(132))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_credentials_are_signed_with_their_token() {
    let token = format!("{}bedrock_session_token: \"{SESSION_TOKEN}\"\n", access_key());
    let (server, service) = over(&token).await;
    server.temporary(false);
    for caller in Caller::ALL {
        let answer = ask(&service, caller, &caller.question(MODEL, true, "hello")).await;
        assert_eq!(caller.read(&answer).text, "scripted: hello", "{}", answer.text());
    }
    let sent = server.upstream.last();
    assert_eq!(sent.header("x-amz-security-token"), Some(SESSION_TOKEN));
    assert!(sent.header("authorization").is_some_and(|it| it.contains(";x-amz-security-token, ")));
    server.temporary(true);
    let answer = hello(&service).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")));
    let traces = service.client.operation("list_traces", &json!({})).await.to_string();
    assert!(!traces.contains(MARK) && !traces.contains(SESSION_TOKEN), "{traces}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_at_the_door_is_told_as_a_credential_that_is_refused() {
    let server = Bedrock::start().await;
    let wrong_secret = format!(
        "bedrock_access_key_id: \"{ACCESS_KEY_ID}\"\nbedrock_secret_access_key: \"of-somebody-else-0123456789\"\n"
    );
    let wrong_id = format!(
        "bedrock_access_key_id: \"AKIDSOMEBODYELSE00\"\nbedrock_secret_access_key: \"{SECRET_ACCESS_KEY}\"\n"
    );
    let unknown_token = format!("{}bedrock_session_token: \"of-somebody-else-0123456789\"\n", access_key());
    for (name, region, more) in [
        ("another secret", REGION, wrong_secret),
        ("another key", REGION, wrong_id),
        ("another region", "us-west-2", access_key()),
        ("a token of nobody's", REGION, unknown_token),
        ("another API key", REGION, "bedrock_api_key: \"of-somebody-else-0123456789\"\n".to_owned()),
    ] {
        let service = Brains::start(Setup::config(config(&server, region, &more))).await;
        let answer = hello(&service).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (502, &json!("upstream_auth")),
            "{name}: {}",
            answer.text()
        );
    }
    server.is_ahead(3600);
    let service = Brains::start(Setup::config(config(&server, REGION, &access_key()))).await;
    let answer = hello(&service).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")));
    server.is_ahead(60);
    assert_eq!(hello(&service).await.status, 200, "a minute is no matter");
    // Without any, nobody is asked.
    let asked = server.upstream.seen().len();
    let service = Brains::start(Setup::config(config(&server, REGION, ""))).await;
    let answer = hello(&service).await;
    assert!(answer.status >= 400 && answer.text().contains("AWS_BEARER_TOKEN_BEDROCK"), "{}", answer.text());
    assert_eq!(server.upstream.seen().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_sent_as_it_is() {
    let (server, service) = over(&format!("bedrock_api_key: \"{API_KEY}\"\n{}", access_key())).await;
    assert_eq!(hello(&service).await.status, 200);
    let sent = server.upstream.last();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {API_KEY}").as_str()));
    assert_eq!(sent.header("x-amz-date"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_and_profiles_are_listed() {
    let (server, service) = over(&access_key()).await;
    let mut names = Vec::new();
    until("the names", async || {
        let listed = service.client.get("/v1/models").await.json();
        let ids = listed["data"].as_array().expect("a list").iter();
        let ids = ids.filter_map(|model| model["id"].as_str().map(str::to_owned));
        names = ids.filter(|id| id.starts_with("bedrock/")).collect();
        !names.is_empty()
    })
    .await;
    assert_eq!(
        names,
        ["bedrock/scripted-1", "bedrock/scripted-2", "bedrock/eu.anthropic.claude-scripted-v1:0"]
    );
    let paths: Vec<String> = server.upstream.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/foundation-models?byOutputModality=TEXT", "/inference-profiles?maxResults=1000"]);
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"at": {"type": "string"}}})
}

/// A name that Converse does not take, as clients of MCP make them.
const TOOL: &str = "mcp__a_server_of_some_name__and_a_tool_that_has_one_of_its_own_that_is_long";

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_called_by_their_own_names_on_each_wire() {
    let (server, service) = over(&access_key()).await;
    for caller in Caller::ALL {
        let tools = match caller {
            Caller::Chat => json!([{"type": "function", "function": {"name": TOOL, "parameters": schema()}}]),
            Caller::Responses => {
                json!([{"type": "function", "name": TOOL, "parameters": schema(), "strict": false}])
            }
            Caller::Messages => json!([{"name": TOOL, "input_schema": schema()}]),
        };
        for stream in [false, true] {
            // The scripted model calls by the name that it was offered.
            let mut body = caller.question(MODEL, stream, "hello");
            body["tools"] = tools.clone();
            assert_eq!(ask(&service, caller, &body).await.status, 200);
            let offered = server.upstream.last().json()["toolConfig"]["tools"][0]["toolSpec"]["name"].clone();
            let offered = offered.as_str().expect("a name").to_owned();
            assert!(offered.len() <= 64 && offered != TOOL, "{offered}");
            let mut body = caller.question(MODEL, stream, &format!("call {offered}({{\"at\":\"here\"}})"));
            body["tools"] = tools.clone();
            let answer = ask(&service, caller, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let said = answer.text();
            assert!(
                said.contains(TOOL) && !said.contains(&offered) && said.contains("here"),
                "{caller:?}: {said}"
            );
        }
    }
}

/// Signed thoughts go back with the calls that they led to, on every wire: the server refuses a signature that is not its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_tools_gives_signed_thoughts_back() {
    let (server, service) = over(&access_key()).await;
    let told = |server: &Bedrock| server.upstream.last().json()["messages"][1]["content"].clone();
    let thought =
        json!({"reasoningContent": {"reasoningText": {"text": "hm, so", "signature": "YnIc2NyaXB0ZWQ"}}});
    let ask_for = "think aloud call look({\"at\":\"here\"})";

    let tools = json!([{"name": "look", "input_schema": schema()}]);
    let mut body = json!({"model": MODEL, "max_tokens": 4000, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [{"role": "user", "content": ask_for}]});
    let first = ask(&service, Caller::Messages, &body).await.json();
    assert_eq!(first["stop_reason"], "tool_use", "{first}");
    let id = first["content"][1]["id"].clone();
    let result = json!({"type": "tool_result", "tool_use_id": id, "content": "a door"});
    body["messages"] = json!([{"role": "user", "content": ask_for}, {"role": "assistant", "content": first["content"]},
                              {"role": "user", "content": [result]}]);
    let second = ask(&service, Caller::Messages, &body).await;
    assert_eq!(second.json()["content"][0]["text"], "scripted: a door", "{}", second.text());
    assert_eq!(told(&server)[0], thought);
    let thinking = &server.upstream.last().json()["additionalModelRequestFields"]["thinking"];
    assert_eq!(*thinking, json!({"type": "enabled", "budget_tokens": 2000}), "the loop goes on thinking");

    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": schema()}}]);
    let mut body =
        json!({"model": MODEL, "tools": tools, "messages": [{"role": "user", "content": ask_for}]});
    let first = ask(&service, Caller::Chat, &body).await.json();
    let message = first["choices"][0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    body["messages"] = json!([{"role": "user", "content": ask_for}, message, {"role": "tool", "tool_call_id": id, "content": "a door"}]);
    let second = ask(&service, Caller::Chat, &body).await;
    assert_eq!(second.json()["choices"][0]["message"]["content"], "scripted: a door", "{}", second.text());
    assert_eq!(told(&server)[0], thought);

    let tools = json!([{"type": "function", "name": "look", "parameters": schema(), "strict": false}]);
    let mut body = json!({"model": MODEL, "tools": tools, "store": false, "include": ["reasoning.encrypted_content"],
        "input": [{"role": "user", "content": ask_for}]});
    let first = ask(&service, Caller::Responses, &body).await.json();
    let mut input = vec![json!({"role": "user", "content": ask_for})];
    input.extend(first["output"].as_array().expect("items").iter().cloned());
    let call = input.last().expect("a call")["call_id"].clone();
    input.push(json!({"type": "function_call_output", "call_id": call, "output": "a door"}));
    body["input"] = json!(input);
    let second = ask(&service, Caller::Responses, &body).await;
    assert_eq!(Caller::Responses.read(&second).text, "scripted: a door", "{}", second.text());
    assert_eq!(told(&server)[0], thought);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_documents_marks_and_odd_histories_are_taken() {
    let (server, service) = over(&access_key()).await;
    let source = |kind: &str, data: &str| json!({"type": "base64", "media_type": kind, "data": data});
    let mark = json!({"type": "ephemeral"});
    let body = json!({"model": MODEL, "max_tokens": 64, "system": [{"type": "text", "text": "be", "cache_control": mark}],
        "messages": [{"role": "user", "content": [
            {"type": "image", "source": source("image/png", "iVBORw0KGgo=")},
            {"type": "document", "title": "a.b_c.pdf", "source": source("application/pdf", "JVBERi0xLjQ="), "cache_control": mark},
            {"type": "document", "title": "a.b_c.pdf", "source": source("application/pdf", "JVBERi0xLjQ=")}]},
            {"role": "assistant", "content": " "}, {"role": "user", "content": [{"type": "text", "text": "see"}]}]});
    let answer = ask(&service, Caller::Messages, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-brains-loss"), "");
    let content = server.upstream.last().json()["messages"][0]["content"].clone();
    assert_eq!(
        (&content[2], &content[3]["document"]["name"]),
        (&json!({"cachePoint": {"type": "default"}}), &json!("a b c 2"))
    );
    // Calls in the history, and no tools any more.
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}});
    let body = json!({"model": MODEL, "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "x"},
        {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": ""},
        {"role": "user", "content": "y"}]});
    let answer = ask(&service, Caller::Chat, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_refuses_is_told_by_its_kind() {
    let (server, service) = over(&access_key()).await;
    for (status, exception, words, told) in [
        (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            (429, "rate_limit_exceeded"),
        ),
        (
            400,
            "ServiceQuotaExceededException",
            "Your request exceeds the service quota.",
            (429, "insufficient_quota"),
        ),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            (400, "context_length_exceeded"),
        ),
        (400, "ValidationException", "The provided model identifier is invalid.", (404, "model_not_found")),
        (
            400,
            "ValidationException",
            "The text field in the ContentBlock object is blank.",
            (400, "invalid_value"),
        ),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            (502, "upstream_auth"),
        ),
        (
            404,
            "ResourceNotFoundException",
            "Could not resolve the foundation model.",
            (404, "model_not_found"),
        ),
        (429, "ModelNotReadyException", "The model is not ready.", (503, "server_is_overloaded")),
        (
            503,
            "ServiceUnavailableException",
            "Bedrock is unable to process your request.",
            (503, "server_is_overloaded"),
        ),
        (
            408,
            "ModelTimeoutException",
            "Model has timed out in processing the request.",
            (504, "upstream_timeout"),
        ),
        (424, "ModelErrorException", "The system encountered an unexpected error.", (502, "upstream_error")),
        (
            500,
            "InternalServerException",
            "The system encountered an unexpected error.",
            (502, "upstream_error"),
        ),
    ] {
        for stream in [false, true] {
            server.upstream.then(refusal(status, exception, words));
            let answer = ask(&service, Caller::Chat, &Caller::Chat.question(MODEL, stream, "x")).await;
            let error = &answer.json()["error"];
            assert_eq!(
                (answer.status, error["code"].as_str()),
                (told.0, Some(told.1)),
                "{exception}: {words}: {error}"
            );
        }
    }
    // Inside a stream, behind what was said.
    for (exception, code) in [
        ("throttlingException", "rate_limit_exceeded"),
        ("modelStreamErrorException", "upstream_error"),
        ("serviceUnavailableException", "server_is_overloaded"),
    ] {
        for caller in Caller::ALL {
            let mut lines = bedrock::text_frames("green and so on");
            lines.truncate(2);
            lines.push(json!({exception: {"message": "it broke"}}).to_string());
            server.upstream.then(bedrock::stream(lines));
            let answer = ask(&service, caller, &caller.question(MODEL, true, "x")).await;
            let heard = caller.read(&answer);
            assert!(
                heard.text.starts_with("green") && heard.ended && !heard.finished,
                "{exception}: {}",
                answer.text()
            );
            let error = heard.error.expect("an error");
            assert!(error.code.is_empty() || error.code == code, "{exception}: {error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_or_broken_does_not_look_whole() {
    let (server, service) = over(&access_key()).await;
    let whole: Vec<u8> = bedrock::stream(bedrock::text_frames("green and so on")).chunks.concat();
    let stop = whole.windows(11).position(|window| window == b"messageStop").expect("an end");
    let broken = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let reply =
        |bytes: Vec<u8>, end: End| Reply { chunks: vec![bytes.into()], end, ..bedrock::stream([""; 0]) };
    for caller in Caller::ALL {
        for (name, reply) in [
            ("cut", reply(whole[..stop].to_vec(), End::Cut)),
            ("ended", reply(whole[..stop].to_vec(), End::Clean)),
            ("a wrong checksum", reply(broken(stop), End::Clean)),
            ("a wrong length", reply(broken(0), End::Clean)),
        ] {
            server.upstream.then(reply);
            let answer = ask(&service, caller, &caller.question(MODEL, true, "x")).await;
            let heard = caller.read(&answer);
            assert!(heard.error.is_some() && !heard.finished, "{name}: {}", answer.text());
        }
        // However the bytes are cut, they say the same.
        for size in [1, 7, 64] {
            let chunks = whole.chunks(size).map(bytes::Bytes::copy_from_slice).collect();
            server.upstream.then(Reply { chunks, ..bedrock::stream([""; 0]) });
            let answer = ask(&service, caller, &caller.question(MODEL, true, "x")).await;
            assert_eq!(caller.read(&answer).text, "green and so on", "{size}: {}", answer.text());
        }
    }
}
