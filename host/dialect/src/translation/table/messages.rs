//! What a conversation's messages can say, in the order of the published schema of chat completions.

use super::{NO_PLACE, TEXT_ONLY, row};
use crate::translation::Disposition::{Kept, Lost, Mapped, Refused};
use crate::translation::TranslationRow;

const NO_SOUND: &str = "sound cannot be sent";

pub(super) static MESSAGES: [TranslationRow; 26] = [
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
];
