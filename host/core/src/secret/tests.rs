use super::*;

#[test]
fn a_secret_is_never_shown() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    assert_eq!(secret.expose(), "hunter2");
    assert!(!secret.is_empty() && Secret::new("").is_empty());
}

#[test]
fn a_secret_is_known_by_its_hash() {
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let secret = Secret::new("abc");
    assert_eq!(secret.sha256_hex(), sha256_hex(b"abc"));
    assert_eq!(secret.fingerprint(), "ba7816bf8f01cfea");
}

#[test]
fn bytes_are_compared_whole() {
    let secret = Secret::new("schlüssel");
    assert!(secret.matches("schlüssel".as_bytes()));
    for other in ["", "schlüsse", "schlüssel ", "Schlüssel"] {
        assert!(!secret.matches(other.as_bytes()), "{other}");
    }
    assert!(!secret.matches(&[0xFF, 0xFE]));
    assert_eq!(secret, Secret::new("schlüssel"));
    assert_eq!(serde_json::from_str::<Secret>("\"x\"").unwrap(), Secret::new("x"));
}
