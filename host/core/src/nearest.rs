//! What somebody meant who wrote a name that is not known.

/// Names longer than this are compared with nothing: whoever asks may be anybody.
const NAME_BYTES: usize = 128;

/// The known name that is most like `name`, when one is near enough to be meant; of two equally near the first in order.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = name.len() / 3;
    if name.len() > NAME_BYTES {
        return None;
    }
    known
        .into_iter()
        .filter(|known| known.len().abs_diff(name.len()) <= far)
        .map(|known| (strsim::osa_distance(known, name), known))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_seen_and_another_word_is_none() {
        let known = ["rate_limit", "models", "routes"];
        assert_eq!(nearest("rate_limt", known), Some("rate_limit"));
        assert_eq!(nearest("model", known), Some("models"));
        assert_eq!(nearest("mo", known), None);
        assert_eq!(nearest("providers", known), None);
        assert_eq!(nearest(&"x".repeat(4096), ["x"]), None);
    }
}
