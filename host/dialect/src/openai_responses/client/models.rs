//! The models that a request may name, as clients of this wire list them: as its vendor does, and besides in the form that
//! Codex asks for and reads as a whole or not at all.

use crate::canon::Json;
use crate::ingress::ModelListing;
use crate::json::{Members, array};
use crate::openai_chat::client::models;

/// Codex gives a listed model the instructions of its entry and none of its own.
const INSTRUCTIONS: &str = "\
You are a coding agent. You work in the user's workspace through the tools that you are given, and you go on until what was \
asked for is done or cannot be done.

- Look before you act: read the files that matter, and the instructions that the workspace keeps for agents (`AGENTS.md`); \
those of the nearest directory count first, and what the user says counts before them.
- Change what was asked for and nothing else. Keep to the style of the code around it, and mend causes rather than symptoms.
- Never undo or overwrite what you did not make. Commit, push, install and delete only where that was asked for.
- Prefer `rg` for searching. Read files in pieces when they are long. Run commands that end by themselves.
- Check your work with the tests, builds and linters that the workspace has, from the narrowest on; say what you could not \
check.
- Before a step that takes long, say in one sentence what comes. At the end say what you did, where, and what is left, in a \
few plain lines with paths as `path/to/file:12`.
- When something is unclear and a wrong guess would cost much, ask; otherwise decide and say so.";

/// All of them.
pub(super) fn list(listed: &[ModelListing<'_>]) -> Json {
    let data: Vec<Json> = listed.iter().map(models::one).collect();
    let entries: Vec<Json> = (0..).zip(listed).map(|(place, model)| entry(place, model)).collect();
    let mut out = Members::new();
    out.string("object", "list").raw("data", &array(&data)).raw("models", &array(&entries));
    out.finish()
}

/// One that Codex can choose: every member that it insists on, and no more than is known.
fn entry(place: u32, model: &ModelListing<'_>) -> Json {
    let mut truncation = Members::new();
    truncation.string("mode", "tokens").plain("limit", 10_000);
    let mut out = Members::new();
    out.string("slug", model.id)
        .string("display_name", model.id)
        .raw("supported_reasoning_levels", "[]")
        .string("shell_type", "shell_command")
        .string("visibility", "list")
        .plain("supported_in_api", true)
        .plain("priority", place)
        .string("base_instructions", INSTRUCTIONS)
        .plain("supports_reasoning_summaries", true)
        .plain("support_verbosity", false)
        .raw("truncation_policy", &truncation.finish())
        .plain("supports_parallel_tool_calls", true)
        .raw("experimental_supported_tools", "[]");
    if let Some(window) = model.context_window {
        out.plain("context_window", window);
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::list;
    use crate::ingress::ModelListing;

    #[test]
    fn a_list_is_one_for_either_reader() {
        let model = ModelListing { id: "up/m", owner: "up", created_s: 7, context_window: Some(4096) };
        let shown: serde_json::Value = serde_json::from_str(&list(&[model])).unwrap();
        assert_eq!(shown["object"], "list");
        assert_eq!(
            shown["data"],
            serde_json::json!([{"id": "up/m", "object": "model", "created": 7, "owned_by": "up"}])
        );
        let entry = &shown["models"][0];
        assert_eq!((&entry["slug"], &entry["context_window"]), (&"up/m".into(), &4096.into()));
        assert!(entry["base_instructions"].as_str().is_some_and(|text| !text.is_empty()));
        let known = ModelListing { context_window: None, ..model };
        assert!(!list(&[known]).contains("context_window"));
    }
}
