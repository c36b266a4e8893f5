//! What clients ask for vectors with and are answered: the shape of OpenAI's `POST /v1/embeddings`, which every client of
//! embeddings speaks.

use crate::canon::embeddings::{EmbeddingBatch, Vectors};
use crate::canon::{Fault, Json};
use crate::envelope::Envelope;
use crate::fault::protocol;
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, quote};

/// Where its clients send requests.
pub const PATH: &str = "/v1/embeddings";

/// Members that are read; every other one is named as lost.
const READ: [&str; 4] = ["model", "input", "dimensions", "encoding_format"];

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encoding {
    #[default]
    Float,
    /// Little-endian numbers of 32 bits.
    Base64,
}

/// A request for vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingsRequest {
    /// As the client wrote it; none when it leaves the choice to us.
    pub model: Option<String>,
    pub inputs: Vec<String>,
    pub dimensions: Option<u32>,
    /// Members that no upstream is sent.
    pub losses: Vec<String>,
    encoding: Encoding,
}

impl EmbeddingsRequest {
    /// Reads a request. Tokens are refused: they mean something to one model's tokenizer only, and upstreams take texts.
    pub fn read(envelope: &Envelope<'_>) -> Result<Self, Invalid> {
        let model = envelope.string("model")?.map(std::borrow::Cow::into_owned);
        let missing = || Invalid::value("`input` is missing", Some("input".to_owned()));
        let inputs = inputs(&envelope.node("input")?.ok_or_else(missing)?)?;
        let dimensions = envelope.node("dimensions")?.map(|node| match node.unsigned()? {
            0 => Err(node.invalid("expected a whole number from 1")),
            dimensions => Ok(dimensions),
        });
        let encoding = match envelope.node("encoding_format")? {
            None => Encoding::default(),
            Some(node) => match &*node.string()? {
                "float" => Encoding::Float,
                "base64" => Encoding::Base64,
                _ => return Err(node.invalid("expected `float` or `base64`")),
            },
        };
        let mut losses = Vec::new();
        for member in envelope.members() {
            let is_null = envelope.node(&member.name)?.is_none();
            if !READ.contains(&&*member.name) && !is_null {
                losses.push(member.name.clone().into_owned());
            }
        }
        Ok(Self { model, inputs, dimensions: dimensions.transpose()?, losses, encoding })
    }

    /// What a provider is asked, under its name of the model.
    pub fn batch(&self, model: &str) -> EmbeddingBatch {
        EmbeddingBatch { model: model.to_owned(), inputs: self.inputs.clone(), dimensions: self.dimensions }
    }

    /// The answer, from vectors that are as many as the texts. Fails when they are of another length than was asked for:
    /// vectors of two lengths in one index are of no use.
    pub fn answer(&self, vectors: &Vectors, model: &str, input_tokens: u64) -> Result<Json, Fault> {
        let Vectors { dim, data, .. } = vectors;
        if let Some(asked) = self.dimensions.filter(|asked| asked != dim) {
            return Err(protocol(&format!(
                "the upstream gave vectors of {dim} numbers, {asked} were asked for"
            )));
        }
        // Shortest digits that read back as the same number have about eleven bytes.
        let mut out = String::with_capacity(256 + data.len() * 12);
        out.push_str(r#"{"object":"list","data":["#);
        for (index, vector) in vectors.each().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(r#"{"object":"embedding","index":"#);
            out.push_str(&index.to_string());
            out.push_str(r#","embedding":"#);
            self.encoding.write(vector, &mut out);
            out.push('}');
        }
        out.push_str(r#"],"model":"#);
        out.push_str(&quote(model));
        let mut usage = Members::new();
        usage.plain("prompt_tokens", input_tokens).plain("total_tokens", input_tokens);
        out.push_str(r#","usage":"#);
        out.push_str(&usage.finish());
        out.push('}');
        Ok(out)
    }
}

impl Encoding {
    fn write(self, vector: &[f32], out: &mut String) {
        match self {
            Self::Float => {
                let numbers: Vec<String> = vector.iter().map(f32::to_string).collect();
                out.push('[');
                out.push_str(&numbers.join(","));
                out.push(']');
            }
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                out.push('"');
                base64_into(&bytes, out);
                out.push('"');
            }
        }
    }
}

/// The texts: one, or a list of them.
fn inputs(node: &Node<'_>) -> Result<Vec<String>, Invalid> {
    let text = |node: &Node<'_>| match node.kind()? {
        JsonKind::String => Ok(node.string()?.into_owned()),
        JsonKind::Number | JsonKind::Array => {
            Err(node.invalid("tokens are not supported, send the text that they stand for"))
        }
        _ => Err(node.expected("a string")),
    };
    match node.kind()? {
        JsonKind::String => Ok(vec![text(node)?]),
        JsonKind::Array => {
            let inputs = node.array()?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
            if inputs.is_empty() { Err(node.invalid("expected at least one text")) } else { Ok(inputs) }
        }
        _ => Err(node.expected("a string or an array of strings")),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends base64 with its padding (RFC 4648, section 4).
fn base64_into(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET.get(digit as usize).copied().unwrap_or(b'A');
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
}

/// The numbers that a text of base64 stands for; `None` when it is none.
pub(crate) fn base64_numbers(text: &str) -> Option<Vec<f32>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let mut bits = 0_u32;
        for letter in chunk {
            let digit = ALPHABET.iter().position(|known| known == letter)?;
            bits = (bits << 6) | u32::try_from(digit).ok()?;
        }
        let whole = chunk.len() * 6 / 8;
        bits <<= 6 * (4 - chunk.len());
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(whole));
    }
    let numbers = bytes.chunks_exact(4);
    numbers
        .remainder()
        .is_empty()
        .then(|| numbers.filter_map(|number| Some(f32::from_le_bytes(number.try_into().ok()?))).collect())
}

#[cfg(test)]
mod tests;
