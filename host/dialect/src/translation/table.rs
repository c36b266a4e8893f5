//! The table itself: what chat completions can say in the order of their published schema, then what only [other
//! wires](other_wires) can. A test compares it with what the encoders do, member by member.

mod bedrock_converse;
mod gemini_generate;
mod messages;
mod other_wires;

use super::Disposition::{Kept, Lost, Mapped, Refused};
use super::{ClientNames, Disposition, Dispositions, TranslationRow};
pub(super) use bedrock_converse::COLUMN as BEDROCK_CONVERSE;
pub(super) use gemini_generate::GEMINI_GENERATE;
use messages::MESSAGES;
use other_wires::OTHERS;

const ONE_ANSWER: &str = "one answer per request";
const NO_PROBABILITIES: &str = "no log probabilities are given";
const NO_BIAS: &str = "tokens cannot be weighted";
const TEXT_ONLY: &str = "answers are text";
const NO_SEARCH: &str = "the web is not searched";
const LEGACY: &str = "send `tools` instead";
const NO_STORAGE: &str = "nothing is stored";
const HINT: &str = "a hint for speed or price, without effect on the answer";
const NO_PLACE: &str = "no place for it";

/// What a request says beside its messages, in the order of the published schema of chat completions.
static SETTINGS: [TranslationRow; 41] = [
    row("model", [&["model"], &["model"], &["model"]], [Kept, Kept, Kept, Kept]),
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
];

/// Every row, in the order of the page.
pub fn rows() -> impl Iterator<Item = &'static TranslationRow> {
    MESSAGES.iter().chain(&SETTINGS).chain(&OTHERS)
}

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
