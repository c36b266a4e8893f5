//! Converts between the types of the bindings and the canonical ones, which mirror each other: every conversion is a move.

use brains_dialect::canon;
use brains_dialect::canon::{auth, catalogue, embeddings, exchange, relay, task};

use crate::bindings::{exported as exports, http as wit_http, task as wit_task, types as wit};

/// A record that has the same members on both sides.
macro_rules! record {
    ($($from:path => $to:path { $($plain:ident),* $(; $($deep:ident),*)? $(; list $($list:ident),*)? });+ $(;)?) => {$(
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                Self {
                    $($plain: value.$plain,)*
                    $($($deep: value.$deep.into(),)*)?
                    $($($list: value.$list.into_iter().map(Into::into).collect(),)*)?
                }
            }
        }
    )+};
}

/// A variant with the same cases: bare ones, ones that hold a plain value, ones that hold a converted one.
macro_rules! variant {
    ($($from:path => $to:path { $($bare:ident),* ; $($plain:ident),* ; $($deep:ident),* });+ $(;)?) => {$(
        const _: () = {
            use $from as Source;

            impl From<Source> for $to {
                fn from(value: Source) -> Self {
                    match value {
                        $(Source::$bare => Self::$bare,)*
                        $(Source::$plain(inner) => Self::$plain(inner),)*
                        $(Source::$deep(inner) => Self::$deep(inner.into()),)*
                    }
                }
            }
        };
    )+};
}

record! {
    canon::Media => wit::Media { mime, detail, extra ; source };
    canon::ToolCall => wit::ToolCall { id, name, namespace, arguments, signature, origin, extra };
    canon::ToolResult => wit::ToolResult { call_id, is_error, extra ;  ; list content };
    canon::Reasoning => wit::Reasoning { id, text, signature, redacted, origin };
    canon::Part => wit::Part { cache, extra ; content };
    canon::Message => wit::Message { name, extra ; role ; list parts };
    canon::FunctionTool => wit::FunctionTool { name, namespace, description, parameters, strict, cache, extra };
    canon::SchemaFormat => wit::SchemaFormat { name, schema, strict };
    canon::Sampling => wit::Sampling { temperature, top_p, top_k, max_output_tokens, stop, seed, frequency_penalty, presence_penalty, choices };
    canon::ChatRequest => wit::ChatRequest { model, parallel_tools, effort, thinking_budget, stream, user, extra ; tool_choice, output, sampling ; list messages, tools };
    canon::CallContext => wit::CallContext { request_id, attempt, account, base_url, extra };
    exchange::Field => wit_http::Field { name, value };
    exchange::Head => wit_http::Head { status ;  ; list headers };
    exchange::Response => wit_http::Response {  ; head, body };
    exchange::Frame => wit_http::Frame { name, data };
    embeddings::EmbeddingBatch => exports::embeddings::Batch { model, inputs, dimensions };
    relay::Call => exports::relay::Call { surface, model, stream, query ; ctx ; list headers };
    task::Features => wit_task::Features { last_user_text, system_head, recent_text, message_count, approx_input_tokens, tool_names, has_images, has_audio, wants_json, client, hints, extra };
    task::Score => wit_task::Score { label, value };
    task::Signal => wit_task::Signal { name, weight, evidence };
    task::Verdict => wit_task::Verdict { label, confidence, extra ;  ; list scores, signals };
    task::Candidate => wit_task::Candidate { id, provider, model, tier, input_price, output_price, context, quality, p50_ms, error_rate, in_flight, quota_left, sticky, labels, extra ; circuit };
    task::RouteInput => exports::policy::RouteInput { requested, sticky, budget_left, tags, extra ; features, verdict ; list candidates };
}

