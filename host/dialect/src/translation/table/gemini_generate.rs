//! The column of `gemini-generate`, which no client speaks: a row for each member of the [table](super). A test holds that there
//! is one for each, and that it is what the encoder does.

use super::{HINT, LEGACY, NO_BIAS, NO_PLACE, NO_PROBABILITIES, NO_SEARCH, NO_STORAGE, TEXT_ONLY};
use crate::translation::Disposition::{self, Lost, Mapped, Refused};

const FREE_TEXT: &str = "calls with free text";
const NO_FORM: &str = "a form of answer that this wire does not have";
const NO_KIND: &str = "a kind of content that this wire does not have";
const HOSTED: &str = "what the vendor runs";
const IN_PARTS: &str = "`systemInstruction`, wherever it stood";

pub(in crate::translation) static GEMINI_GENERATE: [(&str, Disposition); 84] = [
    (
        "messages",
        Mapped(
            "`contents`; turns that follow one another on the same side are one; empty texts are left out",
        ),
    ),
    ("messages.role.system", Mapped(IN_PARTS)),
    ("messages.role.developer", Mapped(IN_PARTS)),
    (
        "messages.role.tool",
        Mapped("`functionResponse`, first in the user's turn, with the tool's name, found by the call's id"),
    ),
    ("messages.role.function", Refused("a result without a call's id; send role `tool`")),
    ("messages.system_position", Lost("instructions behind the first turn move to the front")),
    (
        "messages.prefill",
        Lost("models do not go on from a turn of the assistant's; they are asked to in words"),
    ),
    ("messages.name", Lost(NO_PLACE)),
    ("messages.content.text", Mapped("`text`")),
    ("messages.content.image_url", Mapped("`inlineData`")),
    ("messages.content.image_url.remote", Mapped("`fileData`, which the vendor fetches")),
    ("messages.content.image_url.detail", Lost(NO_PLACE)),
    ("messages.content.input_audio", Mapped("`inlineData`")),
    ("messages.content.file", Mapped("`inlineData`; an id that another vendor gave is refused")),
    ("messages.content.file.remote", Mapped("`fileData`, which the vendor fetches")),
    ("messages.content.other", Refused(NO_KIND)),
    ("messages.refusal", Mapped("text of the model")),
    ("messages.reasoning_content", Lost("only signed thoughts are taken back")),
    (
        "messages.reasoning_details",
        Lost(
            "but for thoughts that this wire signed for the family of models: those are parts again, and signatures of texts stand on them",
        ),
    ),
    ("messages.tool_calls", Mapped("`functionCall`; arguments that are no object become `{\"_raw\": …}`")),
    (
        "messages.tool_calls.extra_content",
        Mapped(
            "`thoughtSignature`, where the vendor signed; what others signed is lost, and the vendor's word for a call that was not signed goes in its place",
        ),
    ),
    ("messages.tool_calls.custom", Refused(FREE_TEXT)),
    ("messages.audio", Lost(TEXT_ONLY)),
    ("messages.function_call", Refused("send `tool_calls` instead")),
    ("cache_control", Lost("prompts are cached without being told")),
    ("audio", Refused(TEXT_ONLY)),
    ("model", Mapped("in the address")),
    ("frequency_penalty", Mapped("`frequencyPenalty`; lost on models that take none")),
    ("function_call", Refused(LEGACY)),
    ("functions", Refused(LEGACY)),
    ("logit_bias", Refused(NO_BIAS)),
    ("logprobs", Refused(NO_PROBABILITIES)),
    ("max_completion_tokens", Mapped("`maxOutputTokens`")),
    ("metadata", Lost(NO_STORAGE)),
    ("modalities", Refused(TEXT_ONLY)),
    ("n", Mapped("`candidateCount`; refused on models that give one answer")),
    ("parallel_tool_calls", Lost("the model decides")),
    ("prediction", Lost(HINT)),
    ("presence_penalty", Mapped("`presencePenalty`; lost on models that take none")),
    ("prompt_cache_key", Lost(HINT)),
    ("prompt_cache_retention", Lost(HINT)),
    (
        "reasoning_effort",
        Mapped(
            "`thinkingLevel`, or `thinkingBudget`, as the model can; the next lower word, and what was cut, is named as a loss",
        ),
    ),
    ("response_format.json_object", Mapped("`responseMimeType`")),
    (
        "response_format.json_schema",
        Mapped("`responseJsonSchema`; refused beside tools on models that do not take both"),
    ),
    ("response_format.json_schema.description", Lost(NO_PLACE)),
    ("response_format.other", Refused(NO_FORM)),
    ("safety_identifier", Lost(NO_PLACE)),
    ("seed", Mapped("`seed`")),
    ("service_tier", Lost(NO_PLACE)),
    ("stop", Mapped("`stopSequences`; empty ones, and those behind the fifth, are lost")),
    ("store", Lost(NO_STORAGE)),
    ("stream", Mapped("in the address")),
    ("stream_options.include_usage", Mapped("usage is always given; the client sees it when it asked")),
    ("stream_options.include_obfuscation", Lost("streams are not padded")),
    ("temperature", Mapped("`temperature`; lost on models that do not heed it")),
    ("tool_choice", Mapped("`functionCallingConfig`: `NONE`, `ANY`, or `ANY` with one name")),
    ("tool_choice.other", Refused("`auto`, `none`, `required` or one function")),
    ("tools", Mapped("`functionDeclarations` with `parametersJsonSchema`")),
    ("tools.strict", Lost("arguments are not held to the schema")),
    ("tools.custom", Refused("tools that take free text")),
    ("tools.hosted", Lost("tools that the vendor runs")),
    ("top_k", Mapped("`topK`; lost on models that do not heed it")),
    ("top_logprobs", Refused(NO_PROBABILITIES)),
    ("top_p", Mapped("`topP`; lost on models that do not heed it")),
    ("user", Lost(NO_PLACE)),
    ("verbosity", Lost(NO_PLACE)),
    ("web_search_options", Refused(NO_SEARCH)),
    ("thinking_budget", Mapped("`thinkingBudget`, or the level that it is about")),
    ("tools.format", Lost("a grammar is told in words, not enforced")),
    ("reasoning", Lost("thoughts are shown as the model gives them")),
    ("tool_namespace", Lost("part of the tool's name, in front")),
    ("tool_result_error_mark", Mapped("`error` in place of `output`")),
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
