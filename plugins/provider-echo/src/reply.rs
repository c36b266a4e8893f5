//! What the answer is, and the events that tell it.

use brains_sdk::canon::{
    BlockEnd, BlockKind, BlockStart, CallContext, ChatRequest, Content, Delta, Event, Finish, Message,
    OutputFormat, ResultPart, Role, Start, StopReason, Tool, ToolChoice, ToolStart, Usage,
};
use serde_json::Value;

use crate::sample;

/// A text is told in at most this many deltas.
const DELTAS: usize = 16;
/// More choices than this are not given.
const MAX_CHOICES: u32 = 16;
/// What a picture counts as.
const IMAGE_TOKENS: usize = 85;

/// One answer, before it is told.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Text(Said),
    Calls(Vec<Wanted>),
}

/// A text and why it ends.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) reason: StopReason,
    pub(crate) stop_sequence: Option<String>,
}

/// A tool that the last message asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) tool: String,
    pub(crate) arguments: String,
}

/// The whole answer.
pub(crate) fn events(req: &ChatRequest, ctx: &CallContext) -> Vec<Event> {
    let reply = reply(req);
    let choices = req.sampling.choices.unwrap_or(1).clamp(1, MAX_CHOICES);
    let seed = fnv(&ctx.request_id, ctx.attempt);
    let start = Start { id: Some(format!("echo-{seed:016x}")), model: Some(req.model.clone()), extra: None };
    let mut events = vec![Event::Start(start)];
    for choice in 0..choices {
        match &reply {
            Reply::Text(said) => tell_text(choice, said, &mut events),
            Reply::Calls(calls) => tell_calls(choice, seed, calls, &mut events),
        }
    }
    let output = match &reply {
        Reply::Text(said) => tokens(&said.text),
        Reply::Calls(calls) => calls.iter().map(|call| tokens(&call.tool) + tokens(&call.arguments)).sum(),
    };
    events.push(Event::Usage(Usage {
        input: input_tokens(req) as u64,
        output: output as u64 * u64::from(choices),
        ..Usage::default()
    }));
    events
}

fn tell_text(choice: u32, said: &Said, events: &mut Vec<Event>) {
    events.push(Event::BlockStart(BlockStart { choice, index: 0, kind: BlockKind::Text }));
    events.extend(pieces(&said.text).map(|text| Event::Delta(Delta { choice, index: 0, text })));
    events.push(Event::BlockEnd(BlockEnd { choice, index: 0, signature: None, extra: None }));
    let stop_sequence = said.stop_sequence.clone();
    events.push(Event::Finish(Finish { choice, reason: said.reason.clone(), stop_sequence }));
}

fn tell_calls(choice: u32, seed: u64, calls: &[Wanted], events: &mut Vec<Event>) {
    for (index, call) in (0..).zip(calls) {
        let start = ToolStart {
            id: format!("call_{seed:016x}_{choice}_{index}"),
            name: call.tool.clone(),
            namespace: None,
            signature: None,
            origin: None,
        };
        events.push(Event::BlockStart(BlockStart { choice, index, kind: BlockKind::ToolCall(start) }));
        events.extend(pieces(&call.arguments).map(|text| Event::Delta(Delta { choice, index, text })));
        events.push(Event::BlockEnd(BlockEnd { choice, index, signature: None, extra: None }));
    }
    events.push(Event::Finish(Finish { choice, reason: StopReason::ToolUse, stop_sequence: None }));
}

/// What to answer.
pub(crate) fn reply(req: &ChatRequest) -> Reply {
    let asked = last_text(&req.messages);
    let after_results = req.messages.last().is_some_and(bears_results);
    if !after_results && req.tool_choice != ToolChoice::None {
        let mut calls = wanted(&asked, &req.tools);
        if calls.is_empty() {
            calls.extend(forced(req));
        }
        if req.parallel_tools == Some(false) {
            calls.truncate(1);
        }
        if !calls.is_empty() {
            return Reply::Calls(calls);
        }
    }
    let text = format!("echo:{asked}");
    let text = match &req.output {
        OutputFormat::Text | OutputFormat::Other(_) => text,
        OutputFormat::JsonObject => serde_json::json!({ "echo": asked }).to_string(),
        OutputFormat::JsonSchema(format) => sample::from_text(&format.schema, &text).to_string(),
    };
    Reply::Text(cut(text, &req.sampling.stop, req.sampling.max_output_tokens))
}

/// The text of the last message; of all results, when it holds results of tools.
fn last_text(messages: &[Message]) -> String {
    let from = messages.iter().rposition(|message| !bears_results(message)).map_or(0, |at| at + 1);
    let last = match messages.get(from..) {
        Some([]) | None => messages.last().map(std::slice::from_ref).unwrap_or_default(),
        Some(results) => results,
    };
    let parts = last.iter().flat_map(|message| &message.parts).filter_map(|part| shown(&part.content));
    parts.collect::<Vec<_>>().join("\n")
}

fn bears_results(message: &Message) -> bool {
    message.role == Role::Tool
        || message.parts.iter().any(|part| matches!(part.content, Content::ToolResult(_)))
}

