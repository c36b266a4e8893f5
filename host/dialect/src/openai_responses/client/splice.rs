//! A client's body changed for the upstream of the same wire: our instructions before its own, what the component edits, a
//! summary of ours in words, and no thought that another vendor had. Every other byte stays.

use super::head::INPUT;
use super::{compaction, thought};
use crate::canon::Json;
use crate::envelope::{Envelope, Splice, SpliceError};
use crate::ingress::{RelayChanges, Spliced};
use crate::json::{Node, array, quote};

const INSTRUCTIONS: &str = "instructions";

/// The body with the changes in it.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
    let RelayChanges { instructions, edits, withheld } = *changes;
    let mut splice = envelope.splice();
    let mut edited = splice.apply(edits, withheld)?;
    if !instructions.is_empty() {
        instruct(&mut splice, instructions)?;
    }
    if let Some(own) = splice.value(INPUT)?.and_then(Readable::of) {
        splice.set_sound(INPUT, array(&own.items))?;
        own.lost.iter().for_each(|name| edited.lose(name));
    }
    Ok(Spliced { body: splice.finish(), edited })
}

/// An input as the vendor can read it.
#[derive(Default)]
struct Readable {
    items: Vec<Json>,
    lost: Vec<&'static str>,
    changed: bool,
}

impl Readable {
    /// None where nothing bears a mark of ours.
    fn of(input: &str) -> Option<Self> {
        let marks = [thought::MARK, compaction::MARK];
        if !marks.iter().any(|mark| memchr::memmem::find(input.as_bytes(), mark.as_bytes()).is_some()) {
            return None;
        }
        let mut own = Self::default();
        Node::root(input).array().ok()?.iter().for_each(|item| own.take(item));
        own.changed.then_some(own)
    }

    fn take(&mut self, item: &Node<'_>) {
        let sealed = item
            .object()
            .ok()
            .and_then(|mut item| Some((item.string("type").ok()??, item.string("encrypted_content").ok()??)));
        let Some((kind, sealed)) = sealed else { return self.items.push(item.text().to_owned()) };
        if kind == "reasoning" && sealed.starts_with(thought::MARK) {
            self.lost.push(thought::loss(&sealed));
        } else if let Some(words) = compaction::opened(&sealed).filter(|_| compaction::is_item(&kind)) {
            self.items.push(format!(
                r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}"#,
                quote(&words)
            ));
        } else {
            return self.items.push(item.text().to_owned());
        }
        self.changed = true;
    }
}

/// Puts texts before what `instructions` says, as it is written.
fn instruct(splice: &mut Splice<'_, '_>, texts: &[&str]) -> Result<(), SpliceError> {
    let own = splice.value(INSTRUCTIONS)?.map(|text| Node::at(text, INSTRUCTIONS));
    let ours = quote(&texts.join("\n\n"));
    let value = match own.filter(|node| !node.is_null()) {
        Some(node) => {
            node.string()?;
            let behind = node.text().strip_prefix('"').unwrap_or_default();
            let before = ours.strip_suffix('"').unwrap_or_default();
            if behind == "\"" { ours.clone() } else { format!("{before}\\n\\n{behind}") }
        }
        None => ours,
    };
    splice.set_sound(INSTRUCTIONS, value)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::splice;
    use crate::canon::relay::{Edit, Member};
    use crate::envelope::Envelope;
    use crate::ingress::RelayChanges;

    #[test]
    fn the_vendor_gets_what_it_can_read() {
        let changed = |input: &str| {
            let body = format!("{{ \"model\":\"m\",  \"input\":{input} }}");
            let spliced =
                splice(&Envelope::scan(body.as_bytes()).unwrap(), &RelayChanges::default()).unwrap();
            (body != spliced.body, spliced.body, spliced.edited.losses().to_vec())
        };
        let foreign = r#"[ {"type":"compaction","encrypted_content":"gAAA"}, {"type":"reasoning","summary":[],"encrypted_content":"gAAA"},
            {"role":"user","content":"brains.thought.1: and brains.compaction.1:"} ]"#;
        assert!(!changed(foreign).0, "every byte stays");
        let summary = super::compaction::item("cmp_1", "So far \"so\" good.");
        let (_, body, losses) = changed(&format!(r#"[{{"role":"user","content":"x"}},{summary}]"#));
        assert!(body.starts_with(
            r#"{ "model":"m",  "input":[{"role":"user","content":"x"},{"type":"message","role":"user""#
        ));
        assert!(body.contains(r#"So far \"so\" good."#) && !body.contains("encrypted_content"), "{body}");
        assert!(losses.is_empty());
        let (_, body, losses) = changed(
            r#"[{"type":"reasoning","summary":[],"encrypted_content":"brains.thought.1:{\"signature\":\"s\"}"},
                {"type":"reasoning","summary":[],"encrypted_content":"brains.thought.1:{\"call\":\"c\",\"signature\":\"s\"}"},{"role":"user","content":"x"}]"#,
        );
        assert_eq!(body, r#"{ "model":"m",  "input":[{"role":"user","content":"x"}] }"#);
        assert_eq!(losses, ["messages.reasoning_details", "messages.tool_calls.extra_content"]);
    }

    #[test]
    fn ours_stand_first_and_every_other_byte_stays() {
        let edits = [Edit::Set(Member { path: "model".to_owned(), value: "\"up\"".to_owned() })];
        let changed = |body: &str, instructions: &[&str]| {
            let changes = RelayChanges { instructions, edits: &edits, withheld: &[] };
            splice(&Envelope::scan(body.as_bytes()).unwrap(), &changes).map(|spliced| spliced.body)
        };
        assert_eq!(
            changed(
                "{ \"model\" : \"m\",\n\"instructions\":\"Be \\u0062rief.\", \"input\":\"x\" }",
                &["A\"", "B"]
            )
            .unwrap(),
            "{ \"model\" : \"up\",\n\"instructions\":\"A\\\"\\n\\nB\\n\\nBe \\u0062rief.\", \"input\":\"x\" }"
        );
        for absent in ["", ",\"instructions\":null", ",\"instructions\":\"\""] {
            let body = changed(&format!("{{\"model\":\"m\",\"input\":[]{absent}}}"), &["A"]).unwrap();
            assert_eq!(body, r#"{"model":"up","input":[],"instructions":"A"}"#);
        }
        assert_eq!(changed(r#"{"model":"m","input":[]}"#, &[]).unwrap(), r#"{"model":"up","input":[]}"#);
        assert!(changed(r#"{"model":"m","instructions":[]}"#, &["A"]).is_err());
    }
}
