//! A client's body changed for the upstream of the same wire: our instructions before its own, what the component edits, a
//! summary of ours in words, no thought that another vendor had, and that nothing is to be kept there. Every other byte
//! stays.

use super::head::INPUT;
use super::{compaction, thought};
use crate::canon::Json;
use crate::envelope::{Edited, Envelope, Splice, SpliceError};
use crate::ingress::{RelayChanges, Spliced, UpstreamState};
use crate::json::{Node, array, quote};

const INSTRUCTIONS: &str = "instructions";
const STORE: &str = "store";
const INCLUDE: &str = "include";
const ENCRYPTED: &str = "\"reasoning.encrypted_content\"";

/// The body with the changes in it.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
    let RelayChanges { instructions, edits, withheld, state } = *changes;
    let mut splice = envelope.splice();
    let mut edited = splice.apply(edits, withheld)?;
    if state.keeps_nothing {
        detach(&mut splice, withheld, &mut edited)?;
    }
    if let Some(own) = splice.value(INPUT)?.and_then(|input| Readable::of(input, state)) {
        splice.set_sound(INPUT, array(&own.items))?;
        own.lost.iter().for_each(|name| edited.lose(name));
    }
    if !instructions.is_empty() {
        instruct(&mut splice, instructions)?;
    }
    Ok(Spliced { body: splice.finish(), edited })
}

/// Tells the upstream to keep nothing. It is to give back what it encrypts then: thoughts cannot be named, only sent.
fn detach(splice: &mut Splice<'_, '_>, withheld: &[String], edited: &mut Edited) -> Result<(), SpliceError> {
    if splice.value(STORE)? == Some("false") {
        return Ok(());
    }
    let mut included = match splice.value(INCLUDE)?.map(|text| Node::at(text, INCLUDE)) {
        Some(node) if !node.is_null() => node.array()?.iter().map(|entry| entry.text().to_owned()).collect(),
        Some(_) | None => Vec::new(),
    };
    if edited.offer(STORE, withheld) {
        splice.set_sound(STORE, "false".to_owned())?;
    }
    if !included.iter().any(|entry| entry == ENCRYPTED) && edited.offer(INCLUDE, withheld) {
        included.push(ENCRYPTED.to_owned());
        splice.set_sound(INCLUDE, array(&included))?;
    }
    Ok(())
}

/// An input as the vendor can read it.
#[derive(Default)]
struct Readable {
    items: Vec<Json>,
    lost: Vec<&'static str>,
    changed: bool,
    /// Some of it was kept here: thoughts in it that nobody encrypted are of no use to the vendor, which refuses them.
    continued: bool,
}

impl Readable {
    /// None where nothing is in the vendor's way.
    fn of(input: &str, state: UpstreamState) -> Option<Self> {
        let holds = |text: &str| memchr::memmem::find(input.as_bytes(), text.as_bytes()).is_some();
        let marked = [thought::MARK, compaction::MARK].into_iter().any(holds);
        if !(marked || state.continued && holds("\"reasoning\"")) {
            return None;
        }
        let mut own = Self { continued: state.continued, ..Self::default() };
        Node::root(input).array().ok()?.iter().for_each(|item| own.take(item));
        own.changed.then_some(own)
    }

    fn take(&mut self, item: &Node<'_>) {
        let text = |name: &str| item.object().ok()?.string(name).ok()?;
        let (kind, sealed) = (text("type").unwrap_or_default(), text("encrypted_content"));
        let Some(sealed) = sealed else {
            if kind == "reasoning" && self.continued {
                self.lost.push("messages.reasoning_content");
                self.changed = true;
            } else {
                self.items.push(item.text().to_owned());
            }
            return;
        };
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
    use crate::ingress::{RelayChanges, UpstreamState};

    fn told(body: &str, state: UpstreamState, withheld: &[String]) -> (String, Vec<String>, Vec<String>) {
        let changes = RelayChanges { withheld, state, ..RelayChanges::default() };
        let spliced = splice(&Envelope::scan(body.as_bytes()).unwrap(), &changes).unwrap();
        let names = |list: &[String]| list.to_vec();
        (spliced.body, names(spliced.edited.added()), names(spliced.edited.losses()))
    }

    #[test]
    fn an_upstream_keeps_nothing_and_gives_back_what_it_encrypts() {
        let state = UpstreamState { keeps_nothing: true, continued: false };
        let told = |body: &str, withheld: &[&str]| {
            let withheld: Vec<String> = withheld.iter().map(|&path| path.to_owned()).collect();
            let (body, added, losses) = told(body, state, &withheld);
            assert_eq!(losses, [""; 0]);
            (body, added.join(" "))
        };
        let encrypted = r#""reasoning.encrypted_content""#;
        for said in ["", r#","store":true"#, r#","store":null"#] {
            let (body, added) = told(&format!(r#"{{"input":"x"{said}}}"#), &[]);
            assert_eq!(body, format!(r#"{{"input":"x","store":false,"include":[{encrypted}]}}"#));
            assert_eq!(added, "store include");
        }
        let (body, added) = told(r#"{"input":"x","include":[ "a" ]}"#, &["store"]);
        assert_eq!(
            (body, added.as_str()),
            (format!(r#"{{"input":"x","include":["a",{encrypted}]}}"#), "include")
        );
        // Whoever keeps nothing anyway is sent on as it is.
        for body in [r#"{ "store":false,"input":"x"}"#, r#"{"store" : false, "include":["a"]}"#] {
            assert_eq!(told(body, &[]), (body.to_owned(), String::new()));
        }
    }

    #[test]
    fn thoughts_that_the_upstream_cannot_read_stay_behind() {
        let ours = r#"{"type":"reasoning","summary":[],"encrypted_content":"brains.thought.1:{}"}"#;
        let theirs = r#"{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}"#;
        let plain = r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}"#;
        let said = r#"{"role":"user","content":"reasoning"}"#;
        let body = |items: &[&str]| format!(r#"{{"store":false,"input":[{}]}}"#, items.join(","));
        let all = body(&[ours, theirs, plain, said]);
        let of = |continued| told(&all, UpstreamState { keeps_nothing: true, continued }, &[]);
        let lost = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let sealed = "messages.reasoning_details";
        assert_eq!(of(false), (body(&[theirs, plain, said]), Vec::new(), lost(&[sealed])));
        assert_eq!(
            of(true),
            (body(&[theirs, said]), Vec::new(), lost(&[sealed, "messages.reasoning_content"]))
        );
    }

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
            let changes = RelayChanges { instructions, edits: &edits, ..RelayChanges::default() };
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
            let changes = RelayChanges::default();
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
