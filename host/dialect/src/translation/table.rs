//! The table itself, in the order of the published schema of chat completions. A test compares it with what the
//! encoders do, member by member.

use super::Disposition::{Kept, Lost, Mapped, Refused};
use super::TranslationRow;

const ONE_ANSWER: &str = "one answer per request";
const NO_PROBABILITIES: &str = "no log probabilities are given";
const NO_BIAS: &str = "tokens cannot be weighted";
const TEXT_ONLY: &str = "answers are text";
const NO_SEARCH: &str = "the web is not searched";
const LEGACY: &str = "send `tools` instead";
const NO_SOUND: &str = "sound cannot be sent";
const NO_STORAGE: &str = "nothing is stored";
const HINT: &str = "a hint for speed or price, without effect on the answer";
const NO_PLACE: &str = "no place for it";

pub const TABLE: &[TranslationRow] = &[
    row("model", Kept, Kept, Kept),
    row(
        "messages",
        Kept,
        Mapped("turns that follow one another on the same side are one turn; blank texts are left out"),
        Kept,
    ),
    row("messages.role.system", Kept, Mapped("`system`, wherever it stood"), Kept),
    row(
        "messages.role.developer",
        Mapped("`system` where the vendor does not know it"),
        Mapped("`system`, wherever it stood"),
        Mapped("role `system`"),
    ),
    row(
        "messages.role.tool",
        Kept,
        Mapped("`tool_result`, first in the user's turn"),
        Mapped("role `tool` with `tool_name`, found by the call's id"),
    ),
    row(
        "messages.role.function",
        Kept,
        Refused("a result without a call's id; send role `tool`"),
        Refused("a result without a call's id; send role `tool`"),
    ),
    row("messages.system_position", Kept, Lost("instructions behind the first turn move to the front"), Kept),
    row("messages.name", Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row("messages.content.text", Kept, Kept, Mapped("several texts are joined")),
    row(
        "messages.content.image_url",
        Kept,
        Mapped("`image` with source `base64` or `url`"),
        Mapped("`images`, inline only"),
    ),
    row(
        "messages.content.image_url.remote",
        Kept,
        Mapped("source `url`"),
        Refused("images must be inline, as a `data:` URL in base64"),
    ),
    row("messages.content.image_url.detail", Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row("messages.content.input_audio", Kept, Refused(NO_SOUND), Refused(NO_SOUND)),
    row(
        "messages.content.file",
        Kept,
        Mapped("`document`: a PDF inline, or by id; other kinds are refused"),
        Refused("files cannot be sent"),
    ),
    row("messages.content.refusal", Kept, Mapped("text of the assistant"), Mapped("text of the assistant")),
    row(
        "messages.content.other",
        Kept,
        Refused("a kind of content that this wire does not have"),
        Refused("a kind of content that this wire does not have"),
    ),
    row("messages.refusal", Kept, Mapped("text of the assistant"), Mapped("text of the assistant")),
    row(
        "messages.reasoning_content",
        Lost("kept by vendors that take extensions"),
        Lost("only signed thoughts are taken back"),
        Mapped("`thinking`"),
    ),
    row(
        "messages.reasoning_details",
        Lost("kept by vendors that take extensions"),
        Mapped(
            "`thinking` and `redacted_thinking`, on the wire and for the family of models that signed them",
        ),
        Mapped("`thinking`, without its signature"),
    ),
    row(
        "messages.tool_calls",
        Kept,
        Mapped("`tool_use`; arguments that are no object become `{\"_raw\": …}`"),
        Mapped("arguments as an object; those that are none become `{\"_raw\": …}`"),
    ),
    row(
        "messages.tool_calls.extra_content",
        Kept,
        Lost("calls bear no signature, thoughts do"),
        Lost("calls bear no signature"),
    ),
    row("messages.tool_calls.custom", Kept, Refused("calls with free text"), Refused("calls with free text")),
    row("messages.audio", Kept, Lost(TEXT_ONLY), Lost(TEXT_ONLY)),
    row(
        "messages.function_call",
        Kept,
        Refused("send `tool_calls` instead"),
        Refused("send `tool_calls` instead"),
    ),
    row(
        "cache_control",
        Lost("kept by vendors that take extensions"),
        Kept,
        Lost("prompts are cached without being told"),
    ),
    row("audio", Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY)),
    row("frequency_penalty", Kept, Lost(NO_PLACE), Mapped("`options.frequency_penalty`")),
    row("function_call", Kept, Refused(LEGACY), Refused(LEGACY)),
    row("functions", Kept, Refused(LEGACY), Refused(LEGACY)),
    row("logit_bias", Kept, Refused(NO_BIAS), Refused(NO_BIAS)),
    row("logprobs", Kept, Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)),
    row(
        "max_completion_tokens",
        Kept,
        Mapped("`max_tokens`; without it the provider's default"),
        Mapped("`options.num_predict`"),
    ),
    row(
        "max_tokens",
        Mapped("`max_completion_tokens`, unless the vendor knows only this one"),
        Mapped("`max_tokens`; without it the provider's default"),
        Mapped("`options.num_predict`"),
    ),
    row("metadata", Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)),
    row("modalities", Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY)),
    row("n", Kept, Refused(ONE_ANSWER), Refused(ONE_ANSWER)),
    row(
        "parallel_tool_calls",
        Kept,
        Mapped("`tool_choice.disable_parallel_tool_use`"),
        Lost("the model decides"),
    ),
    row("prediction", Kept, Lost(HINT), Lost(HINT)),
    row("presence_penalty", Kept, Lost(NO_PLACE), Mapped("`options.presence_penalty`")),
    row("prompt_cache_key", Kept, Lost(HINT), Lost(HINT)),
    row("prompt_cache_retention", Kept, Lost(HINT), Lost(HINT)),
    row(
        "reasoning_effort",
        Kept,
        Mapped("`thinking` with `output_config.effort`, or a budget"),
        Mapped("`think`"),
    ),
    row(
        "response_format.json_object",
        Kept,
        Lost("asked for in words, not enforced"),
        Mapped("`format: \"json\"`"),
    ),
    row("response_format.json_schema", Kept, Mapped("`output_config.format`"), Mapped("`format`")),
    row("response_format.json_schema.description", Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row(
        "response_format.other",
        Kept,
        Refused("a form of answer that this wire does not have"),
        Refused("a form of answer that this wire does not have"),
    ),
    row("safety_identifier", Kept, Mapped("`metadata.user_id`, unless `user` is given"), Lost(NO_PLACE)),
    row("seed", Kept, Lost("answers cannot be repeated"), Mapped("`options.seed`")),
    row(
        "service_tier",
        Kept,
        Mapped("`auto`, or `default` as `standard_only`; others are lost"),
        Lost(NO_PLACE),
    ),
    row("stop", Kept, Mapped("`stop_sequences`; blank ones are lost"), Mapped("`options.stop`")),
    row("store", Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)),
    row("stream", Kept, Kept, Kept),
    row(
        "stream_options.include_usage",
        Kept,
        Mapped("usage is always given; the client sees it when it asked"),
        Mapped("usage is always given; the client sees it when it asked"),
    ),
    row(
        "stream_options.include_obfuscation",
        Kept,
        Lost("streams are not padded"),
        Lost("streams are not padded"),
    ),
    row(
        "temperature",
        Kept,
        Mapped("0 to 1; what is above counts as 1, and is named as a loss"),
        Mapped("`options.temperature`"),
    ),
    row(
        "tool_choice",
        Kept,
        Mapped("`auto`, `none`, `any` or `tool`"),
        Lost("the model decides; `none` withholds the tools, a name all others"),
    ),
    row(
        "tool_choice.other",
        Kept,
        Refused("`auto`, `none`, `required` or one function"),
        Refused("`auto`, `none`, `required` or one function"),
    ),
    row("tools", Kept, Mapped("`name`, `description`, `input_schema`"), Kept),
    row("tools.strict", Kept, Kept, Lost("arguments are not held to the schema")),
    row("tools.custom", Kept, Refused("tools that take free text"), Refused("tools that take free text")),
    row("tools.hosted", Kept, Lost("tools that the vendor runs"), Lost("tools that the vendor runs")),
    row("top_k", Lost("kept by vendors that take extensions"), Kept, Mapped("`options.top_k`")),
    row("top_logprobs", Kept, Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)),
    row(
        "top_p",
        Kept,
        Mapped("left out beside a temperature, and named as a loss"),
        Mapped("`options.top_p`"),
    ),
    row("user", Kept, Mapped("`metadata.user_id`"), Lost(NO_PLACE)),
    row("verbosity", Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row("web_search_options", Kept, Refused(NO_SEARCH), Refused(NO_SEARCH)),
];

const fn row(
    member: &'static str,
    chat: super::Disposition,
    messages: super::Disposition,
    ollama: super::Disposition,
) -> TranslationRow {
    TranslationRow { member, chat, messages, ollama }
}
