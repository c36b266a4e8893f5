//! Vectors from an upstream of this wire: `batchEmbedContents`.

use crate::canon::embeddings::{EmbeddingBatch, Vectors};
use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{Members, Node, array, check};
use crate::refusal;

/// The body of a request; `model` as the address has it.
pub fn encode(batch: &EmbeddingBatch, model: &str) -> Json {
    let one = |text: &String| {
        let (mut part, mut out) = (Members::new(), Members::new());
        part.string("text", text);
        out.string("model", model)
            .raw("content", &format!("{{\"parts\":[{}]}}", part.finish()))
            .maybe_plain("outputDimensionality", batch.dimensions);
        out.finish()
    };
    let requests: Vec<String> = batch.inputs.iter().map(one).collect();
    format!("{{\"requests\":{}}}", array(&requests))
}

/// Reads an answer.
pub fn decode(body: &str) -> Result<Vectors, Fault> {
    let malformed = || protocol("the upstream's answer holds no vectors");
    check(body.trim()).map_err(|_| protocol("the upstream's answer is not JSON"))?;
    let mut answer = Node::root(body).object().map_err(|_| malformed())?;
    if let Some(error) = answer.optional("error").ok().flatten() {
        return Err(refusal::inside(&error));
    }
    let vector = |node: &Node<'_>| -> Option<Vec<f32>> {
        node.object().ok()?.array("values").ok()?.iter().map(|number| number.float().ok()).collect()
    };
    let listed = answer.array("embeddings").map_err(|_| malformed())?;
    let vectors: Vec<Vec<f32>> = listed.iter().map(vector).collect::<Option<_>>().ok_or_else(malformed)?;
    let usage = answer.optional("usageMetadata").ok().flatten().and_then(|node| node.object().ok());
    let tokens = usage.and_then(|mut usage| usage.optional("promptTokenCount").ok()?);
    let tokens = tokens.map_or(0, |node| node.count());
    Vectors::of(&vectors, tokens).ok_or_else(|| protocol("the upstream's vectors are not of one length"))
}

#[cfg(test)]
mod tests {
    use super::{EmbeddingBatch, decode, encode};

    #[test]
    fn a_batch_is_written() {
        let batch =
            EmbeddingBatch { model: "e".into(), inputs: vec!["a".into(), "b".into()], dimensions: Some(4) };
        assert_eq!(
            encode(&batch, "models/e"),
            r#"{"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]},"outputDimensionality":4},{"model":"models/e","content":{"parts":[{"text":"b"}]},"outputDimensionality":4}]}"#
        );
    }

    #[test]
    fn vectors_are_read() {
        let vectors = decode(
            r#"{"embeddings":[{"values":[1,2]},{"values":[3,4]}],"usageMetadata":{"promptTokenCount":3}}"#,
        );
        let vectors = vectors.unwrap();
        assert_eq!((vectors.dim, vectors.data, vectors.input_tokens), (2, vec![1.0, 2.0, 3.0, 4.0], 3));
        for (body, message) in [
            ("x", "the upstream's answer is not JSON"),
            (r#"{"embeddings":[{"values":["a"]}]}"#, "the upstream's answer holds no vectors"),
            (
                r#"{"embeddings":[{"values":[1]},{"values":[1,2]}]}"#,
                "the upstream's vectors are not of one length",
            ),
            (
                r#"{"error":{"code":404,"message":"models/e is not found","status":"NOT_FOUND"}}"#,
                "models/e is not found",
            ),
        ] {
            assert_eq!(decode(body).unwrap_err().message, message, "{body}");
        }
    }
}
