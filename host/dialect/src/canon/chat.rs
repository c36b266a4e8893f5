//! Chat values (WIT interface `types`).

use std::fmt;

use crate::json::member;

/// UTF-8 JSON text, parsed only by who needs it.
pub type Json = String;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    Url(String),
    Base64(String),
    Bytes(Vec<u8>),
    FileId(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    pub mime: String,
    pub source: MediaSource,
    pub detail: Option<String>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub namespace: Option<String>,
    /// As the model wrote them: mostly JSON, not always valid.
    pub arguments: String,
    /// What the vendor wants back with the call, byte for byte, in a later turn.
    pub signature: Option<String>,
    /// Who signed it: never replayed to another.
    pub origin: Option<String>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ResultPart {
    Text(String),
    Media(Media),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    pub call_id: String,
    pub is_error: bool,
    pub content: Vec<ResultPart>,
    pub extra: Option<Json>,
}

/// `origin` names provider and model family that signed it: never replayed to another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reasoning {
    pub id: Option<String>,
    pub text: String,
    pub signature: Option<String>,
    pub redacted: Option<String>,
    pub origin: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Text(String),
    Image(Media),
    Audio(Media),
    File(Media),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Reasoning(Reasoning),
    Refusal(String),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub content: Content,
    /// A time to live such as "5m".
    pub cache: Option<String>,
    pub extra: Option<Json>,
}

