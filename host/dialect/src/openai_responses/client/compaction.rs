//! Conversations made shorter for clients that ask for it. The vendor of this wire does it itself and gives an item that only
//! it can read; where another model answers it is asked for a summary, which goes to the client in the same place under our
//! mark, and comes back as words that any model can read.

use super::events::Sequence;
use crate::canon::{ChatRequest, Content, Json, Message, OutputFormat, Part, Role, ToolChoice};
use crate::envelope::Envelope;
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node};

use super::head::INPUT;

/// The last item of an input that is to be made shorter.
pub(super) const TRIGGER: &str = "compaction_trigger";
/// The item that stands for what was said before. Older clients call it by the second name.
const ITEMS: [&str; 2] = ["compaction", "compaction_summary"];

/// Its number goes up when what stands behind it changes.
pub(super) const MARK: &str = "brains.compaction.1:";

/// What such a request is for, as programs say it that have a word for it.
pub(super) const CLASS: &str = "compaction";

/// What the model is asked.
const PROMPT: &str = "\
The conversation so far has grown too long to be sent again. Write a summary of it from which another model can go on \
without having seen it. Keep what was asked for, in the words of whoever asked where they matter; what was decided, and why; \
what was done and found out, with the paths, names, commands and figures that are still needed; what failed; and what is \
left to do, with the next step first. Leave out what no longer matters. Answer with the summary alone, and call no tool.";

/// What stands before a summary that comes back.
const INTRODUCTION: &str = "\
The conversation before this point was replaced by a summary of it. Go on from where it ends.";

/// Whether the input of a request is to be made shorter.
pub(super) fn is_asked(envelope: &Envelope<'_>) -> Result<bool, Invalid> {
    let Some(input) = envelope.node(INPUT)? else { return Ok(false) };
    // Looked at closely only where the word stands: inputs are long.
    let named = memchr::memmem::rfind(input.text().as_bytes(), TRIGGER.as_bytes()).is_some();
    if !named || input.kind()? != JsonKind::Array {
        return Ok(false);
    }
    Ok(input.array()?.last().is_some_and(is_trigger))
}

fn is_trigger(item: &Node<'_>) -> bool {
    let kind = item.object().ok().and_then(|mut item| item.string("type").ok().flatten());
    kind.as_deref() == Some(TRIGGER)
}

/// Lets the model write the summary of a conversation.
pub(super) fn ask(request: &mut ChatRequest) {
    let parts = vec![Part::plain(Content::Text(PROMPT.to_owned()))];
    request.messages.push(Message { role: Role::User, name: None, parts, extra: None });
    if !request.tools.is_empty() {
        // They stay: what was called stands in the conversation, and vendors cache what stands at its beginning.
        request.tool_choice = ToolChoice::None;
    }
    request.output = OutputFormat::Text;
}

/// Whether items of this kind stand for what was said before.
pub(super) fn is_item(kind: &str) -> bool {
    ITEMS.contains(&kind)
}

/// What goes into `encrypted_content`.
pub(super) fn sealed(summary: &str) -> String {
    let mut out = Members::new();
    out.string("summary", summary);
    format!("{MARK}{}", out.finish())
}

/// A summary of ours, in the words in which models get it; none when it is another's, and nobody here can read it.
pub(super) fn opened(sealed: &str) -> Option<String> {
    let mut object = Node::root(sealed.strip_prefix(MARK)?).object().ok()?;
    let summary = object.string("summary").ok().flatten()?;
    Some(format!("{INTRODUCTION}\n\n{summary}"))
}

/// The item that holds a summary.
pub(super) fn item(id: &str, summary: &str) -> Json {
    let mut out = Members::new();
    out.string("id", id).string("type", ITEMS[0]).string("encrypted_content", &sealed(summary));
    out.finish()
}

/// Tells the item as a stream does. There are no pieces of it.
pub(super) fn tell(item: &str, output: usize, sequence: &mut Sequence, out: &mut String) {
    sequence.item("response.output_item.added", output, item, out);
    sequence.item("response.output_item.done", output, item, out);
}

#[cfg(test)]
mod tests {
    use super::{PROMPT, is_asked, item, opened, sealed};
    use crate::envelope::Envelope;
    use crate::json::member;

    #[test]
    fn a_summary_comes_back_as_words_and_only_our_own() {
        let summary = "Done: a\"b\nLeft: é";
        let shown = member(Some(&item("cmp_1", summary)), "encrypted_content").unwrap();
        assert!(shown.starts_with("\"brains.compaction.1:"), "{shown}");
        assert!(opened(&sealed(summary)).unwrap().ends_with("\n\nDone: a\"b\nLeft: é"));
        for foreign in
            ["gAAAA", "", "brains.compaction.1:", "brains.compaction.1:{}", "brains.compaction.2:{}"]
        {
            assert_eq!(opened(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn it_is_asked_for_by_the_last_item() {
        let asked = |input: &str| {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            is_asked(&Envelope::scan(body.as_bytes()).unwrap()).unwrap()
        };
        assert!(asked(r#"[{"role":"user","content":"x"},{"type":"compaction_trigger"}]"#));
        for not in [
            r#""compaction_trigger""#,
            r#"[{"role":"user","content":"compaction_trigger"}]"#,
            r#"[{"type":"compaction_trigger"},{"role":"user","content":"x"}]"#,
            "[]",
        ] {
            assert!(!asked(not), "{not}");
        }
        assert!(!PROMPT.contains('\n'));
    }
}