/// How a part is echoed.
fn shown(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) | Content::Refusal(text) => Some(text.clone()),
        Content::Image(_) => Some("[image]".to_owned()),
        Content::Audio(_) => Some("[audio]".to_owned()),
        Content::File(_) => Some("[file]".to_owned()),
        Content::ToolResult(result) => {
            let part = |part: &ResultPart| match part {
                ResultPart::Text(text) | ResultPart::Other(text) => text.clone(),
                ResultPart::Media(_) => "[media]".to_owned(),
            };
            Some(result.content.iter().map(part).collect::<Vec<_>>().join("\n"))
        }
        Content::ToolCall(_) | Content::Reasoning(_) | Content::Other(_) => None,
    }
}

/// Every `call <tool>({…})` whose tool is offered.
fn wanted(text: &str, tools: &[Tool]) -> Vec<Wanted> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("call ") {
        rest = after;
        if before.chars().next_back().is_some_and(char::is_alphanumeric) {
            continue;
        }
        let Some((name, arguments)) = after.split_once('(') else { break };
        if let Some(call) = one_call(name.trim(), arguments)
            && tools.iter().any(|tool| matches!(tool, Tool::Function(it) if it.name == call.tool))
        {
            rest = arguments.get(call.arguments.len()..).unwrap_or_default();
            calls.push(call);
        }
    }
    calls
}

fn one_call(name: &str, arguments: &str) -> Option<Wanted> {
    if arguments.trim_start().starts_with(')') {
        return Some(Wanted { tool: name.to_owned(), arguments: "{}".to_owned() });
    }
    let mut values = serde_json::Deserializer::from_str(arguments).into_iter::<Value>();
    values.next()?.ok()?;
    let (json, rest) = arguments.split_at_checked(values.byte_offset())?;
    let call = Wanted { tool: name.to_owned(), arguments: json.trim().to_owned() };
    rest.trim_start().starts_with(')').then_some(call)
}

/// The call that the caller insists on.
fn forced(req: &ChatRequest) -> Option<Wanted> {
    let functions = || {
        req.tools.iter().filter_map(|tool| match tool {
            Tool::Function(function) => Some(function),
            Tool::Other(_) => None,
        })
    };
    let function = match &req.tool_choice {
        ToolChoice::Required => functions().next(),
        ToolChoice::Named(name) => functions().find(|function| &function.name == name),
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Other(_) => None,
    }?;
    let arguments = sample::from_text(&function.parameters, "echo").to_string();
    Some(Wanted { tool: function.name.clone(), arguments })
}

/// Ends the text at the first stop sequence or at the length limit, whichever comes first.
fn cut(text: String, stop: &[String], max_tokens: Option<u32>) -> Said {
    let stops = stop.iter().filter(|stop| !stop.is_empty());
    let first = stops.filter_map(|stop| Some((text.find(stop.as_str())?, stop))).min();
    let limit = max_tokens.and_then(|max| {
        let chars = usize::try_from(max).ok()?.checked_mul(4)?;
        Some(text.char_indices().nth(chars)?.0)
    });
    let (end, reason, stop_sequence) = match (first, limit) {
        (Some((at, stop)), limit) if limit.is_none_or(|limit| at <= limit) => {
            (at, StopReason::StopSequence, Some(stop.clone()))
        }
        (_, Some(limit)) => (limit, StopReason::MaxTokens, None),
        (_, None) => (text.len(), StopReason::EndTurn, None),
    };
    let mut text = text;
    text.truncate(end);
    Said { text, reason, stop_sequence }
}

/// The text in a few pieces, so that a stream is one.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len().div_ceil(DELTAS).max(4);
    let pieces: Vec<String> = chars.chunks(size).map(String::from_iter).collect();
    pieces.into_iter()
}

/// About four characters are a token.
fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}

fn input_tokens(req: &ChatRequest) -> usize {
    let part = |content: &Content| match content {
        Content::Image(_) | Content::Audio(_) | Content::File(_) => IMAGE_TOKENS,
        Content::ToolCall(call) => tokens(&call.name) + tokens(&call.arguments),
        Content::Reasoning(reasoning) => tokens(&reasoning.text),
        Content::Other(json) => tokens(json),
        Content::Text(_) | Content::ToolResult(_) | Content::Refusal(_) => {
            shown(content).map_or(0, |text| tokens(&text))
        }
    };
    let messages = req.messages.iter().map(|message| {
        // Role and delimiters.
        4 + message.parts.iter().map(|it| part(&it.content)).sum::<usize>()
    });
    let tools = req.tools.iter().map(|tool| match tool {
        Tool::Function(it) => {
            tokens(&it.name) + it.description.as_deref().map_or(0, tokens) + tokens(&it.parameters)
        }
        Tool::Other(json) => tokens(json),
    });
    messages.sum::<usize>() + tools.sum::<usize>()
}

/// FNV-1a, to make ids that differ from request to request and are the same when it is repeated.
fn fnv(request_id: &str, attempt: u32) -> u64 {
    let bytes = request_id.bytes().chain(attempt.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
