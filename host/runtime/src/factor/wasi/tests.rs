use super::is_given;

#[test]
fn only_the_empty_world_is_given() {
    for given in ["wasi:cli/environment@0.2.6", "wasi:io/streams@0.2.9", "wasi:filesystem/types@0.2.0"] {
        assert!(is_given(given), "{given}");
    }
    for refused in [
        "wasi:sockets/tcp@0.2.6",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:io/streams@0.3.0",
        "wasi:io/streams",
        "wasi:io/streams@0.20.0",
    ] {
        assert!(!is_given(refused), "{refused}");
    }
}
