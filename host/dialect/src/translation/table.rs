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
const HOSTED: &str = "what the vendor runs";
const WHOLE: &str = "the conversation is sent whole";
const NO_REGION: &str = "where it runs cannot be chosen";
const NO_SAFEGUARDS: &str = "nobody but the client watches over its tools";
const SHOWN: &str = "how much of a thought is shown cannot be chosen";
const ALL_TOOLS: &str = "every tool is there from the beginning";
const IN_WORDS: &str = "a grammar is told in words, not enforced";
const ALL: &str = "thoughts are shown as the model gives them";

pub const TABLE: &[TranslationRow] = &[
    row("model", [&["model"], &["model"], &["model"]], [Kept, Kept, Kept, Kept]),
    row(
        "messages",
        [&["messages"], &["input"], &["messages"]],
        [
            Kept,
            Kept,
            Mapped("turns that follow one another on the same side are one turn; blank texts are left out"),
            Kept,
        ],
    ),
    row(
        "messages.role.system",
        [
            &["messages.role.system"],
            &["instructions", "input.role.system"],
            &["system", "messages.role.system"],
        ],
        [
            Kept,
            Mapped("`instructions` at the beginning, role `developer` behind it"),
            Mapped("`system`, wherever it stood"),
            Kept,
        ],
    ),
    row(
        "messages.role.developer",
        [&["messages.role.developer"], &["input.role.developer"], &[]],
        [
            Mapped("`system` where the vendor does not know it"),
            Mapped("`instructions` at the beginning"),
            Mapped("`system`, wherever it stood"),
            Mapped("role `system`"),
        ],
    ),
    row(
        "messages.role.tool",
        [
            &["messages.role.tool"],
            &["input.function_call_output", "input.custom_tool_call_output"],
            &["messages.content.tool_result"],
        ],
        [
            Kept,
            Mapped("`function_call_output`, or `custom_tool_call_output`"),
            Mapped("`tool_result`, first in the user's turn"),
            Mapped("role `tool` with `tool_name`, found by the call's id"),
        ],
    ),
    row(
        "messages.role.function",
        [&["messages.role.function"], &[], &[]],
        [
            Kept,
            Refused("a result without a call's id; send role `tool`"),
            Refused("a result without a call's id; send role `tool`"),
            Refused("a result without a call's id; send role `tool`"),
        ],
    ),
    row(
        "messages.system_position",
        [&["messages.system_position"], &[], &[]],
        [Kept, Kept, Lost("instructions behind the first turn move to the front"), Kept],
    ),
    row(
        "messages.prefill",
        [&[], &[], &[]],
        [
            Kept,
            Kept,
            Lost("models that do not go on from a turn of the assistant's are asked to in words"),
            Kept,
        ],
    ),
    row(
        "messages.name",
        [&["messages.name"], &[], &[]],
        [Kept, Lost(NO_PLACE), Lost(NO_PLACE), Lost(NO_PLACE)],
    ),
    row(
        "messages.content.text",
        [
            &["messages.content.text"],
            &["input.content.input_text", "input.content.output_text"],
            &["messages.content.text"],
        ],
        [Kept, Mapped("`input_text`, `output_text`"), Kept, Mapped("several texts are joined")],
    ),
    row(
        "messages.content.image_url",
        [&["messages.content.image_url"], &["input.content.input_image"], &["messages.content.image"]],
        [
            Kept,
            Mapped("`input_image`"),
            Mapped(
                "`image` with source `base64` or `url`, a PDF as `document`; JPEG, PNG, GIF and WebP inline",
            ),
            Mapped("`images`, inline only"),
        ],
    ),
    row(
        "messages.content.image_url.remote",
        [
            &["messages.content.image_url.remote"],
            &["input.content.input_image.remote"],
            &["messages.content.image.remote"],
        ],
        [Kept, Kept, Mapped("source `url`"), Refused("images must be inline, as a `data:` URL in base64")],
    ),
    row(
        "messages.content.image_url.detail",
        [&["messages.content.image_url.detail"], &["input.content.input_image.detail"], &[]],
        [Kept, Kept, Lost(NO_PLACE), Lost(NO_PLACE)],
    ),
    row(
        "messages.content.input_audio",
        [&["messages.content.input_audio"], &["input.content.input_audio"], &[]],
        [Kept, Refused(NO_SOUND), Refused(NO_SOUND), Refused(NO_SOUND)],
    ),
    row(
        "messages.content.file",
        [&["messages.content.file"], &["input.content.input_file"], &["messages.content.document"]],
        [
            Kept,
            Mapped("`input_file`: inline, by id or by URL"),
            Mapped("`document`: a PDF inline, or by id; other kinds are refused"),
            Refused("files cannot be sent"),
        ],
    ),
    row(
        "messages.content.file.remote",
        [&[], &["input.content.input_file.remote"], &["messages.content.document.remote"]],
        [
            Refused("documents must be inline; vendors that take extensions get the address"),
            Mapped("`file_url`"),
            Mapped("source `url`"),
            Refused("files cannot be sent"),
        ],
    ),
    row(
        "messages.content.other",
        [&["messages.content.other"], &[], &["messages.content.other"]],
        [
            Kept,
            Refused("a kind of content that this wire does not have"),
            Refused("a kind of content that this wire does not have"),
            Refused("a kind of content that this wire does not have"),
        ],
    ),
    row(
        "messages.refusal",
        [&["messages.refusal", "messages.content.refusal"], &["input.content.refusal"], &[]],
        [Kept, Kept, Mapped("text of the assistant"), Mapped("text of the assistant")],
    ),
    row(
        "messages.reasoning_content",
        [&["messages.reasoning_content"], &["input.reasoning.summary"], &["messages.content.thinking"]],
        [
            Lost("kept by vendors that take extensions"),
            Lost("only encrypted thoughts are taken back"),
            Lost("only signed thoughts are taken back"),
            Mapped("`thinking`"),
        ],
    ),
    row(
        "messages.reasoning_details",
        [
            &["messages.reasoning_details"],
            &["input.reasoning.encrypted_content"],
            &["messages.content.thinking.signature", "messages.content.redacted_thinking"],
        ],
        [
            Lost("kept by vendors that take extensions"),
            Lost("but for thoughts that this wire encrypted for the family of models: those are `reasoning`"),
            Mapped(
                "`thinking` and `redacted_thinking`, on the wire and for the family of models that signed them",
            ),
            Mapped("`thinking`, without its signature"),
        ],
    ),
    row(
        "messages.tool_calls",
        [
            &["messages.tool_calls"],
            &["input.function_call", "input.custom_tool_call"],
            &["messages.content.tool_use"],
        ],
        [
            Kept,
            Mapped("`function_call`; its id as `call_id`"),
            Mapped("`tool_use`; arguments that are no object become `{\"_raw\": …}`"),
            Mapped("arguments as an object; those that are none become `{\"_raw\": …}`"),
        ],
    ),
    row(
        "messages.tool_calls.extra_content",
        [&["messages.tool_calls.extra_content"], &[], &[]],
        [
            Kept,
            Lost("calls bear no signature, thoughts do"),
            Lost("calls bear no signature, thoughts do"),
            Lost("calls bear no signature"),
        ],
    ),
    row(
        "messages.tool_calls.custom",
        [&["messages.tool_calls.custom"], &[], &[]],
        [
            Kept,
            Mapped("`custom_tool_call`"),
            Refused("calls with free text"),
            Refused("calls with free text"),
        ],
    ),
    row(
        "messages.audio",
        [&["messages.audio"], &[], &[]],
        [Kept, Lost(TEXT_ONLY), Lost(TEXT_ONLY), Lost(TEXT_ONLY)],
    ),
    row(
        "messages.function_call",
        [&["messages.function_call"], &[], &[]],
        [
            Kept,
            Refused("send `tool_calls` instead"),
            Refused("send `tool_calls` instead"),
            Refused("send `tool_calls` instead"),
        ],
    ),
    row(
        "cache_control",
        [
            &["cache_control"],
            &[],
            &["cache_control", "messages.content.cache_control", "tools.cache_control"],
        ],
        [
            Lost("kept by vendors that take extensions"),
            Lost("prompts are cached without being told"),
            Kept,
            Lost("prompts are cached without being told"),
        ],
    ),
    row("audio", [&["audio"], &[], &[]], [Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY), Refused(TEXT_ONLY)]),
    row(
        "frequency_penalty",
        [&["frequency_penalty"], &[], &[]],
        [Kept, Lost(NO_PLACE), Lost(NO_PLACE), Mapped("`options.frequency_penalty`")],
    ),
    row(
        "function_call",
        [&["function_call"], &[], &[]],
        [Kept, Refused(LEGACY), Refused(LEGACY), Refused(LEGACY)],
    ),
    row("functions", [&["functions"], &[], &[]], [Kept, Refused(LEGACY), Refused(LEGACY), Refused(LEGACY)]),
    row(
        "logit_bias",
        [&["logit_bias"], &[], &[]],
        [Kept, Refused(NO_BIAS), Refused(NO_BIAS), Refused(NO_BIAS)],
    ),
    row(
        "logprobs",
        [&["logprobs"], &[], &[]],
        [Kept, Mapped("`include`"), Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)],
    ),
    row(
        "max_completion_tokens",
        [&["max_completion_tokens", "max_tokens"], &["max_output_tokens"], &["max_tokens"]],
        [
            Mapped("`max_completion_tokens`, or `max_tokens` where the vendor knows only this one"),
            Mapped("`max_output_tokens`; less than 16 counts as 16, and is named as a loss"),
            Mapped("`max_tokens`; without it the provider's default"),
            Mapped("`options.num_predict`"),
        ],
    ),
    row(
        "metadata",
        [&["metadata"], &["metadata"], &["metadata"]],
        [Kept, Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)],
    ),
    row(
        "modalities",
        [&["modalities"], &[], &[]],
        [Kept, Refused(TEXT_ONLY), Refused(TEXT_ONLY), Refused(TEXT_ONLY)],
    ),
    row("n", [&["n"], &[], &[]], [Kept, Refused(ONE_ANSWER), Refused(ONE_ANSWER), Refused(ONE_ANSWER)]),
    row(
        "parallel_tool_calls",
        [&["parallel_tool_calls"], &["parallel_tool_calls"], &["tool_choice.disable_parallel_tool_use"]],
        [Kept, Kept, Mapped("`tool_choice.disable_parallel_tool_use`"), Lost("the model decides")],
    ),
    row("prediction", [&["prediction"], &[], &[]], [Kept, Lost(HINT), Lost(HINT), Lost(HINT)]),
    row(
        "presence_penalty",
        [&["presence_penalty"], &[], &[]],
        [Kept, Lost(NO_PLACE), Lost(NO_PLACE), Mapped("`options.presence_penalty`")],
    ),
    row(
        "prompt_cache_key",
        [&["prompt_cache_key"], &["prompt_cache_key"], &[]],
        [Kept, Kept, Lost(HINT), Lost(HINT)],
    ),
    row(
        "prompt_cache_retention",
        [&["prompt_cache_retention"], &["prompt_cache_retention"], &[]],
        [Kept, Kept, Lost(HINT), Lost(HINT)],
    ),
    row(
        "reasoning_effort",
        [&["reasoning_effort"], &["reasoning.effort"], &["output_config.effort", "thinking.type.adaptive"]],
        [
            Kept,
            Mapped(
                "`reasoning.effort`, with `reasoning.summary` for thoughts in words; `max` counts as `xhigh`, and is named as a loss",
            ),
            Mapped(
                "`thinking` with `output_config.effort`, or a budget, as the model can; the next lower word is named as a loss",
            ),
            Mapped("`think`"),
        ],
    ),
    row(
        "response_format.json_object",
        [&["response_format.json_object"], &["text.format.json_object"], &[]],
        [
            Kept,
            Mapped("`text.format`"),
            Lost("asked for in words, not enforced"),
            Mapped("`format: \"json\"`"),
        ],
    ),
    row(
        "response_format.json_schema",
        [
            &["response_format.json_schema"],
            &["text.format.json_schema"],
            &["output_config.format", "output_format"],
        ],
        [
            Kept,
            Mapped("`text.format`"),
            Mapped(
                "`output_config.format`, every object closed; what said that it is open, and limits that are not checked, are lost",
            ),
            Mapped("`format`"),
        ],
    ),
    row(
        "response_format.json_schema.description",
        [&["response_format.json_schema.description"], &["text.format.json_schema.description"], &[]],
        [Kept, Kept, Lost(NO_PLACE), Lost(NO_PLACE)],
    ),
    row(
        "response_format.other",
        [&["response_format.other"], &[], &["output_config.format.other"]],
        [
            Kept,
            Refused("a form of answer that this wire does not have"),
            Refused("a form of answer that this wire does not have"),
            Refused("a form of answer that this wire does not have"),
        ],
    ),
    row(
        "safety_identifier",
        [&["safety_identifier"], &["safety_identifier"], &[]],
        [Kept, Kept, Mapped("`metadata.user_id`, unless `user` is given"), Lost(NO_PLACE)],
    ),
    row(
        "seed",
        [&["seed"], &[], &[]],
        [
            Kept,
            Lost("answers cannot be repeated"),
            Lost("answers cannot be repeated"),
            Mapped("`options.seed`"),
        ],
    ),
    row(
        "service_tier",
        [&["service_tier"], &["service_tier"], &["service_tier"]],
        [Kept, Kept, Mapped("`auto`, or `default` as `standard_only`; others are lost"), Lost(NO_PLACE)],
    ),
    row(
        "stop",
        [&["stop"], &[], &["stop_sequences"]],
        [
            Kept,
            Lost(NO_PLACE),
            Mapped("`stop_sequences`; blank ones are lost"),
            Mapped("`options.stop`; empty ones are lost"),
        ],
    ),
    row("store", [&["store"], &[], &[]], [Kept, Kept, Lost(NO_STORAGE), Lost(NO_STORAGE)]),
    row("stream", [&["stream"], &["stream"], &["stream"]], [Kept, Kept, Kept, Kept]),
    row(
        "stream_options.include_usage",
        [&["stream_options.include_usage"], &[], &[]],
        [
            Kept,
            Mapped("usage is always given; the client sees it when it asked"),
            Mapped("usage is always given; the client sees it when it asked"),
            Mapped("usage is always given; the client sees it when it asked"),
        ],
    ),
    row(
        "stream_options.include_obfuscation",
        [&["stream_options.include_obfuscation"], &["stream_options.include_obfuscation"], &[]],
        [Kept, Kept, Lost("streams are not padded"), Lost("streams are not padded")],
    ),
    row(
        "temperature",
        [&["temperature"], &["temperature"], &["temperature"]],
        [
            Kept,
            Kept,
            Mapped(
                "0 to 1; what is above counts as 1, and is named as a loss, as is any on models that take none",
            ),
            Mapped("`options.temperature`"),
        ],
    ),
    row(
        "tool_choice",
        [&["tool_choice"], &["tool_choice"], &["tool_choice"]],
        [
            Kept,
            Mapped("`auto`, `none`, `required` or one function"),
            Mapped(
                "`auto`, `none`, `any` or `tool`; where a model cannot be made to call one, `auto`, named as a loss",
            ),
            Lost("the model decides; `none` withholds the tools, a name all others"),
        ],
    ),
    row(
        "tool_choice.other",
        [&["tool_choice.other"], &[], &["tool_choice.other"]],
        [
            Kept,
            Mapped("what stands inside of `allowed_tools` or `custom`, beside the type"),
            Refused("`auto`, `none`, `required` or one function"),
            Refused("`auto`, `none`, `required` or one function"),
        ],
    ),
    row(
        "tools",
        [&["tools"], &["tools.function", "tools.custom"], &["tools"]],
        [
            Kept,
            Mapped("without `function` around it; `strict` is false unless said"),
            Mapped("`name`, `description`, `input_schema`"),
            Kept,
        ],
    ),
    row(
        "tools.strict",
        [&["tools.strict"], &["tools.strict"], &["tools.strict"]],
        [Kept, Kept, Kept, Lost("arguments are not held to the schema")],
    ),
    row(
        "tools.custom",
        [&["tools.custom"], &[], &[]],
        [
            Kept,
            Mapped("without `custom` around it"),
            Refused("tools that take free text"),
            Refused("tools that take free text"),
        ],
    ),
    row(
        "tools.hosted",
        [&["tools.hosted"], &[], &["tools.hosted"]],
        [Kept, Kept, Lost("tools that the vendor runs"), Lost("tools that the vendor runs")],
    ),
    row(
        "top_k",
        [&["top_k"], &[], &["top_k"]],
        [Lost("kept by vendors that take extensions"), Lost(NO_PLACE), Kept, Mapped("`options.top_k`")],
    ),
    row(
        "top_logprobs",
        [&["top_logprobs"], &["top_logprobs"], &[]],
        [Kept, Kept, Refused(NO_PROBABILITIES), Refused(NO_PROBABILITIES)],
    ),
    row(
        "top_p",
        [&["top_p"], &["top_p"], &["top_p"]],
        [Kept, Kept, Mapped("left out beside a temperature, and named as a loss"), Mapped("`options.top_p`")],
    ),
    row(
        "user",
        [&["user"], &["user"], &["metadata.user_id"]],
        [
            Kept,
            Kept,
            Mapped("`metadata.user_id`; an address or a name becomes an id that says nothing"),
            Lost(NO_PLACE),
        ],
    ),
    row(
        "verbosity",
        [&["verbosity"], &["text.verbosity"], &[]],
        [Kept, Mapped("`text.verbosity`"), Lost(NO_PLACE), Lost(NO_PLACE)],
    ),
    row(
        "web_search_options",
        [&["web_search_options"], &[], &[]],
        [Kept, Refused("send the tool `web_search` instead"), Refused(NO_SEARCH), Refused(NO_SEARCH)],
    ),
    row(
        "thinking_budget",
        [&[], &[], &["thinking.budget_tokens"]],
        [
            Lost("say `reasoning_effort` instead"),
            Lost("say `reasoning_effort` instead"),
            Mapped("`thinking.budget_tokens`"),
            Mapped("`think`"),
        ],
    ),
    row(
        "tools.format",
        [&[], &["tools.custom.format"], &[]],
        [Lost(IN_WORDS), Kept, Lost(IN_WORDS), Lost(IN_WORDS)],
    ),
    row("reasoning", [&[], &["reasoning.summary"], &[]], [Lost(ALL), Kept, Lost(ALL), Lost(ALL)]),
    row("tool_namespace", [&[], &["tools.namespace"], &[]], [Lost(FLAT), Lost(FLAT), Lost(FLAT), Lost(FLAT)]),
    row(
        "tool_result_error_mark",
        [&[], &[], &["messages.content.tool_result.is_error"]],
        [Lost(NO_PLACE), Lost(NO_PLACE), Mapped("`is_error`"), Lost(NO_PLACE)],
    ),
    row(
        "messages.content.citations",
        [&[], &[], &["messages.content.citations"]],
        [Lost(NO_PLACE), Lost(NO_PLACE), Kept, Lost(NO_PLACE)],
    ),
    row("container", [&[], &[], &["container"]], [Lost(HOSTED), Lost(HOSTED), Kept, Lost(HOSTED)]),
    row(
        "context_management",
        [&[], &[], &["context_management"]],
        [Lost(WHOLE), Lost(WHOLE), Kept, Lost(WHOLE)],
    ),
    row(
        "inference_geo",
        [&[], &[], &["inference_geo"]],
        [Refused(NO_REGION), Refused(NO_REGION), Kept, Refused(NO_REGION)],
    ),
    row("mcp_servers", [&[], &[], &["mcp_servers"]], [Lost(HOSTED), Lost(HOSTED), Kept, Lost(HOSTED)]),
    row(
        "safeguards",
        [&[], &[], &["safeguards"]],
        [Refused(NO_SAFEGUARDS), Refused(NO_SAFEGUARDS), Kept, Refused(NO_SAFEGUARDS)],
    ),
    row("speed", [&[], &[], &["speed"]], [Lost(HINT), Lost(HINT), Kept, Lost(HINT)]),
    row("thinking", [&[], &[], &["thinking"]], [Lost(SHOWN), Lost(SHOWN), Lost(SHOWN), Lost(SHOWN)]),
    row(
        "tools.allowed_callers",
        [&[], &[], &["tools.allowed_callers"]],
        [Lost(HOSTED), Lost(HOSTED), Kept, Lost(HOSTED)],
    ),
    row(
        "tools.defer_loading",
        [&[], &[], &["tools.defer_loading"]],
        [Lost(ALL_TOOLS), Lost(ALL_TOOLS), Kept, Lost(ALL_TOOLS)],
    ),
    row(
        "tools.eager_input_streaming",
        [&[], &[], &["tools.eager_input_streaming"]],
        [Lost(HINT), Lost(HINT), Kept, Lost(HINT)],
    ),
    row(
        "tools.input_examples",
        [&[], &[], &["tools.input_examples"]],
        [Lost(NO_PLACE), Lost(NO_PLACE), Kept, Lost(NO_PLACE)],
    ),
];

/// What clients of `openai-chat`, `openai-responses` and `anthropic-messages` call the member, and what becomes of it on
/// `openai-chat`, `openai-responses`, `anthropic-messages` and `ollama-chat`.
const fn row(
    member: &'static str,
    clients: [&'static [&'static str]; 3],
    upstreams: [Disposition; 4],
) -> TranslationRow {
    let [openai_chat, openai_responses, anthropic_messages] = clients;
    let clients = ClientNames { openai_chat, openai_responses, anthropic_messages };
    let [openai_chat, openai_responses, anthropic_messages, ollama_chat] = upstreams;
    let upstreams = Dispositions { openai_chat, openai_responses, anthropic_messages, ollama_chat };
    TranslationRow { member, clients, upstreams }
}
