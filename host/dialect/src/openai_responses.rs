//! The wire `openai-responses`: responses, one to one with what its clients and upstreams send.

pub mod client;
pub mod upstream;
mod usage;

/// The name of this wire in surfaces.
pub const DIALECT: &str = "openai-responses";

/// Whose signature a thought bears: the wire and the family of models. What is encrypted for one is refused by another.
pub fn origin(model: &str) -> String {
    let mut name = model.rsplit('/').next().unwrap_or(model);
    // Clouds put the vendor in front: `openai.gpt-oss-120b`. A point behind a digit belongs to the version.
    while let Some((vendor, rest)) = name.split_once('.')
        && vendor.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        name = rest;
    }
    let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    format!("{DIALECT}/{}", family.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_the_wire_and_the_family() {
        for (model, family) in [
            ("gpt-5.1-codex-max", "gpt"),
            ("gpt-5-2025-08-07", "gpt"),
            ("openai/GPT-5.6", "gpt"),
            ("openai.gpt-oss-120b", "gpt"),
            ("o4-mini", "o"),
            ("grok-4", "grok"),
            ("5", ""),
            ("", ""),
        ] {
            assert_eq!(origin(model), format!("openai-responses/{family}"), "{model}");
        }
    }
}
