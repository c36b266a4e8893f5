//! Who asks, as the vendor may know it: an id that says nothing about a person.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The longest id.
const MOST_BYTES: usize = 256;

/// The id as it is when it says nothing, else one that is made of it and is always the same. Addresses, names and numbers by
/// which somebody can be called are refused by the vendor with the whole request.
pub(super) fn opaque(user: &str) -> String {
    let user = user.trim();
    let plain = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:|".contains(&byte));
    // A phone number has digits and what stands between them.
    let callable = user.len() >= 7 && !user.bytes().any(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if plain && !callable && (1..=MOST_BYTES).contains(&user.len()) {
        return user.to_owned();
    }
    let digest = Sha256::digest(user.as_bytes());
    digest.iter().fold("user_".to_owned(), |mut id, byte| {
        let _written = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, opaque};

    /// BerriAI/litellm#10106.
    #[test]
    fn an_id_says_nothing_about_a_person_and_stays_the_same() {
        for plain in
            ["u-1", "user_2abcDEF", "0191c2b0-7d3e-7a10-8000-000000000000", "auth0|5f7c8ec7c33c6c004bbafe82"]
        {
            assert_eq!(opaque(plain), plain);
        }
        for person in
            ["ada@example.com", "Ada Lovelace", "+44 20 7946 0958", "2079460958", "ädä", "", &"x".repeat(999)]
        {
            let id = opaque(person);
            assert!(
                id.starts_with("user_") && id.len() <= MOST_BYTES && !id.contains(person.trim())
                    || person.is_empty(),
                "{id}"
            );
            assert_eq!(id, opaque(person));
            assert_ne!(id, opaque("somebody else"));
        }
    }
}
