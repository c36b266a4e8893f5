//! Vectors from an upstream of this wire: `POST <base>/embeddings`.

use crate::canon::embeddings::{EmbeddingBatch, Vectors};
use crate::canon::{Fault, Json};
use crate::embeddings::base64_numbers;
use crate::fault::protocol;
use crate::json::{JsonKind, Members, Node, check, strings};
use crate::refusal;

/// The body of a request. No encoding is asked for: every server gives numbers when none is, and many know nothing else.
pub fn encode(batch: &EmbeddingBatch) -> Json {
    let mut body = Members::new();
    body.string("model", &batch.model)
        .raw("input", &strings(&batch.inputs))
        .maybe_plain("dimensions", batch.dimensions);
    body.finish()
}

/// Reads an answer. Entries count by their `index`, not by where they stand.
pub fn decode(body: &str) -> Result<Vectors, Fault> {
    let malformed = || protocol("the upstream's answer holds no vectors");
    check(body.trim()).map_err(|_| protocol("the upstream's answer is not JSON"))?;
    let mut answer = Node::root(body).object().map_err(|_| malformed())?;
    if let Some(error) = answer.optional("error").ok().flatten() {
        return Err(refusal::inside(&error));
    }
    let mut entries = Vec::new();
    for (at, entry) in answer.array("data").map_err(|_| malformed())?.iter().enumerate() {
        let mut entry = entry.object().map_err(|_| malformed())?;
        let index = entry.optional("index").ok().flatten().map_or(at as u64, |node| node.count());
        let vector = entry.required("embedding").ok().and_then(|node| vector(&node)).ok_or_else(malformed)?;
        entries.push((index, vector));
    }
    entries.sort_by_key(|(index, _)| *index);
    if entries.iter().enumerate().any(|(at, (index, _))| *index != at as u64) {
        return Err(protocol("the upstream's answer has not one vector for each place"));
    }
    let usage = answer.optional("usage").ok().flatten().and_then(|node| node.object().ok());
    let count = |name: &str| Some(usage.clone()?.optional(name).ok()??.count()).filter(|count| *count > 0);
    let tokens = count("prompt_tokens").or_else(|| count("total_tokens")).unwrap_or(0);
    let vectors: Vec<Vec<f32>> = entries.into_iter().map(|(_, vector)| vector).collect();
    Vectors::of(&vectors, tokens).ok_or_else(|| protocol("the upstream's vectors are not of one length"))
}

/// A vector as numbers, or as base64 of them: some servers give nothing else.
pub(crate) fn vector(node: &Node<'_>) -> Option<Vec<f32>> {
    match node.kind().ok()? {
        JsonKind::String => base64_numbers(&node.string().ok()?),
        JsonKind::Array => node.array().ok()?.iter().map(|number| number.float().ok()).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{EmbeddingBatch, decode, encode};

    #[test]
    fn a_batch_is_written() {
        let inputs = vec!["a \"b\"".to_owned(), String::new()];
        let batch = EmbeddingBatch { model: "m".into(), inputs, dimensions: Some(8) };
        assert_eq!(encode(&batch), r#"{"model":"m","input":["a \"b\"",""],"dimensions":8}"#);
    }

    #[test]
    fn vectors_come_in_the_order_of_their_texts() {
        let body = r#"{"object":"list","data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2.5]}],
                       "model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        let vectors = decode(body).unwrap();
        assert_eq!((vectors.dim, vectors.data, vectors.input_tokens), (2, vec![1.0, 2.5, 3.0, 4.0], 5));
        let base64 = decode(r#"{"data":[{"embedding":"AAAAPwAAgL8="}]}"#).unwrap();
        assert_eq!((base64.data, base64.input_tokens), (vec![0.5, -1.0], 0));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for (body, message) in [
            ("<html>", "the upstream's answer is not JSON"),
            ("[]", "the upstream's answer holds no vectors"),
            (r#"{"data":[{"index":0}]}"#, "the upstream's answer holds no vectors"),
            (r#"{"data":[{"index":0,"embedding":[1,null]}]}"#, "the upstream's answer holds no vectors"),
            (r#"{"data":[]}"#, "the upstream's vectors are not of one length"),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
                "the upstream's vectors are not of one length",
            ),
            (
                r#"{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}"#,
                "the upstream's answer has not one vector for each place",
            ),
            (r#"{"error":{"message":"model is loading"}}"#, "model is loading"),
        ] {
            assert_eq!(decode(body).unwrap_err().message, message, "{body}");
        }
    }
}
