//! What chat completions cannot say and other wires can, in the order of its names.

use super::{HINT, NO_PLACE, row};
use crate::translation::Disposition::{Kept, Lost, Mapped, Refused};
use crate::translation::TranslationRow;

const FLAT: &str = "part of the tool's name, in front";
const HOSTED: &str = "what the vendor runs";
const WHOLE: &str = "the conversation is sent whole";
const NO_REGION: &str = "where it runs cannot be chosen";
const NO_SAFEGUARDS: &str = "nobody but the client watches over its tools";
const SHOWN: &str = "how much of a thought is shown cannot be chosen";
const ALL_TOOLS: &str = "every tool is there from the beginning";
const IN_WORDS: &str = "a grammar is told in words, not enforced";
const ALL: &str = "thoughts are shown as the model gives them";

pub(super) static OTHERS: [TranslationRow; 17] = [
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
        [Lost(IN_WORDS), Lost(IN_WORDS), Lost(IN_WORDS), Lost(IN_WORDS)],
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
