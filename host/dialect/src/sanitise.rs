//! A foreign error message as text that is safe to pass on.

/// At most 300 characters on one line, without credentials or the query of a URL.
pub fn sanitise(message: &str) -> String {
    const LIMIT: usize = 300;
    if message.trim_start().starts_with('<') {
        return "the upstream answered with a page of markup".to_owned();
    }
    let mut words = Vec::new();
    let mut after_scheme = false;
    for word in message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        words.push(if std::mem::take(&mut after_scheme) && word.len() > 6 {
            "***".to_owned()
        } else {
            clean(word)
        });
        let bare = word.trim_end_matches(':');
        after_scheme = bare.eq_ignore_ascii_case("bearer") || bare.eq_ignore_ascii_case("basic");
    }
    let text = words.join(" ");
    match text.char_indices().nth(LIMIT) {
        Some(_) => text.chars().take(LIMIT - 1).chain(['…']).collect(),
        None => text,
    }
}

fn clean(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let (address, _) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
        let (host, path) = address.split_once('/').map_or((address, None), |(host, path)| (host, Some(path)));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = path.map(|path| format!("/{path}")).unwrap_or_default();
        return format!("{scheme}://{host}{path}");
    }
    let core = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let keyed =
        ["sk-", "sk_", "pk-", "gsk_", "xai-", "AIza", "ghp_", "gho_", "ghs_", "hf_", "eyJ", "AKIA", "xoxb-"];
    if core.len() > 8 && keyed.iter().any(|start| core.starts_with(start)) {
        return "***".to_owned();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::sanitise;

    #[test]
    fn messages_are_made_safe() {
        assert_eq!(sanitise("a\n\tb\u{0}c"), "a b c");
        assert_eq!(
            sanitise("Incorrect API key provided: sk-abc123456789. See https://u:pw@x.test/k?key=1#f."),
            "Incorrect API key provided: *** See https://x.test/k"
        );
        assert_eq!(
            sanitise("header was `Authorization: Bearer abcdefgh123`"),
            "header was `Authorization: Bearer ***"
        );
        let long = sanitise(&"é".repeat(1000));
        assert_eq!((long.chars().count(), long.chars().last()), (300, Some('…')));
    }
}