impl Part {
    /// A part with neither cache mark nor leftovers.
    pub const fn plain(content: Content) -> Self {
        Self { content, cache: None, extra: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub role: Role,
    pub name: Option<String>,
    pub parts: Vec<Part>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FunctionTool {
    pub name: String,
    pub namespace: Option<String>,
    pub description: Option<String>,
    pub parameters: Json,
    pub strict: Option<bool>,
    pub cache: Option<String>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    Function(FunctionTool),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum ToolChoice {
    #[default]
    Auto,
    None,
    Required,
    Named(String),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFormat {
    pub name: String,
    pub schema: Json,
    pub strict: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum OutputFormat {
    #[default]
    Text,
    JsonObject,
    JsonSchema(SchemaFormat),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<u32>,
    pub max_output_tokens: Option<u32>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    pub frequency_penalty: Option<f32>,
    pub presence_penalty: Option<f32>,
    pub choices: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    pub model: String,
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    pub parallel_tools: Option<bool>,
    pub output: OutputFormat,
    pub sampling: Sampling,
    pub effort: Option<String>,
    pub thinking_budget: Option<u32>,
    pub stream: bool,
    pub user: Option<String>,
    /// Members of the request that this form has no place for, as one JSON object.
    pub extra: Option<Json>,
}

/// `input` includes cached and cache-write tokens, `output` includes reasoning; vendors differ, components convert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    pub cost: Option<String>,
    pub extra: Option<Json>,
}

impl Usage {
    /// Of the tokens that went into the cache, those that stay there for an hour, where the upstream tells them apart.
    pub fn cache_write_1h(&self) -> u64 {
        let told = member(self.extra.as_deref(), "cache_creation");
        let lasting =
            member(told.as_deref(), "ephemeral_1h_input_tokens").and_then(|count| count.parse().ok());
        lasting.unwrap_or(0).min(self.cache_write)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    EndTurn,
    MaxTokens,
    StopSequence,
    ToolUse,
    Refusal,
    ContentFilter,
    Other(String),
}

impl StopReason {
    /// The reason of an answer that has calls in it, or not: some servers say that the turn has ended although they called
    /// tools, and an agent would end its turn without running them.
    #[must_use]
    pub(crate) fn with_calls(self, called: bool) -> Self {
        match self {
            Self::EndTurn if called => Self::ToolUse,
            other => other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    pub id: Option<String>,
    pub model: Option<String>,
    pub extra: Option<Json>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct ToolStart {
    pub id: String,
    pub name: String,
    pub namespace: Option<String>,
    /// Where it is known as the call begins; one that comes later stands at the end of the block.
    pub signature: Option<String>,
    /// Who signed it.
    pub origin: Option<String>,
}

/// Few calls have a signature: it is shown where there is one.
impl fmt::Debug for ToolStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ToolStart");
        shown.field("id", &self.id).field("name", &self.name).field("namespace", &self.namespace);
        if let Some(signature) = &self.signature {
            shown.field("signature", signature);
        }
        if let Some(origin) = &self.origin {
            shown.field("origin", origin);
        }
        shown.finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockKind {
    Text,
    Reasoning,
    RedactedReasoning(String),
    Refusal,
    ToolCall(ToolStart),
    Media(String),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockStart {
    pub choice: u32,
    pub index: u32,
    pub kind: BlockKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    pub choice: u32,
    pub index: u32,
    pub text: String,
}

/// Citations, log probabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub choice: u32,
    pub index: u32,
    pub value: Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEnd {
    pub choice: u32,
    pub index: u32,
    /// Of a thought, or of a call that began without one.
    pub signature: Option<String>,
    pub extra: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub choice: u32,
    pub reason: StopReason,
    pub stop_sequence: Option<String>,
}

/// A unary answer is the same list, delivered at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Start(Start),
    BlockStart(BlockStart),
    Delta(Delta),
    Annotation(Annotation),
    BlockEnd(BlockEnd),
    Usage(Usage),
    Finish(Finish),
    Other(Json),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    RateLimited,
    Overloaded,
    Timeout,
    ContextTooLong,
    ContentFiltered,
    Upstream,
    Protocol,
    Unsupported,
    Internal,
    Other(String),
}

/// What a component says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
    pub code: Option<String>,
    pub retry_after_ms: Option<u64>,
    pub failover: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallContext {
    pub request_id: String,
    pub attempt: u32,
    pub account: Option<String>,
    pub base_url: Option<String>,
    pub extra: Option<Json>,
}

impl CallContext {
    /// What makes ids unique that are given to calls which come without one: the answer's own, where the host tells it.
    pub fn call_seed(&self) -> String {
        let answer = crate::json::member(self.extra.as_deref(), ANSWER);
        let told = answer.and_then(|text| Some(crate::json::Node::root(&text).string().ok()?.into_owned()));
        told.unwrap_or_else(|| self.request_id.clone())
    }

    /// The same context, for the answer of this id.
    #[must_use]
    pub fn answering(self, unique: &str) -> Self {
        self.telling(ANSWER, &crate::json::quote(unique))
    }

    /// The same context, of a request that asks to go on exactly where the assistant's last turn ends.
    #[must_use]
    pub fn continuing(self) -> Self {
        self.telling(CONTINUES, "true")
    }

    /// Whether the model is to go on exactly where the assistant's last turn ends.
    pub fn continues(&self) -> bool {
        crate::json::member(self.extra.as_deref(), CONTINUES).as_deref() == Some("true")
    }

    /// The same context with one more member, which is JSON, beside what it tells already.
    #[must_use]
    pub fn telling(mut self, name: &str, value: &str) -> Self {
        let told = self.extra.as_deref().and_then(|extra| extra.trim_end().strip_suffix('}'));
        let before =
            told.filter(|told| *told != "{").map_or_else(|| "{".to_owned(), |told| format!("{told},"));
        self.extra = Some(format!("{before}{}:{value}}}", crate::json::quote(name)));
        self
    }
}

/// The member of a context's `extra` that is unique to the answer.
const ANSWER: &str = "answer";
/// The member that says that the model is to go on exactly where the assistant's last turn ends.
const CONTINUES: &str = "continues";

impl Reasoning {
    /// Takes the signature and the signer from the end of the block that the thought was.
    pub(crate) fn sign(&mut self, end: &BlockEnd) {
        self.signature.clone_from(&end.signature);
        self.origin = end.origin();
    }
}

impl BlockEnd {
    /// Who signed the block.
    pub(crate) fn origin(&self) -> Option<String> {
        let signer = crate::json::member(self.extra.as_deref(), "origin")?;
        Some(crate::json::Node::root(&signer).string().ok()?.into_owned())
    }
}
