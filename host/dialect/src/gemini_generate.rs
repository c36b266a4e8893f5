//! The wire `gemini-generate`: Google's `generateContent` and `streamGenerateContent`. A turn is a list of parts, each of which
//! may bear a signature; the model stands in the address; a frame of a stream is an answer by itself.

pub mod upstream;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "gemini-generate";

/// Whose signature a part bears: the wire and the family of models, which is what a signature is good for.
pub fn origin(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    format!("{DIALECT}/{}", family.to_ascii_lowercase())
}

/// What stands in front of a text's signature where it travels as a thought that nobody may read. A signature that came on a
/// part without text has nothing in front: it is base64, in which the mark cannot be.
const OF_TEXT: &str = "text:";

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_the_wire_and_the_family() {
        for (model, family) in [
            ("gemini-3.1-pro-preview", "gemini"),
            ("models/gemini-2.5-flash", "gemini"),
            ("gemma-3-27b-it", "gemma"),
            ("", ""),
        ] {
            assert_eq!(origin(model), format!("gemini-generate/{family}"), "{model}");
        }
    }
}
