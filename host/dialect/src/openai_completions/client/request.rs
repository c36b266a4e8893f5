//! A client's request: what it says to the host, and as one turn of a person's in canonical form. What only models of this wire
//! could do is refused by its name.

use crate::canon::{ChatRequest, Content, Message, Part, Role, Sampling};
use crate::envelope::{Envelope, SpliceError};
use crate::ingress::{RelayChanges, RequestHead, Spliced};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Node, Object, quote};

const PROMPT: &str = "prompt";

/// Reads the head.
pub(super) fn head(envelope: &Envelope<'_>) -> Result<RequestHead, Invalid> {
    let model = envelope.string("model")?.map(std::borrow::Cow::into_owned);
    let stream = envelope.boolean("stream")?.unwrap_or(false);
    let include_usage = match envelope.node("stream_options")? {
        Some(options) => match options.object()?.optional("include_usage")? {
            Some(node) => node.boolean()?,
            None => false,
        },
        None => false,
    };
    prompt(envelope)?;
    Ok(RequestHead { model, stream, include_usage })
}

/// The one text that is to be completed.
pub(super) fn prompt(envelope: &Envelope<'_>) -> Result<String, Invalid> {
    let missing = || Invalid::value("`prompt` is missing", Some(PROMPT.to_owned()));
    text(&envelope.node(PROMPT)?.ok_or_else(missing)?)
}

fn text(node: &Node<'_>) -> Result<String, Invalid> {
    let tokens = || Err(node.invalid("tokens are not supported, send the text that they stand for"));
    match node.kind()? {
        JsonKind::String => Ok(node.string()?.into_owned()),
        JsonKind::Array => {
            let items = node.array()?;
            match items.as_slice() {
                [] => Err(node.invalid("expected a text")),
                [one] if one.kind()? == JsonKind::String => Ok(one.string()?.into_owned()),
                [first, ..] if matches!(first.kind()?, JsonKind::Number | JsonKind::Array) => tokens(),
                [_] => Err(node.expected("a string or an array with one string")),
                _ => {
                    Err(node.invalid("several prompts are not supported, send each in a request of its own"))
                }
            }
        }
        _ => Err(node.expected("a string or an array with one string")),
    }
}

/// The text as a turn.
pub(super) fn turn(text: String) -> Message {
    Message { role: Role::User, name: None, parts: vec![Part::plain(Content::Text(text))], extra: None }
}

/// Reads a body that has been scanned.
pub(super) fn decode(envelope: &Envelope<'_>) -> Result<ChatRequest, Invalid> {
    let mut object = Node::root(envelope.text()).object()?;
    let model = object.string("model")?.unwrap_or_default();
    let prompt = text(&object.required(PROMPT)?)?;
    refuse(&mut object)?;
    let float =
        |object: &mut Object<'_>, name: &str| object.optional(name)?.map(|node| node.float()).transpose();
    let unsigned =
        |object: &mut Object<'_>, name: &str| object.optional(name)?.map(|node| node.unsigned()).transpose();
    let sampling = Sampling {
        temperature: float(&mut object, "temperature")?,
        top_p: float(&mut object, "top_p")?,
        top_k: unsigned(&mut object, "top_k")?,
        max_output_tokens: unsigned(&mut object, "max_tokens")?,
        stop: object.optional("stop")?.map_or(Ok(Vec::new()), |node| stop(&node))?,
        seed: object.optional("seed")?.map(|node| node.integer()).transpose()?,
        frequency_penalty: float(&mut object, "frequency_penalty")?,
        presence_penalty: float(&mut object, "presence_penalty")?,
        choices: unsigned(&mut object, "n")?,
    };
    let stream = object.optional("stream")?.map_or(Ok(false), |node| node.boolean())?;
    // The head has it: it concerns only the wire to the client.
    object.take("stream_options")?;
    let user = object.string("user")?;
    Ok(ChatRequest {
        model,
        messages: vec![turn(prompt)],
        sampling,
        stream,
        user,
        extra: object.rest(),
        ..ChatRequest::default()
    })
}

