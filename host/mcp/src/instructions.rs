//! What a client tells its model about this server before the first call.

use brains_control::{Audience, Registry};

/// The instructions, with the names of the tools that the list has no room for.
pub(crate) fn instructions(registry: &Registry) -> String {
    let unlisted = registry
        .entries()
        .iter()
        .filter(|entry| entry.tool.audience == Audience::Everyone && !entry.tool.listed)
        .map(|entry| format!("`{}`", entry.name))
        .collect::<Vec<_>>();
    format!(
        "{INSTRUCTIONS}\n\nTools that the list leaves out can be called as well; a wrong input is answered with what they \
         take: {}.",
        unlisted.join(", ")
    )
}

/// Short: it stands in every conversation.
const INSTRUCTIONS: &str = "\
Brains coordinates coding agents that work in the same repositories: sessions, tasks, locks, messages, handoffs.

Start with `start_session`: it says who else works here, which tasks are open and what was handed to you. Where \
your client does not identify itself, the answer holds a `session_token`: give it with every later call. When you are not \
recognised any more, `resume_session` with it takes your session up again.
Take work with `next_task`, or `claim_task` for a certain one; nobody else gets it while you hold it. Say what you \
are about to touch with `set_focus`, and take `acquire_lock` before you edit what others may edit too.
When you are done: `complete_task`, or `handoff_task` for the next agent; `end_session` frees everything you held.
When a result says that mail is waiting, call `read_messages`; its `next_cursor`, given as `cursor` of your next call, \
says that you got it.

A refusal is a result with `error.code`, who holds what, and what to do next. Give `idempotency_key` when you may \
have to repeat a call that changes something: the same key with the same input is done once. Lists end at \
16 KB and return `next_cursor` when there is more; `max_bytes` asks for longer ones.";

#[cfg(test)]
mod tests {
    use brains_control::Registry;

    use super::{INSTRUCTIONS, instructions};

    #[test]
    fn they_are_short_and_name_every_tool_that_is_not_listed() {
        assert!(INSTRUCTIONS.len() < 1_800, "{}", INSTRUCTIONS.len());
        let whole = instructions(Registry::shared());
        assert!(whole.len() < 3_000, "{}", whole.len());
        for name in ["claim_workspace", "heartbeat_session", "find_sessions"] {
            assert!(whole.contains(&format!("`{name}`")), "{name}");
        }
        assert!(!whole.contains("`create_key`"), "what is for people is not named");
    }
}
