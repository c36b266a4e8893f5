//! Google's Gemini on its own wire: clients of three wires, loops of tools in which each signature comes back to the part that it
//! was on, histories of other vendors, media, models by pages, vectors, and what it refuses by its kind.

use std::sync::Arc;

use brains_dialect::ingress::{AnswerIdentity, Ingress, RequestEcho};
use brains_dialect::sse::Frames;
use brains_tests::model::gemini::{self, refusal, refused, signature, strict, text_signature};
use brains_tests::wire::{GEMINI, OPENAI, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Caller, Client, Reply, Setup, Upstream, until};
use serde_json::{Value, json};

const MODEL: &str = "gemini/scripted-1";

async fn over() -> (Upstream, Brains) {
    let upstream = GEMINI.upstream().await;
    let service = Brains::start(GEMINI.setup(&upstream)).await;
    (upstream, service)
}

/// The answer as one value, also when it came in pieces: what a client keeps of it.
fn kept(caller: Caller, answer: &Answer, stream: bool) -> Value {
    assert_eq!(answer.status, 200, "{caller:?}: {}", answer.text());
    if !stream {
        return answer.json();
    }
    let ingress = match caller {
        Caller::Chat => Ingress::OpenAiChat,
        Caller::Responses => Ingress::OpenAiResponses,
        Caller::Messages => Ingress::AnthropicMessages,
    };
    let echo = RequestEcho { members: "{}".to_owned(), ..RequestEcho::default() };
    let identity =
        AnswerIdentity { id: "x".to_owned(), created: 0, model: "m".to_owned(), echo: Arc::new(echo) };
    let frames = Frames::default().push(answer.text().as_bytes()).expect("frames");
    serde_json::from_str(&ingress.joined(&frames, &identity).expect("a whole answer")).expect("JSON")
}

/// A conversation as a client of each wire keeps it.
struct Talk {
    caller: Caller,
    stream: bool,
    turns: Vec<Value>,
}

impl Talk {
    fn tools(&self) -> Value {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false});
        let tool = |name: &str| match self.caller {
            Caller::Chat => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
            Caller::Responses => {
                json!({"type": "function", "name": name, "parameters": schema, "strict": false})
            }
            Caller::Messages => json!({"name": name, "input_schema": schema}),
        };
        json!([tool("add"), tool("mul")])
    }

    async fn say(&mut self, service: &Brains, text: &str) -> Value {
        self.turns.push(json!({"role": "user", "content": text}));
        self.go_on(service).await
    }

    async fn go_on(&mut self, service: &Brains) -> Value {
        let mut body = json!({"model": MODEL, "stream": self.stream, "tools": self.tools()});
        match self.caller {
            Caller::Chat => body["messages"] = json!(self.turns),
            Caller::Responses => (body["input"], body["store"]) = (json!(self.turns), json!(false)),
            Caller::Messages => (body["messages"], body["max_tokens"]) = (json!(self.turns), json!(512)),
        }
        let answer = self.caller.ask(&service.client, &body).await;
        let kept = kept(self.caller, &answer, self.stream);
        match self.caller {
            Caller::Chat => self.turns.push(kept["choices"][0]["message"].clone()),
            Caller::Responses => self.turns.extend(kept["output"].as_array().expect("items").clone()),
            Caller::Messages => self.turns.push(json!({"role": "assistant", "content": kept["content"]})),
        }
        kept
    }

    /// Gives each call of the newest answer a result.
    fn results(&mut self, texts: &[&str]) {
        let calls: Vec<String> = match self.caller {
            Caller::Chat => {
                let last = self.turns.last().expect("a turn");
                let calls = last["tool_calls"].as_array().expect("calls").iter();
                calls.map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
            }
            Caller::Responses => {
                let newest = self.turns.iter().rposition(|item| item["role"] == "user").unwrap_or(0);
                let calls = self.turns[newest..].iter().filter(|item| item["type"] == "function_call");
                calls.map(|call| call["call_id"].as_str().expect("an id").to_owned()).collect()
            }
            Caller::Messages => {
                let last = self.turns.last().expect("a turn");
                let blocks = last["content"].as_array().expect("blocks").iter();
                let calls = blocks.filter(|block| block["type"] == "tool_use");
                calls.map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
            }
        };
        assert_eq!(calls.len(), texts.len(), "{:?}: {:?}", self.caller, self.turns);
        let results = calls.iter().zip(texts);
        match self.caller {
            Caller::Chat => self.turns.extend(
                results.map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
            ),
            Caller::Responses => self
                .turns
                .extend(results.map(
                    |(id, text)| json!({"type": "function_call_output", "call_id": id, "output": text}),
                )),
            Caller::Messages => {
                let results = results
                    .map(|(id, text)| json!({"type": "tool_result", "tool_use_id": id, "content": text}));
                self.turns.push(json!({"role": "user", "content": results.collect::<Vec<_>>()}));
            }
        }
    }
}

