//! The table itself: what chat completions can say in the order of their published schema, then what only other wires
//! can. A test compares it with what the encoders do, member by member.

use super::Disposition::{Kept, Lost, Mapped, Refused};
use super::{ClientNames, Disposition, Dispositions, TranslationRow};

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
const FLAT: &str = "part of the tool's name, in front";

pub const TABLE: &[TranslationRow] = &[
    row("model", chat(&["model"]), Kept, Kept, Kept),
    row(
        "messages",
        chat(&["messages"]),
        Kept,
        Mapped("turns that follow one another on the same side are one turn; blank texts are left out"),
        Kept,
    ),
    row(
        "messages.role.system",
        chat(&["messages.role.system"]),
        Kept,
        Mapped("`system`, wherever it stood"),
        Kept,
    ),
    row(
        "messages.role.developer",
        chat(&["messages.role.developer"]),
        Mapped("`system` where the vendor does not know it"),
        Mapped("`system`, wherever it stood"),
        Mapped("role `system`"),
    ),
    row(
        "messages.role.tool",
        chat(&["messages.role.tool"]),
        Kept,
        Mapped("`tool_result`, first in the user's turn"),
        Mapped("role `tool` with `tool_name`, found by the call's id"),
    ),
    row(
        "messages.role.function",
        chat(&["messages.role.function"]),
        Kept,
        Refused("a result without a call's id; send role `tool`"),
        Refused("a result without a call's id; send role `tool`"),
    ),
    row(
        "messages.system_position",
        chat(&["messages.system_position"]),
        Kept,
        Lost("instructions behind the first turn move to the front"),
        Kept,
    ),
    row(
        "messages.prefill",
        chat(&[]),
        Kept,
        Lost("models that do not go on from a turn of the assistant's are asked to in words"),
        Kept,
    ),
    row("messages.name", chat(&["messages.name"]), Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row(
        "messages.content.text",
        chat(&["messages.content.text"]),
        Kept,
        Kept,
        Mapped("several texts are joined"),
    ),
    row(
        "messages.content.image_url",
        chat(&["messages.content.image_url"]),
        Kept,
        Mapped("`image` with source `base64` or `url`, a PDF as `document`; JPEG, PNG, GIF and WebP inline"),
        Mapped("`images`, inline only"),
    ),
    row(
        "messages.content.image_url.remote",
        chat(&["messages.content.image_url.remote"]),
        Kept,
        Mapped("source `url`"),
        Refused("images must be inline, as a `data:` URL in base64"),
    ),
    row(
        "messages.content.image_url.detail",
        chat(&["messages.content.image_url.detail"]),
        Kept,
        Lost(NO_PLACE),
        Lost(NO_PLACE),
    ),
    row(
        "messages.content.input_audio",
        chat(&["messages.content.input_audio"]),
        Kept,
        Refused(NO_SOUND),
        Refused(NO_SOUND),
    ),
    row(
        "messages.content.file",
        chat(&["messages.content.file"]),
        Kept,
        Mapped("`document`: a PDF inline, or by id; other kinds are refused"),
        Refused("files cannot be sent"),
    ),
    row(
        "messages.content.other",
        chat(&["messages.content.other"]),
        Kept,
        Refused("a kind of content that this wire does not have"),
        Refused("a kind of content that this wire does not have"),
    ),
    row(
        "messages.refusal",
        chat(&["messages.refusal", "messages.content.refusal"]),
        Kept,
        Mapped("text of the assistant"),
        Mapped("text of the assistant"),
    ),
    row(
        "messages.reasoning_content",
        chat(&["messages.reasoning_content"]),
        Lost("kept by vendors that take extensions"),
        Lost("only signed thoughts are taken back"),
        Mapped("`thinking`"),
    ),
    row(
        "messages.reasoning_details",
        chat(&["messages.reasoning_details"]),
        Lost("kept by vendors that take extensions"),
        Mapped(
            "`thinking` and `redacted_thinking`, on the wire and for the family of models that signed them",
        ),
        Mapped("`thinking`, without its signature"),
    ),
    row(
        "messages.tool_calls",
        chat(&["messages.tool_calls"]),
        Kept,
        Mapped("`tool_use`; arguments that are no object become `{\"_raw\": …}`"),
        Mapped("arguments as an object; those that are none become `{\"_raw\": …}`"),
    ),
    row(
        "messages.tool_calls.extra_content",
        chat(&["messages.tool_calls.extra_content"]),
        Kept,
        Lost("calls bear no signature, thoughts do"),
        Lost("calls bear no signature"),
    ),
    row(
        "messages.tool_calls.custom",
        chat(&["messages.tool_calls.custom"]),
        Kept,
        Refused("calls with free text"),
        Refused("calls with free text"),
    ),
    row("messages.audio", chat(&["messages.audio"]), Kept, Lost(TEXT_ONLY), Lost(TEXT_ONLY)),
    row(
        "messages.function_call",
        chat(&["messages.function_call"]),
        Kept,
        Refused("send `tool_calls` instead"),
        Refused("send `tool_calls` instead"),
    ),
    row(
        "cache_control",
        chat(&["cache_control"]),
        Lost("kept by vendors that take extensions"),
        Kept,
        Lost("prompts are cached without being told"),
    ),
    row("audio", chat(&["audio"]), Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY)),
    row(
        "frequency_penalty",
        chat(&["frequency_penalty"]),
        Kept,
        Lost(NO_PLACE),
        Mapped("`options.frequency_penalty`"),
    ),
    row("function_call", chat(&["function_call"]), Kept, Refused(LEGACY), Refused(LEGACY)),
    row("functions", chat(&["functions"]), Kept, Refused(LEGACY), Refused(LEGACY)),
    row("logit_bias", chat(&["logit_bias"]), Kept, Refused(NO_BIAS), Refused(NO_BIAS)),
    row("logprobs", chat(&["logprobs"]), Kept, Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)),
    row(
        "max_completion_tokens",
        chat(&["max_completion_tokens", "max_tokens"]),
        Mapped("`max_completion_tokens`, or `max_tokens` where the vendor knows only this one"),
        Mapped("`max_tokens`; without it the provider's default"),
        Mapped("`options.num_predict`"),
    ),
    row("metadata", chat(&["metadata"]), Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)),
    row("modalities", chat(&["modalities"]), Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY)),
    row("n", chat(&["n"]), Kept, Refused(ONE_ANSWER), Refused(ONE_ANSWER)),
    row(
        "parallel_tool_calls",
        chat(&["parallel_tool_calls"]),
        Kept,
        Mapped("`tool_choice.disable_parallel_tool_use`"),
        Lost("the model decides"),
    ),
    row("prediction", chat(&["prediction"]), Kept, Lost(HINT), Lost(HINT)),
    row(
        "presence_penalty",
        chat(&["presence_penalty"]),
        Kept,
        Lost(NO_PLACE),
        Mapped("`options.presence_penalty`"),
    ),
    row("prompt_cache_key", chat(&["prompt_cache_key"]), Kept, Lost(HINT), Lost(HINT)),
    row("prompt_cache_retention", chat(&["prompt_cache_retention"]), Kept, Lost(HINT), Lost(HINT)),
    row(
        "reasoning_effort",
        chat(&["reasoning_effort"]),
        Kept,
        Mapped(
            "`thinking` with `output_config.effort`, or a budget, as the model can; the next lower word is named as a loss",
        ),
        Mapped("`think`"),
    ),
    row(
        "response_format.json_object",
        chat(&["response_format.json_object"]),
        Kept,
        Lost("asked for in words, not enforced"),
        Mapped("`format: \"json\"`"),
    ),
    row(
        "response_format.json_schema",
        chat(&["response_format.json_schema"]),
        Kept,
        Mapped(
            "`output_config.format`, every object closed; what said that it is open, and limits that are not checked, are lost",
        ),
        Mapped("`format`"),
    ),
    row(
        "response_format.json_schema.description",
        chat(&["response_format.json_schema.description"]),
        Kept,
        Lost(NO_PLACE),
        Lost(NO_PLACE),
    ),
    row(
        "response_format.other",
        chat(&["response_format.other"]),
        Kept,
        Refused("a form of answer that this wire does not have"),
        Refused("a form of answer that this wire does not have"),
    ),
    row(
        "safety_identifier",
        chat(&["safety_identifier"]),
        Kept,
        Mapped("`metadata.user_id`, unless `user` is given"),
        Lost(NO_PLACE),
    ),
    row("seed", chat(&["seed"]), Kept, Lost("answers cannot be repeated"), Mapped("`options.seed`")),
    row(
        "service_tier",
        chat(&["service_tier"]),
        Kept,
        Mapped("`auto`, or `default` as `standard_only`; others are lost"),
        Lost(NO_PLACE),
    ),
    row(
        "stop",
        chat(&["stop"]),
        Kept,
        Mapped("`stop_sequences`; blank ones are lost"),
        Mapped("`options.stop`; empty ones are lost"),
    ),
    row("store", chat(&["store"]), Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)),
    row("stream", chat(&["stream"]), Kept, Kept, Kept),
    row(
        "stream_options.include_usage",
        chat(&["stream_options.include_usage"]),
        Kept,
        Mapped("usage is always given; the client sees it when it asked"),
        Mapped("usage is always given; the client sees it when it asked"),
    ),
    row(
        "stream_options.include_obfuscation",
        chat(&["stream_options.include_obfuscation"]),
        Kept,
        Lost("streams are not padded"),
        Lost("streams are not padded"),
    ),
    row(
        "temperature",
        chat(&["temperature"]),
        Kept,
        Mapped(
            "0 to 1; what is above counts as 1, and is named as a loss, as is any on models that take none",
        ),
        Mapped("`options.temperature`"),
    ),
    row(
        "tool_choice",
        chat(&["tool_choice"]),
        Kept,
        Mapped(
            "`auto`, `none`, `any` or `tool`; where a model cannot be made to call one, `auto`, named as a loss",
        ),
        Lost("the model decides; `none` withholds the tools, a name all others"),
    ),
    row(
        "tool_choice.other",
        chat(&["tool_choice.other"]),
        Kept,
        Refused("`auto`, `none`, `required` or one function"),
        Refused("`auto`, `none`, `required` or one function"),
    ),
    row("tools", chat(&["tools"]), Kept, Mapped("`name`, `description`, `input_schema`"), Kept),
    row("tools.strict", chat(&["tools.strict"]), Kept, Kept, Lost("arguments are not held to the schema")),
    row(
        "tools.custom",
        chat(&["tools.custom"]),
        Kept,
        Refused("tools that take free text"),
        Refused("tools that take free text"),
    ),
    row(
        "tools.hosted",
        chat(&["tools.hosted"]),
        Kept,
        Lost("tools that the vendor runs"),
        Lost("tools that the vendor runs"),
    ),
    row(
        "top_k",
        chat(&["top_k"]),
        Lost("kept by vendors that take extensions"),
        Kept,
        Mapped("`options.top_k`"),
    ),
    row("top_logprobs", chat(&["top_logprobs"]), Kept, Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)),
    row(
        "top_p",
        chat(&["top_p"]),
        Kept,
        Mapped("left out beside a temperature, and named as a loss"),
        Mapped("`options.top_p`"),
    ),
    row(
        "user",
        chat(&["user"]),
        Kept,
        Mapped("`metadata.user_id`; an address or a name becomes an id that says nothing"),
        Lost(NO_PLACE),
    ),
    row("verbosity", chat(&["verbosity"]), Kept, Lost(NO_PLACE), Lost(NO_PLACE)),
    row("web_search_options", chat(&["web_search_options"]), Kept, Refused(NO_SEARCH), Refused(NO_SEARCH)),
    row(
        "thinking_budget",
        chat(&[]),
        Lost("say `reasoning_effort` instead"),
        Mapped("`thinking.budget_tokens`"),
        Mapped("`think`"),
    ),
    row("tool_namespace", chat(&[]), Lost(FLAT), Lost(FLAT), Lost(FLAT)),
    row("tool_result_error_mark", chat(&[]), Lost(NO_PLACE), Mapped("`is_error`"), Lost(NO_PLACE)),
];

/// What one client's wire calls the member, and what becomes of it on `openai-chat`, `anthropic-messages` and
/// `ollama-chat`.
const fn row(
    member: &'static str,
    clients: ClientNames,
    openai_chat: Disposition,
    anthropic_messages: Disposition,
    ollama_chat: Disposition,
) -> TranslationRow {
    let upstreams = Dispositions { openai_chat, anthropic_messages, ollama_chat };
    TranslationRow { member, clients, upstreams }
}

/// The names that clients of chat completions have.
const fn chat(openai_chat: &'static [&'static str]) -> ClientNames {
    ClientNames { openai_chat }
}