record! {
    wit::Usage => canon::Usage { input, output, cached_input, cache_write, reasoning, cost, extra };
    wit::Start => canon::Start { id, model, extra };
    wit::ToolStart => canon::ToolStart { id, name, namespace, signature, origin };
    wit::BlockStart => canon::BlockStart { choice, index ; kind };
    wit::Delta => canon::Delta { choice, index, text };
    wit::Annotation => canon::Annotation { choice, index, value };
    wit::BlockEnd => canon::BlockEnd { choice, index, signature, extra };
    wit::Finish => canon::Finish { choice, stop_sequence ; reason };
    wit::Fault => canon::Fault { message, code, retry_after_ms, failover ; kind };
    wit_http::Basic => exchange::Basic { user, secret };
    wit_http::Header => exchange::Header { name ;  ; list value };
    wit_http::FormField => exchange::FormField { name ;  ; list value };
    wit_http::Request => exchange::Request { timeout_ms ; method, body ; list url, headers };
    exports::relay::Member => relay::Member { path, value };
    exports::relay::Condition => relay::Condition { path, contains };
    exports::relay::Renaming => relay::Renaming { path, name };
    exports::relay::Replacement => relay::Replacement { path, old, new };
    exports::relay::Outbound => relay::Outbound {  ; request, framing ; list edits };
    exports::chat::Outbound => exchange::Outbound { losses, added ; request, framing };
    exports::embeddings::Vectors => embeddings::Vectors { dim, data, input_tokens };
    exports::auth::Prompt => auth::SignInPrompt { url, code, message };
    exports::auth::Ready => auth::SignedIn { credentials, attributes, expires_at_ms, refresh_at_ms };
    exports::catalogue::Model => catalogue::Model { id, label, context, max_output, caps, pricing, extra };
    exports::catalogue::Page => catalogue::Page { next ;  ; list models };
    wit_task::Score => task::Score { label, value };
    wit_task::Signal => task::Signal { name, weight, evidence };
    wit_task::Verdict => task::Verdict { label, confidence, extra ;  ; list scores, signals };
    exports::policy::Pick => task::Pick { index, score, timeout_ms };
    exports::policy::Decision => task::Decision { reason, hedge_after_ms, extra ;  ; list picks };
}

variant! {
    canon::Role => wit::Role { System, Developer, User, Assistant, Tool ;  ;  };
    canon::MediaSource => wit::MediaSource {  ; Url, Base64, Bytes, FileId ;  };
    canon::ResultPart => wit::ResultPart {  ; Text, Other ; Media };
    canon::Content => wit::Content {  ; Text, Refusal, Other ; Image, Audio, File, ToolCall, ToolResult, Reasoning };
    canon::Tool => wit::Tool {  ; Other ; Function };
    canon::ToolChoice => wit::ToolChoice { Auto, None, Required ; Named, Other ;  };
    canon::OutputFormat => wit::OutputFormat { Text, JsonObject ; Other ; JsonSchema };
    exchange::Payload => wit_http::Payload {  ; Text, Bytes ;  };
    task::Circuit => wit_task::Circuit { Closed, HalfOpen, Open ;  ;  };
    wit::StopReason => canon::StopReason { EndTurn, MaxTokens, StopSequence, ToolUse, Refusal, ContentFilter ; Other ;  };
    wit::BlockKind => canon::BlockKind { Text, Reasoning, Refusal ; RedactedReasoning, Media, Other ; ToolCall };
    wit::Event => canon::Event {  ; Other ; Start, BlockStart, Delta, Annotation, BlockEnd, Usage, Finish };
    wit::FaultKind => canon::FaultKind { InvalidRequest, Unauthorized, Forbidden, NotFound, RateLimited, Overloaded, Timeout, ContextTooLong, ContentFiltered, Upstream, Protocol, Unsupported, Internal ; Other ;  };
    wit_http::Method => exchange::Method { Get, Post, Put, Patch, Delete, Head ;  ;  };
    wit_http::Piece => exchange::Piece {  ; Text, Secret, Credential ; BasicCredentials };
    wit_http::Framing => exchange::Framing { Raw, Sse, Ndjson ;  ;  };
    exports::relay::Edit => relay::Edit {  ;  ; Set, Add, Remove, GiveUp, Keep, Rename, Replace };
    exports::auth::Step => auth::SignInStep {  ; SleepMs ; Fetch, Ask, Done };
    auth::SignInInput => exports::auth::Input { Woke ; Start ; Response };
    exports::relay::Lane => relay::Lane { Translate ;  ; Relay };
}

impl From<wit_http::Body> for exchange::Body {
    fn from(value: wit_http::Body) -> Self {
        match value {
            wit_http::Body::Empty => Self::Empty,
            wit_http::Body::Text(text) => Self::Text(text),
            wit_http::Body::Bytes(bytes) => Self::Bytes(bytes),
            wit_http::Body::Form(fields) => Self::Form(fields.into_iter().map(Into::into).collect()),
        }
    }
}

impl From<exports::relay::MembersAt> for relay::MembersAt {
    fn from(value: exports::relay::MembersAt) -> Self {
        let exports::relay::MembersAt { at, names, when } = value;
        Self { at, names, when: when.map(Into::into) }
    }
}
