//! Both sides of every pair, as tests go through them.

use std::sync::Arc;

use brains_dialect::canon::{ChatRequest, Event, Fault};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress, RequestEcho, StateEcho};
use brains_dialect::sse::Frames;
use brains_dialect::translation::{Encoded, UpstreamWire};
use brains_dialect::{
    anthropic_messages, bedrock_converse, gemini_generate, ndjson, ollama_chat, openai_chat, openai_responses,
};

use crate::event_stream;

/// The wires of clients that have pairs.
pub(super) const CLIENTS: [Ingress; 3] =
    [Ingress::OpenAiChat, Ingress::OpenAiResponses, Ingress::AnthropicMessages];

const SEED: &str = "req-1";

pub(super) const fn client_name(client: Ingress) -> &'static str {
    match client {
        Ingress::OpenAiChat => "chat",
        Ingress::OpenAiResponses => "responses",
        Ingress::AnthropicMessages => "messages",
        Ingress::OpenAiCompletions | Ingress::OpenAiCompaction => "completions",
    }
}

pub(super) const fn upstream_name(wire: UpstreamWire) -> &'static str {
    match wire {
        UpstreamWire::OpenAiChat => "chat",
        UpstreamWire::OpenAiResponses => "responses",
        UpstreamWire::AnthropicMessages => "messages",
        UpstreamWire::OllamaChat => "ollama",
        UpstreamWire::GeminiGenerate => "gemini",
        UpstreamWire::BedrockConverse => "bedrock",
    }
}

/// What a model of this wire is called: what vendors sign belongs to a family of models.
pub(super) const fn model(wire: UpstreamWire) -> &'static str {
    match wire {
        UpstreamWire::OpenAiChat | UpstreamWire::OpenAiResponses => "gpt-5.2",
        UpstreamWire::AnthropicMessages => "claude-sonnet-4-6",
        UpstreamWire::OllamaChat => "qwen3",
        UpstreamWire::GeminiGenerate => "gemini-3.1-pro-preview",
        UpstreamWire::BedrockConverse => "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    }
}

/// How a stream of this wire is cut.
pub(super) const fn ending(wire: UpstreamWire) -> &'static str {
    match wire {
        UpstreamWire::OpenAiChat
        | UpstreamWire::OpenAiResponses
        | UpstreamWire::AnthropicMessages
        | UpstreamWire::GeminiGenerate => "sse",
        // Of the latter each line is an event, as the reference has it; what is read is its framing.
        UpstreamWire::OllamaChat | UpstreamWire::BedrockConverse => "ndjson",
    }
}

pub(super) fn asked(client: Ingress, body: &[u8], wire: UpstreamWire) -> ChatRequest {
    let envelope = Envelope::scan(body).unwrap();
    client.read_head(&envelope).unwrap();
    let request = client.decode(&envelope).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    ChatRequest { model: model(wire).to_owned(), ..request }
}

pub(super) fn encode(request: &ChatRequest, wire: UpstreamWire) -> Result<Encoded, Fault> {
    match wire {
        UpstreamWire::OpenAiChat => openai_chat::upstream::encode::encode(
            request,
            &openai_chat::upstream::encode::OpenAiChatOptions::default(),
        ),
        UpstreamWire::OpenAiResponses => openai_responses::upstream::encode::encode(request),
        UpstreamWire::AnthropicMessages => anthropic_messages::upstream::encode::encode(
            request,
            &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
        ),
        UpstreamWire::OllamaChat => ollama_chat::upstream::encode::encode(
            request,
            &ollama_chat::upstream::encode::OllamaChatOptions::default(),
        ),
        UpstreamWire::GeminiGenerate => gemini_generate::upstream::encode::encode(
            request,
            &gemini_generate::upstream::encode::GeminiGenerateOptions::default(),
        ),
        UpstreamWire::BedrockConverse => bedrock_converse::upstream::encode::encode(
            request,
            &bedrock_converse::upstream::encode::BedrockConverseOptions::default(),
        ),
    }
}

