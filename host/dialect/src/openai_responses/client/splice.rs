//! A client's body changed for the upstream of the same wire: our instructions before its own, what the component edits, and no
//! thought that another vendor had. Every other byte stays.

use super::head::INPUT;
use super::thought::{MARK, is_foreign};
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
    let marked =
        splice.value(INPUT)?.filter(|text| memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some());
    if let Some(own) = marked.and_then(without_foreign_thoughts) {
        splice.set_sound(INPUT, own)?;
        edited.lose("messages.reasoning_details");
    }
    Ok(Spliced { body: splice.finish(), edited })
}

/// The items without thoughts that bear our mark; none when there is none.
fn without_foreign_thoughts(input: &str) -> Option<Json> {
    let items = Node::root(input).array().ok()?;
    let kept: Vec<Json> =
        items.iter().filter(|item| !is_foreign(item)).map(|item| item.text().to_owned()).collect();
    (kept.len() < items.len()).then(|| array(&kept))
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

    #[test]
    fn thoughts_of_another_vendor_stay_here() {
        let own = r#"{"type":"reasoning","summary":[ ],"encrypted_content":"gAAAA"}"#;
        let foreign = r#"{"type":"reasoning","summary":[],"encrypted_content":"brains.thought.1:{\"signature\":\"s\"}"}"#;
        let said = r#"{"role" : "user","content":"what is brains.thought.1:{ ?"}"#;
        let sent = |items: &[&str]| {
            let body = format!("{{\"model\":\"m\", \"input\": [{}]}}", items.join(", "));
            let changes = RelayChanges { instructions: &[], edits: &[], withheld: &[] };
            let spliced = splice(&Envelope::scan(body.as_bytes()).unwrap(), &changes).unwrap();
            (spliced.body == body, spliced.body, spliced.edited.losses().to_vec())
        };
        let (same, _, losses) = sent(&[own, said]);
        assert!(same && losses.is_empty());
        let (_, body, losses) = sent(&[own, foreign, said]);
        assert_eq!(body, format!("{{\"model\":\"m\", \"input\": [{own},{said}]}}"));
        assert_eq!(losses, ["messages.reasoning_details"]);
    }
}
