//! What of a client's own body is changed for an upstream of its wire. A setting that was made holds here as it does where
//! bodies are written anew; where none was made, the client's words pass.

#[cfg(test)]
mod tests;

use super::encode::OpenAiChatOptions;
use super::strict;
use crate::canon::relay::{Condition, Edit, Member, MembersAt, Renaming, Replacement};
use crate::openai_chat::{reasoning, signature};

/// How the upstream is asked for the counts of a stream, which it does not give by itself.
pub const COUNTS: &str = "stream_options.include_usage";

const MESSAGES: &str = "messages[]";
const CALLS: &str = "messages[].tool_calls[]";
const THOUGHT: &str = "reasoning_content";

/// The edits for one call.
pub fn edits(options: &OpenAiChatOptions, model: &str, stream: bool) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !options.stream_usage {
        edits.push(Edit::remove("", &["stream_options"]));
    } else if stream {
        edits.push(Edit::Add(Member { path: COUNTS.to_owned(), value: "true".to_owned() }));
    }
    if !options.developer_role {
        let path = format!("{MESSAGES}.role");
        let (old, new) = ("\"developer\"".to_owned(), "\"system\"".to_owned());
        edits.push(Edit::Replace(Replacement { path, old, new }));
    }
    let renamed = match options.max_tokens_member.as_deref() {
        Some("max_tokens") => Some(("max_completion_tokens", "max_tokens")),
        Some(_) => Some(("max_tokens", "max_completion_tokens")),
        None => None,
    };
    edits.extend(
        renamed.map(|(path, name)| Edit::Rename(Renaming { path: path.to_owned(), name: name.to_owned() })),
    );
    match options.extensions {
        Some(false) => edits.extend(strict::edits()),
        Some(true) => edits.extend([foreign(&[reasoning::MEMBER]), foreign_calls()]),
        None => {
            edits.extend([foreign(&[reasoning::MEMBER, THOUGHT]), foreign_calls()]);
            if signature::is_foreign_to(model) {
                edits.push(Edit::remove(CALLS, &[signature::MEMBER]));
            }
            // Clients hand these back because somebody, perhaps we, gave them: no upstream must know them.
            edits.push(Edit::GiveUp(MembersAt::of(MESSAGES, &[reasoning::MEMBER, THOUGHT])));
            edits.push(Edit::GiveUp(MembersAt::of(CALLS, &[signature::MEMBER])));
        }
    }
    edits
}

/// Takes away thoughts that were signed on another wire, which no upstream of this one can have signed. Their origin is a
/// wire and a family, with a slash between them.
fn foreign(names: &[&str]) -> Edit {
    let when = Condition { path: format!("{}[].format", reasoning::MEMBER), contains: "/".to_owned() };
    Edit::Remove(MembersAt { when: Some(when), ..MembersAt::of(MESSAGES, names) })
}

/// The same of calls.
fn foreign_calls() -> Edit {
    let path = format!("{}.{}.{}", signature::MEMBER, signature::OURS, signature::ORIGIN);
    let when = Condition { path, contains: "/".to_owned() };
    Edit::Remove(MembersAt { when: Some(when), ..MembersAt::of(CALLS, &[signature::MEMBER]) })
}