/// What a conversation has no place for; asking for nothing of it is no asking.
fn refuse(object: &mut Object<'_>) -> Result<(), Invalid> {
    const REFUSED: [(&str, &[&str]); 4] =
        [("suffix", &["\"\""]), ("best_of", &["1"]), ("echo", &["false"]), ("logprobs", &["false"])];
    for (name, nothing) in REFUSED {
        if let Some(node) = object.optional(name)?.filter(|node| !nothing.contains(&node.text())) {
            return Err(node.invalid("it is not supported: models are asked as in a conversation"));
        }
    }
    Ok(())
}

fn stop(node: &Node<'_>) -> Result<Vec<String>, Invalid> {
    match node.kind()? {
        JsonKind::String => Ok(vec![node.string()?.into_owned()]),
        JsonKind::Array => node.array()?.iter().map(|item| Ok(item.string()?.into_owned())).collect(),
        _ => Err(node.expected("a string or an array of strings")),
    }
}

/// The body with the changes in it: our instructions are the beginning of the text.
pub(super) fn splice(envelope: &Envelope<'_>, changes: &RelayChanges<'_>) -> Result<Spliced, SpliceError> {
    let RelayChanges { instructions, edits, withheld, .. } = *changes;
    let mut splice = envelope.splice();
    let edited = splice.apply(edits, withheld)?;
    if !instructions.is_empty() {
        let own = splice.value(PROMPT)?.ok_or(SpliceError::NoPlace { member: PROMPT })?;
        let own = text(&Node::at(own, PROMPT))?;
        let whole: Vec<&str> = instructions.iter().copied().chain([own.as_str()]).collect();
        splice.set_sound(PROMPT, quote(&whole.join("\n\n")))?;
    }
    Ok(Spliced { body: splice.finish(), edited })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ChatRequest, Invalid> {
        decode(&Envelope::scan(body.as_bytes())?)
    }

    #[test]
    fn a_text_is_one_turn() {
        for prompt in [r#""fn main""#, r#"["fn main"]"#] {
            let body = format!(
                r#"{{"model":"m","prompt":{prompt},"max_tokens":16,"stop":"x","n":2,"logit_bias":{{}},"echo":false,"suffix":null}}"#
            );
            let request = read(&body).unwrap();
            assert_eq!(request.messages, [turn("fn main".to_owned())]);
            assert_eq!((request.sampling.max_output_tokens, request.sampling.choices), (Some(16), Some(2)));
            assert_eq!(
                (request.sampling.stop, request.extra),
                (vec!["x".to_owned()], Some(r#"{"logit_bias":{}}"#.into()))
            );
        }
    }

    #[test]
    fn what_a_conversation_cannot_do_is_refused_by_its_name() {
        let refused = "it is not supported: models are asked as in a conversation";
        for (member, message) in [
            (r#""suffix":"}""#, format!("`suffix`: {refused}")),
            (r#""best_of":2"#, format!("`best_of`: {refused}")),
            (r#""echo":true"#, format!("`echo`: {refused}")),
            (r#""logprobs":0"#, format!("`logprobs`: {refused}")),
        ] {
            assert_eq!(read(&format!(r#"{{"prompt":"x",{member}}}"#)).unwrap_err().message, message);
        }
        for (prompt, message) in [
            ("[]", "expected a text"),
            ("[1,2]", "tokens are not supported, send the text that they stand for"),
            ("[[1],[2]]", "tokens are not supported, send the text that they stand for"),
            (r#"["a","b"]"#, "several prompts are not supported, send each in a request of its own"),
            ("7", "expected a string or an array with one string, found a number"),
        ] {
            let body = format!(r#"{{"prompt":{prompt}}}"#);
            assert_eq!(read(&body).unwrap_err().message, format!("`prompt`: {message}"));
            assert!(head(&Envelope::scan(body.as_bytes()).unwrap()).is_err());
        }
    }

    #[test]
    fn instructions_are_the_beginning_of_the_text() {
        let envelope = Envelope::scan(br#"{"prompt":["own"],"x": 1}"#).unwrap();
        let changes = RelayChanges { instructions: &["first", "second"], ..RelayChanges::default() };
        let body = splice(&envelope, &changes).unwrap().body;
        assert_eq!(body, r#"{"prompt":"first\n\nsecond\n\nown","x": 1}"#);
    }
}
