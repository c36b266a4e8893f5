//! Vectors from an upstream of this wire: `POST /api/embed`.

use crate::canon::embeddings::{EmbeddingBatch, Vectors};
use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{Members, Node, check, strings};
use crate::refusal;

/// The body of a request. The server cuts texts that are too long unless it is told not to, and says nothing of it.
pub fn encode(batch: &EmbeddingBatch, keep_alive: Option<&str>) -> Json {
    let mut body = Members::new();
    body.string("model", &batch.model)
        .raw("input", &strings(&batch.inputs))
        .raw("truncate", "false")
        .maybe_plain("dimensions", batch.dimensions)
        .maybe_string("keep_alive", keep_alive);
    body.finish()
}

/// Reads an answer.
pub fn decode(body: &str) -> Result<Vectors, Fault> {
    let malformed = || protocol("the upstream's answer holds no vectors");
    check(body.trim()).map_err(|_| protocol("the upstream's answer is not JSON"))?;
    let mut answer = Node::root(body).object().map_err(|_| malformed())?;
    if let Some(error) = answer.optional("error").ok().flatten() {
        return Err(refusal::inside(&error));
    }
    let numbers = |node: &Node<'_>| -> Option<Vec<f32>> {
        node.array().ok()?.iter().map(|number| number.float().ok()).collect()
    };
    let listed = answer.array("embeddings").map_err(|_| malformed())?;
    let vectors: Vec<Vec<f32>> = listed.iter().map(numbers).collect::<Option<_>>().ok_or_else(malformed)?;
    let tokens = answer.optional("prompt_eval_count").ok().flatten().map_or(0, |node| node.count());
    Vectors::of(&vectors, tokens).ok_or_else(|| protocol("the upstream's vectors are not of one length"))
}

#[cfg(test)]
mod tests {
    use super::{EmbeddingBatch, decode, encode};

    #[test]
    fn a_batch_is_written() {
        let batch = EmbeddingBatch { model: "m".into(), inputs: vec!["a".into()], dimensions: None };
        assert_eq!(encode(&batch, None), r#"{"model":"m","input":["a"],"truncate":false}"#);
        let batch = EmbeddingBatch { dimensions: Some(4), ..batch };
        assert_eq!(
            encode(&batch, Some("5m")),
            r#"{"model":"m","input":["a"],"truncate":false,"dimensions":4,"keep_alive":"5m"}"#
        );
    }

    #[test]
    fn vectors_are_read() {
        let vectors = decode(r#"{"model":"m","embeddings":[[1,2],[3,4]],"prompt_eval_count":3}"#).unwrap();
        assert_eq!((vectors.dim, vectors.data, vectors.input_tokens), (2, vec![1.0, 2.0, 3.0, 4.0], 3));
        assert_eq!(decode(r#"{"embeddings":[[1]]}"#).unwrap().input_tokens, 0);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for (body, message) in [
            ("x", "the upstream's answer is not JSON"),
            ("{}", "the upstream's vectors are not of one length"),
            (r#"{"embeddings":[["a"]]}"#, "the upstream's answer holds no vectors"),
            (r#"{"embeddings":[[1],[1,2]]}"#, "the upstream's vectors are not of one length"),
            (r#"{"error":"model not loaded"}"#, "model not loaded"),
        ] {
            assert_eq!(decode(body).unwrap_err().message, message, "{body}");
        }
    }
}
