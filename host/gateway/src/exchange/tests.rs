use brains_core::{Secret, SecretSet};

use super::safe_message;

#[track_caller]
fn check(message: &str, expected: &str) {
    let secrets = SecretSet::of(&[Secret::new("azure-7f3a91c2"), Secret::new("k!")]);
    assert_eq!(safe_message(message, &secrets), expected);
}

#[test]
fn a_message_keeps_its_sense_and_loses_what_is_not_the_clients_to_know() {
    check("the temperature is too hot", "the temperature is too hot");
    check("wrong key azure-7f3a91c2, said the door", "wrong key [REDACTED], said the door");
    check("Incorrect API key provided: sk-abcdef0123456789abcdef", "Incorrect API key provided: [REDACTED]");
    check("see https://inner.example/tenants/42?sig=1 for more", "see https://inner.example for more");
    check("Invalid URL (POST /v1/chat/completions)", "Invalid URL (POST …");
    check("no file /srv/models/big.bin", "no file …");
    check("use and/or and 1/2 and /help", "use and/or and 1/2 and /help");
    check("<html><body>oops</body></html>", "the upstream answered with a page of markup");
    check("", "");
}