/// What a whole answer says.
pub(super) fn whole(wire: UpstreamWire, body: &str) -> Result<Vec<Event>, Fault> {
    match wire {
        UpstreamWire::OpenAiChat => openai_chat::upstream::decode::decode_unary(body, SEED),
        UpstreamWire::OpenAiResponses => openai_responses::upstream::decode::decode_unary(body, SEED),
        UpstreamWire::AnthropicMessages => anthropic_messages::upstream::decode::decode_unary(body),
        UpstreamWire::OllamaChat => ollama_chat::upstream::decode::decode_unary(body, SEED),
        UpstreamWire::GeminiGenerate => gemini_generate::upstream::decode::decode_unary(body, SEED),
        UpstreamWire::BedrockConverse => bedrock_converse::upstream::decode::decode_unary(
            body,
            model(wire),
            bedrock_converse::PlainToolNames::default(),
        ),
    }
}

macro_rules! decoded {
    ($chunks:expr, $frames:expr, $decoder:expr) => {{
        let (mut frames, mut decoder, mut events) = ($frames, $decoder, Vec::new());
        for chunk in $chunks {
            events.extend(decoder.push(&frames.push(chunk).unwrap())?);
        }
        events.extend(decoder.push(&frames.finish())?);
        events.extend(decoder.finish(true)?);
        Ok(events)
    }};
}

/// What a stream says, however it is cut.
pub(super) fn streamed(wire: UpstreamWire, chunks: &[&[u8]]) -> Result<Vec<Event>, Fault> {
    match wire {
        UpstreamWire::OpenAiChat => {
            decoded!(chunks, Frames::default(), openai_chat::upstream::decode::OpenAiChatDecoder::new(SEED))
        }
        UpstreamWire::OpenAiResponses => {
            decoded!(
                chunks,
                Frames::default(),
                openai_responses::upstream::decode::OpenAiResponsesDecoder::new(SEED)
            )
        }
        UpstreamWire::AnthropicMessages => {
            decoded!(
                chunks,
                Frames::default(),
                anthropic_messages::upstream::decode::AnthropicMessagesDecoder::new()
            )
        }
        UpstreamWire::OllamaChat => {
            decoded!(
                chunks,
                ndjson::Lines::default(),
                ollama_chat::upstream::decode::OllamaChatDecoder::new(SEED)
            )
        }
        UpstreamWire::GeminiGenerate => {
            decoded!(
                chunks,
                Frames::default(),
                gemini_generate::upstream::decode::GeminiGenerateDecoder::new(SEED)
            )
        }
        UpstreamWire::BedrockConverse => {
            let mut decoder = bedrock_converse::upstream::decode::BedrockConverseDecoder::new(
                model(wire),
                bedrock_converse::PlainToolNames::default(),
            );
            let mut events = Vec::new();
            for chunk in event_stream::framed(chunks) {
                events.extend(decoder.push_bytes(&chunk)?);
            }
            events.extend(decoder.finish(true)?);
            Ok(events)
        }
    }
}

/// An answer to this request, or to one that says nothing of note.
pub(super) fn identity(client: Ingress, asked: Option<&[u8]>) -> AnswerIdentity {
    let echo = match asked {
        Some(body) => client.echo(&Envelope::scan(body).unwrap(), StateEcho::default()).unwrap(),
        None => RequestEcho { members: "{}".to_owned(), ..RequestEcho::default() },
    };
    AnswerIdentity {
        id: client.answer_id("01"),
        created: 1_700_000_000,
        model: "shown".to_owned(),
        echo: Arc::new(echo),
    }
}

/// The events as the stream that the client gets.
pub(super) fn written(client: Ingress, events: &[Event], identity: &AnswerIdentity) -> Result<String, Fault> {
    let (mut writer, mut out) = (client.stream_writer(identity, true), String::new());
    for event in events {
        writer.push(event, &mut out)?;
    }
    writer.finish(&mut out)?;
    Ok(out)
}
