//! What becomes of each member on `bedrock-converse`, in the order of the other tables: a column by itself, as a wire that no
//! client speaks adds no member.

use super::{
    HINT, LEGACY, NO_BIAS, NO_PLACE, NO_PROBABILITIES, NO_SEARCH, NO_STORAGE, ONE_ANSWER, TEXT_ONLY,
};
use crate::translation::Disposition::{self, Kept, Lost, Mapped, Refused};

const NO_SOUND: &str = "sound cannot be sent";
const USAGE: &str = "usage is always given; the client sees it when it asked";
const SYSTEM: &str = "`system`, wherever it stood";
const HOSTED: &str = "what the vendor runs";
const REPEATED: &str = "answers cannot be repeated";

pub(in crate::translation) static COLUMN: &[(&str, Disposition)] = &[
    // What a conversation's messages say.
    (
        "messages",
        Mapped("turns that follow one another on the same side are one turn; blank texts are left out"),
    ),
    ("messages.role.system", Mapped(SYSTEM)),
    ("messages.role.developer", Mapped(SYSTEM)),
    ("messages.role.tool", Mapped("`toolResult`, first in the user's turn")),
    ("messages.role.function", Refused("a result without a call's id; send role `tool`")),
    ("messages.system_position", Lost("instructions behind the first turn move to the front")),
    (
        "messages.prefill",
        Lost("models that do not go on from a turn of the assistant's are asked to in words"),
    ),
    ("messages.name", Lost(NO_PLACE)),
    ("messages.content.text", Mapped("`text`")),
    ("messages.content.image_url", Mapped("`image`: JPEG, PNG, GIF and WebP inline; a PDF as `document`")),
    ("messages.content.image_url.remote", Refused("images must be inline, as a `data:` URL in base64")),
    ("messages.content.image_url.detail", Lost(NO_PLACE)),
    ("messages.content.input_audio", Refused(NO_SOUND)),
    (
        "messages.content.file",
        Mapped(
            "`document`, inline: PDF, Word, Excel, CSV, HTML, Markdown, plain text; its name in plain characters",
        ),
    ),
    ("messages.content.file.remote", Refused("documents must be inline")),
    ("messages.content.other", Refused("a kind of content that this wire does not have")),
    ("messages.refusal", Mapped("text of the assistant")),
    ("messages.reasoning_content", Lost("only signed thoughts are taken back")),
    (
        "messages.reasoning_details",
        Lost("but for thoughts that this wire signed for the family of models: those are `reasoningContent`"),
    ),
    ("messages.tool_calls", Mapped("`toolUse`; arguments that are no object become `{\"_raw\": …}`")),
    ("messages.tool_calls.extra_content", Lost("calls bear no signature, thoughts do")),
    ("messages.tool_calls.custom", Refused("calls with free text")),
    ("messages.audio", Lost(TEXT_ONLY)),
    ("messages.function_call", Refused("send `tool_calls` instead")),
    ("cache_control", Mapped("`cachePoint`, where the model takes one; else it is lost")),
    ("audio", Refused(TEXT_ONLY)),
    // What a request says beside them.
    ("model", Mapped("in the address")),
    ("frequency_penalty", Lost(NO_PLACE)),
    ("function_call", Refused(LEGACY)),
    ("functions", Refused(LEGACY)),
    ("logit_bias", Refused(NO_BIAS)),
    ("logprobs", Refused(NO_PROBABILITIES)),
    ("max_completion_tokens", Mapped("`inferenceConfig.maxTokens`")),
    ("metadata", Lost(NO_STORAGE)),
    ("modalities", Refused(TEXT_ONLY)),
    ("n", Refused(ONE_ANSWER)),
    ("parallel_tool_calls", Lost("the model decides")),
    ("prediction", Lost(HINT)),
    ("presence_penalty", Lost(NO_PLACE)),
    ("prompt_cache_key", Lost(HINT)),
    ("prompt_cache_retention", Lost(HINT)),
    (
        "reasoning_effort",
        Mapped(
            "`additionalModelRequestFields`, in the words of the model's vendor; the next lower word is named as a loss",
        ),
    ),
    ("response_format.json_object", Lost("asked for in words, not enforced")),
    (
        "response_format.json_schema",
        Mapped(
            "`outputConfig.textFormat`, every object closed; what said that it is open, and limits that are not checked, are lost",
        ),
    ),
    ("response_format.json_schema.description", Lost(NO_PLACE)),
    ("response_format.other", Refused("a form of answer that this wire does not have")),
    ("safety_identifier", Lost(NO_PLACE)),
    ("seed", Lost(REPEATED)),
    ("service_tier", Mapped("`serviceTier`: `default`, `flex` or `priority`; others are lost")),
    ("stop", Mapped("`inferenceConfig.stopSequences`; blank ones are lost")),
    ("store", Lost(NO_STORAGE)),
    ("stream", Mapped("in the address")),
    ("stream_options.include_usage", Mapped(USAGE)),
    ("stream_options.include_obfuscation", Lost("streams are not padded")),
    (
        "temperature",
        Mapped(
            "`inferenceConfig.temperature`, 0 to 1; what is above counts as 1, and is named as a loss, as is any on models that take none",
        ),
    ),
    (
        "tool_choice",
        Mapped(
            "`toolChoice`: `any` or `tool`; `none` withholds the tools; where a model cannot be made to call one, `auto`, named as a loss",
        ),
    ),
    ("tool_choice.other", Refused("`auto`, `none`, `required` or one function")),
    ("tools", Mapped("`toolSpec`; names in plain characters, up to 64, and back")),
    ("tools.strict", Kept),
    ("tools.custom", Refused("tools that take free text")),
    ("tools.hosted", Lost("tools that the vendor runs")),
    ("top_k", Mapped("`additionalModelRequestFields`")),
    ("top_logprobs", Refused(NO_PROBABILITIES)),
    ("top_p", Mapped("`inferenceConfig.topP`; left out beside a temperature, and named as a loss")),
    ("user", Lost(NO_PLACE)),
    ("verbosity", Lost(NO_PLACE)),
    ("web_search_options", Refused(NO_SEARCH)),
    // What only other wires can say.
    ("thinking_budget", Mapped("`additionalModelRequestFields.thinking.budget_tokens`")),
    ("tools.format", Lost("a grammar is told in words, not enforced")),
    ("reasoning", Lost("thoughts are shown as the model gives them")),
    ("tool_namespace", Lost("part of the tool's name, in front")),
    ("tool_result_error_mark", Mapped("`status`, where the model takes it; else it is lost")),
    ("messages.content.citations", Lost(NO_PLACE)),
    ("container", Lost(HOSTED)),
    ("context_management", Lost("the conversation is sent whole")),
    ("inference_geo", Refused("where it runs cannot be chosen")),
    ("mcp_servers", Lost(HOSTED)),
    ("safeguards", Refused("nobody but the client watches over its tools")),
    ("speed", Lost(HINT)),
    ("thinking", Lost("how much of a thought is shown cannot be chosen")),
    ("tools.allowed_callers", Lost(HOSTED)),
    ("tools.defer_loading", Lost("every tool is there from the beginning")),
    ("tools.eager_input_streaming", Lost(HINT)),
    ("tools.input_examples", Lost(NO_PLACE)),
];
