//! What a client tells its model about this server before the first call.

/// Short: it stands in every conversation.
pub(crate) const INSTRUCTIONS: &str = "\
Brains coordinates coding agents that work in the same repositories: sessions, tasks, locks, messages, handoffs.

Start with `start_session`: it says who else works here, which tasks are open and what was handed to you. Where \
your client does not identify itself, the answer holds a `session_token`: give it with every later call.
Take work with `next_task`, or `claim_task` for a certain one; nobody else gets it while you hold it. Say what you \
are about to touch with `set_focus`, and take `acquire_lock` before you edit what others may edit too.
When you are done: `complete_task`, or `handoff_task` for the next agent; `end_session` frees everything you held.
When a result says that mail is waiting, call `read_messages`.

A refusal is a result with `error.code`, who holds what, and what to do next. Give `idempotency_key` when you may \
have to repeat a call that changes something: the same key with the same input is done once. Lists return \
`next_cursor` when there is more.";

#[cfg(test)]
mod tests {
    use super::INSTRUCTIONS;

    #[test]
    fn they_are_short() {
        assert!(INSTRUCTIONS.len() < 1_500, "{}", INSTRUCTIONS.len());
    }
}
