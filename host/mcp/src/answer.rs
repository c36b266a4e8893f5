//! An operation's answer or refusal as a tool's result. What went wrong with a call is told to the model, with a word
//! that stays the same and the next step; protocol errors are for faults of the protocol alone.

use brains_control::OperationEntry;
use brains_core::Fault;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::port::ToolAnswer;
use crate::schema;

/// The member of a result's `_meta` that says that the request was done before, and that this is its answer from then.
const REPLAYED: &str = "brains/replayed";

/// The answer in both forms: clients that know schemas read the one, all others the other.
pub(crate) fn success(entry: &OperationEntry, answer: ToolAnswer) -> CallToolResult {
    let ToolAnswer { mut value, notice, replayed } = answer;
    schema::prune(&entry.output_schema, &mut value);
    let mut result = CallToolResult::structured(value);
    result.content.extend(notice.map(ContentBlock::text));
    if replayed {
        result.meta.get_or_insert_default().insert(REPLAYED.to_owned(), Value::Bool(true));
    }
    result
}

/// The refusal, in the envelope that the operation has over HTTP. It is not structured: the tool's schema says what
/// an answer looks like, and some clients check every structure against it.
pub(crate) fn refusal(fault: &Fault) -> CallToolResult {
    let mut error = json!({ "code": fault.code, "message": fault.message });
    if let Some(members) = error.as_object_mut() {
        let more = [
            ("param", fault.param.as_deref().map(Value::from)),
            ("hint", fault.hint.as_deref().map(Value::from)),
            ("retry_after_ms", fault.retry_after_ms.map(Value::from)),
        ];
        members.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    CallToolResult::error(vec![ContentBlock::text(json!({ "error": error }).to_string())])
}