/// Every part of a request that bears a signature: its kind and the signature.
fn signed(request: &Value) -> Vec<(String, String)> {
    let contents = request["contents"].as_array().expect("contents").iter();
    let parts = contents.flat_map(|content| content["parts"].as_array().expect("parts"));
    let signed = parts.filter_map(|part| {
        let kind = part["functionCall"]["name"].as_str().or_else(|| part["text"].as_str())?;
        Some((kind.to_owned(), part["thoughtSignature"].as_str()?.to_owned()))
    });
    signed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_three_wires_get_text_and_counts() {
    let (upstream, service) = over().await;
    for caller in Caller::ALL {
        for stream in [false, true] {
            let answer = caller.ask(&service.client, &caller.question(MODEL, stream, "hello")).await;
            let heard = caller.read(&answer);
            assert_eq!((&*heard.text, heard.finished), ("scripted: hello", true), "{}", answer.text());
            assert_eq!(heard.usage, Some((11, 7)), "{caller:?}: {}", answer.text());
            let sent = upstream.last();
            let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            assert_eq!(sent.path, format!("/v1beta/models/scripted-1:{method}"));
            assert_eq!(sent.header("x-goog-api-key"), Some(UPSTREAM_KEY));
            assert_eq!(sent.header("authorization"), None, "one credential");
            assert!(!answer.text().contains(UPSTREAM_KEY));
            assert_eq!(answer.header("x-brains-loss"), "", "{caller:?}");
        }
    }
    until("the ledger", async || {
        let total = service.client.operation("list_usage", &json!({})).await["total"].clone();
        let counts = ["requests", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"];
        counts.map(|name| total[name].as_u64().unwrap_or(0)) == [6, 66, 42, 18, 12]
    })
    .await;
}

/// The scripted vendor refuses a call whose signature is missing or another one, so that each step says that it came back.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_come_back_on_the_parts_that_they_were_on() {
    let (upstream, service) = over().await;
    for caller in Caller::ALL {
        for stream in [false, true] {
            let mut talk = Talk { caller, stream, turns: Vec::new() };
            talk.say(&service, "call add({\"a\":1}) call mul({\"a\":2})").await;
            talk.results(&["3", "4"]);
            talk.go_on(&service).await;
            talk.say(&service, "call mul({\"a\":5})").await;
            talk.results(&["6"]);
            talk.go_on(&service).await;
            let answer = talk.say(&service, "and?").await;
            assert!(answer.to_string().contains("scripted: 3, 4, 6"), "{caller:?}: {answer}");
            let request = upstream.last().json();
            let told = signed(&request);
            let of = |kind: &str| {
                told.iter().filter(|(it, _)| it == kind).map(|(_, it)| it.as_str()).collect::<Vec<_>>()
            };
            assert_eq!(of("add"), [signature(0)], "{caller:?} {stream}: {request:#}");
            assert_eq!(of("mul"), [signature(2)], "the second of two side by side bears none: {request:#}");
            // A text's came on the text, or behind it on a part without one.
            let texts = if stream {
                of("").len()
            } else {
                of("scripted: 3, 4").len() + of("scripted: 3, 4, 6").len()
            };
            assert_eq!((texts, told.len()), (2, 4), "{caller:?} {stream}: {request:#}");
            assert!(told.iter().all(|(_, it)| *it == text_signature() || it.starts_with(gemini::SIGNATURE)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_another_vendor_is_taken_and_its_signatures_are_not() {
    let (upstream, service) = over().await;
    let call =
        json!({"id": "toolu_9", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}});
    let mut signed_call = call.clone();
    signed_call["extra_content"] =
        json!({"brains": {"thought_signature": "Zm9yZWlnbg==", "origin": "somebody/else"}});
    for (call, losses) in [(call, ""), (signed_call, "messages.tool_calls.extra_content")] {
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "toolu_9", "content": "3"}]});
        let answer = service.client.chat(&body).await;
        assert_eq!((answer.status, answer.header("x-brains-loss")), (200, losses), "{}", answer.text());
        let told = signed(&upstream.last().json());
        assert_eq!(told, [("add".to_owned(), "skip_thought_signature_validator".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_vendor_signed_reaches_no_other() {
    let (upstream, other) = (GEMINI.upstream().await, OPENAI.upstream().await);
    let tier = "models: {default: {provider: gemini, model: scripted-1, fallbacks: [{provider: openai_compatible, model: scripted-1}]}}\n\
                policy: {component: policy-tiered, config: {error_rate_limit: 1}}";
    let service = Brains::start(GEMINI.setup(&upstream).and(&OPENAI.config(&other)).and(tier)).await;
    let tools = json!([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]);
    let user = json!({"role": "user", "content": "call add({\"a\":1})"});
    let mut body = json!({"model": "brains-default", "tools": tools, "messages": [user]});
    let called = service.client.chat(&body).await.json()["choices"][0]["message"].clone();
    assert!(called.to_string().contains(&signature(0)), "{called}");
    let result = json!({"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "2"});
    body["messages"] = json!([user, called, result]);
    upstream.then(refused(503, "The model is overloaded. Please try again later."));
    let answer = service.client.chat(&body).await;
    assert_eq!(
        (answer.status, answer.header("x-brains-provider")),
        (200, "openai_compatible"),
        "{}",
        answer.text()
    );
    assert!(answer.header("x-brains-loss").contains("messages.tool_calls.extra_content"));
    assert!(!String::from_utf8_lossy(&other.last().body).contains(gemini::SIGNATURE));
    // And back to who signed, by name: the conversation would stay where it went.
    body["model"] = json!(MODEL);
    let answer = service.client.chat(&body).await;
    assert_eq!((answer.status, answer.header("x-brains-provider")), (200, "gemini"), "{}", answer.text());
    assert_eq!(signed(&upstream.last().json()), [("add".to_owned(), signature(0))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn media_settings_and_thoughts_go_in_the_vendors_words() {
    let (upstream, service) = over().await;
    let body = json!({"model": MODEL, "reasoning_effort": "low", "temperature": 0.5, "max_completion_tokens": 99, "seed": 7,
        "stop": ["END"], "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema":
            {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": false}}},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
            {"type": "text", "text": "think aloud"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.jpg?x=1"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}}]}]});
    let answer = service.client.chat(&body).await;
    assert_eq!((answer.status, answer.header("x-brains-loss")), (200, ""), "{}", answer.text());
    let message = answer.json()["choices"][0]["message"].clone();
    assert_eq!(
        (&message["reasoning_content"], &message["content"]),
        (&json!("hm, so"), &json!("{\"x\":\"word\"}"))
    );
    let schema = body["response_format"]["json_schema"]["schema"].clone();
    assert_eq!(
        upstream.last().json(),
        json!({
            "contents": [{"role": "user", "parts": [
                {"text": "think aloud"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/b.jpg?x=1"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQ="}}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.5, "maxOutputTokens": 99, "stopSequences": ["END"], "seed": 7,
                "responseMimeType": "application/json", "responseJsonSchema": schema,
                "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": true}}
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn by_its_name_alone_it_lists_its_models_and_gives_vectors() {
    let upstream = GEMINI.upstream().await;
    let config = format!("providers:\n  gemini: {{config: {{base_url: \"{}\"}}}}\n", upstream.origin());
    let service = Brains::start(Setup::config(config).env("GEMINI_API_KEY", UPSTREAM_KEY)).await;
    let mut ids = Vec::new();
    until("the models of every page", async || {
        let listed = service.client.get("/v1/models").await.json();
        let listed = listed["data"].as_array().cloned().unwrap_or_default();
        ids = listed
            .iter()
            .filter_map(|it| Some(it["id"].as_str()?.strip_prefix("gemini/")?.to_owned()))
            .collect();
        !ids.is_empty()
    })
    .await;
    assert_eq!(ids, ["scripted-1", "scripted-2"]);
    let body = json!({"model": MODEL, "input": ["a", "bcd"]});
    let answer = service.client.post("/v1/embeddings", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        (&answer["data"][1]["embedding"], &answer["usage"]["prompt_tokens"]),
        (&json!([3, 1]), &json!(11))
    );
    assert_eq!(upstream.last().path, "/v1beta/models/scripted-1:batchEmbedContents");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_refuses_is_told_by_its_kind() {
    let (upstream, service) = over().await;
    let quota = |id: &str| {
        json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id, "quotaValue": "20"}]},
               {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}])
    };
    let current = "You exceeded your current quota, please check your plan and billing details.";
    let long = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
    let invalid = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let rows: [(Reply, u16, &str, &str); 9] = [
        (
            refusal(429, current, &quota("GenerateRequestsPerMinutePerProjectPerModel")),
            429,
            "rate_limit_exceeded",
            "37",
        ),
        (
            refusal(429, current, &quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
            429,
            "insufficient_quota",
            "37",
        ),
        (refusal(400, "API key not valid. Please pass a valid API key.", &invalid), 502, "upstream_auth", ""),
        (
            refused(403, "Your API key was reported as leaked. Please use another API key."),
            502,
            "upstream_auth",
            "",
        ),
        (refused(404, "models/x is not found for API version v1beta"), 404, "model_not_found", ""),
        (refused(400, long), 400, "context_length_exceeded", ""),
        (
            refused(400, "Invalid JSON payload received. Unknown name \"x\": Cannot find field."),
            400,
            "invalid_value",
            "",
        ),
        (refused(503, "The model is overloaded. Please try again later."), 503, "server_is_overloaded", ""),
        (refused(504, "Deadline expired before operation could complete."), 504, "upstream_timeout", ""),
    ];
    for (reply, status, code, wait) in rows {
        for stream in [false, true] {
            upstream.then(reply.clone());
            let answer = service.client.chat(&Caller::Chat.question(MODEL, stream, "x")).await;
            let error = answer.json()["error"].clone();
            assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{error}");
            assert_eq!(answer.header("retry-after"), wait, "{error}");
        }
    }
    let wrong = "providers: {gemini: {component: provider-gemini, config: {base_url: \"ORIGIN\"}, secrets: {api_key: \"AIza-wrong-0123456789\"}}}";
    let keyed = Brains::start(Setup::config(wrong.replace("ORIGIN", &upstream.origin()))).await;
    let answer = keyed.client.chat(&Caller::Chat.question(MODEL, false, "x")).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (502, &json!("upstream_auth")),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("AIza") && !keyed.log().contains("AIza-wrong"));
}

/// What the vendor says with a 200: the prompt was held back, the answer was, or the model made no answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_back_or_broke_never_looks_like_an_answer() {
    let (upstream, service) = over().await;
    let candidate = |parts: Value, finish: &str| {
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
               "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 2}, "modelVersion": "scripted-1"})
    };
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 11}});
    for stream in [false, true] {
        let told = |value: &Value| {
            if stream {
                Reply::stream([format!("data: {value}\n\n")])
            } else {
                Reply::json(200, value.to_string())
            }
        };
        let ask =
            async |caller: Caller| caller.ask(&service.client, &caller.question(MODEL, stream, "x")).await;
        upstream.then(told(&blocked));
        let answer = ask(Caller::Chat).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (403, &json!("content_filter")), "{error}");
        assert!(error["message"].to_string().contains("PROHIBITED_CONTENT"), "{error}");
        for caller in Caller::ALL {
            upstream.then(told(&candidate(json!([{"text": "It be"}]), "SAFETY")));
            let text = ask(caller).await.text();
            let word = if caller == Caller::Messages { "\"refusal\"" } else { "\"content_filter\"" };
            assert!(text.contains("It be") && text.contains(word), "{caller:?}: {text}");
            // Nothing was said yet: there is a status to give.
            upstream.then(told(&candidate(json!([]), "MALFORMED_FUNCTION_CALL")));
            let answer = ask(caller).await;
            assert_eq!(answer.status, 502, "{caller:?}: {}", answer.text());
            assert!(answer.text().contains("MALFORMED_FUNCTION_CALL"), "{}", answer.text());
        }
        // It ends without a reason.
        let mut cut = candidate(json!([{"text": "It be"}]), "STOP");
        cut["candidates"][0].as_object_mut().expect("a candidate").remove("finishReason");
        upstream.then(told(&cut));
        let answer = ask(Caller::Chat).await;
        assert!(!answer.text().contains("\"stop\"") && answer.text().contains("error"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scripted_vendor_takes_one_key_in_one_header() {
    let upstream = GEMINI.upstream().await;
    let ask = async |header: &str, key: &str| {
        let client = Client::new(upstream.address, "");
        let request = client.request(http::Method::POST, "/v1beta/models/scripted-1:generateContent");
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]});
        Client::send(request.header(header, key).body(body.to_string())).await
    };
    assert_eq!(ask("x-goog-api-key", UPSTREAM_KEY).await.status, 200);
    assert_eq!(ask("x-api-key", UPSTREAM_KEY).await.json()["error"]["status"], "PERMISSION_DENIED");
    let wrong = ask("x-goog-api-key", "AIza").await.json();
    assert_eq!(wrong["error"]["details"][0]["reason"], "API_KEY_INVALID");
}

#[test]
fn the_scripted_vendor_refuses_what_the_vendor_refuses() {
    let user = |text: &str| json!({"role": "user", "parts": [{"text": text}]});
    let call = |signature: Value| json!({"role": "model", "parts": [{"functionCall": {"id": "fc_0", "name": "f", "args": {}}, "thoughtSignature": signature}]});
    let result = |id: &str| json!({"role": "user", "parts": [{"functionResponse": {"id": id, "name": "f", "response": {"output": "r"}}}]});
    let asked = |contents: Value| strict::accept("scripted-1", &json!({ "contents": contents }));
    assert_eq!(asked(json!([user("x"), call(json!(signature(0))), result("fc_0")])), Ok(()));
    assert_eq!(
        asked(json!([user("x"), call(json!("skip_thought_signature_validator")), result("fc_0")])),
        Ok(())
    );
    for (contents, words) in [
        (json!([user("x"), call(Value::Null), result("fc_0")]), "missing a thought_signature"),
        (json!([user("x"), call(json!("c2ln")), result("fc_0")]), "Corrupted thought signature"),
        (json!([user("x"), call(json!(signature(0))), result("fc_1")]), "does not match any function call"),
        (json!([user("x"), call(json!(signature(0))), user("y")]), "number of function response parts"),
        (json!([user("x"), user("y")]), "alternate between user and model"),
        (json!([{"role": "assistant", "parts": [{"text": "x"}]}]), "valid role"),
        (json!([{"role": "user", "parts": []}]), "must not be empty"),
        (
            json!([{"role": "user", "parts": [{"text": "x", "cacheControl": {}}]}]),
            "Unknown name \"cacheControl\" at",
        ),
    ] {
        let refused = asked(contents).expect_err(words);
        assert!(refused.contains(words), "{words}: {refused}");
    }
    for (config, words) in [
        (json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}}), "only one of"),
        (json!({"stopSequences": ["a", "b", "c", "d", "e", "f"]}), "at most 5"),
        (json!({"max_tokens": 1}), "Unknown name \"max_tokens\""),
    ] {
        let request = json!({"contents": [user("x")], "generationConfig": config});
        let refused = strict::accept("scripted-1", &request).expect_err(words);
        assert!(refused.contains(words), "{words}: {refused}");
    }
}
