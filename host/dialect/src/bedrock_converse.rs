//! The wire `bedrock-converse`: `Converse` and `ConverseStream` of Amazon Bedrock, one form for the models of many vendors.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>, read on 2026-11-30.

mod tool_names;
pub mod upstream;

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub use tool_names::PlainToolNames;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "bedrock-converse";

/// The longest name of a tool and the longest id of a call.
const NAME_BYTES: usize = 64;

/// Whose signature a thought bears: the wire and the family of models, which is what a signature is good for. Models go by
/// `anthropic.claude-…`, by the same behind a region, and by ARNs that end in either.
pub fn origin(model: &str) -> String {
    let name = model.rsplit(['/', '.']).find(|part| part.contains('-')).unwrap_or(model);
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    format!("{DIALECT}/{}", family.to_ascii_lowercase())
}

/// A name or an id in the characters that this wire takes, and no longer than it takes; the same one always becomes the same.
fn plain_name(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if (1..=NAME_BYTES).contains(&name.len()) && name.chars().all(plain) {
        return name.to_owned();
    }
    // What stands for others is told apart by what it was.
    let digest = Sha256::digest(name.as_bytes());
    let mark = digest.iter().take(6).fold(String::new(), |mut mark, byte| {
        let _written = write!(mark, "{byte:02x}");
        mark
    });
    let kept = name.chars().map(|character| if plain(character) { character } else { '_' });
    let kept: String = kept.take(NAME_BYTES - mark.len() - 1).collect();
    format!("{kept}_{mark}")
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES, origin, plain_name};

    #[test]
    fn an_origin_is_the_wire_and_the_family() {
        for (model, family) in [
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
            ("arn:aws:bedrock:eu-central-1:1:inference-profile/eu.anthropic.claude-opus-4-6-v1", "claude"),
            ("amazon.nova-2-lite-v1:0", "nova"),
            ("openai.gpt-oss-120b-1:0", "gpt"),
            ("m", "m"),
        ] {
            assert_eq!(origin(model), format!("bedrock-converse/{family}"), "{model}");
        }
    }

    /// openclaw/openclaw#12892, vercel/ai#17763.
    #[test]
    fn names_are_in_the_characters_of_the_wire_and_stay_apart() {
        for kept in ["look", "mcp__server__tool", "a-1", &"x".repeat(NAME_BYTES)] {
            assert_eq!(plain_name(kept), kept);
        }
        let long = "x".repeat(NAME_BYTES + 1);
        let odd = ["", "$READFILE", "READFILE$", "a.b", "a/b", "größe", "a b", &long, &format!("{long}y")];
        let mut written: Vec<String> = odd.iter().map(|name| plain_name(name)).collect();
        for name in &written {
            assert!((1..=NAME_BYTES).contains(&name.len()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{name}");
        }
        written.sort();
        written.dedup();
        assert_eq!(written.len(), odd.len());
    }
}
