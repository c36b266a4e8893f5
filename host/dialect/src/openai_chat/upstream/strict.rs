//! What the vendor of this wire documents, and with it what a strict upstream takes. Whatever stands elsewhere is somebody's
//! extension. From <https://platform.openai.com/docs/api-reference/chat/create>, read on 2026-11-29.

use crate::canon::relay::{Edit, MembersAt};

const REQUEST: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];
const MESSAGE: [&str; 8] =
    ["role", "content", "name", "refusal", "audio", "tool_calls", "tool_call_id", "function_call"];
const PART: [&str; 6] = ["type", "text", "image_url", "input_audio", "file", "refusal"];
const TOOL: [&str; 3] = ["type", "function", "custom"];
const CALL: [&str; 4] = ["id", "type", "function", "custom"];

/// Leaves nothing in a body that the vendor does not document.
pub(super) fn edits() -> [Edit; 5] {
    let keep = |at, names: &[&str]| Edit::Keep(MembersAt::of(at, names));
    [
        keep("", &REQUEST),
        keep("messages[]", &MESSAGE),
        keep("messages[].content[]", &PART),
        keep("messages[].tool_calls[]", &CALL),
        keep("tools[]", &TOOL),
    ]
}
