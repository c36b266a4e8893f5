use serde_json::{Value, json};

use super::{IdFinder, ParsedMessage, read, without_halves};

#[test]
fn the_id_is_found_wherever_it_stands() {
    for (text, id) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":"#, json!(7)),
        (r#"{"method":"x","params":{"id":1,"a":["id",2]},"id":"a\"b"#, Value::Null),
        (r#"{"method":"x","params":{"id":1,"a":["id",2]},"id":"a\"b","#, json!("a\"b")),
        (r#" { "params" : {"text":"\"id\": 3, {"} , "id" : -4 "#, json!(-4)),
        (r#"{"id":{"id":5},"x":1}"#, Value::Null),
        (r#"{"id":1.5}"#, Value::Null),
        (r#"[{"id":5}]"#, Value::Null),
        (r#"nonsense {"id":5}"#, Value::Null),
        (r#"{"id":null}"#, Value::Null),
    ] {
        assert_eq!(IdFinder::find(text.as_bytes()).unwrap_or_default(), id, "{text}");
        let mut bytewise = IdFinder::default();
        text.bytes().for_each(|byte| bytewise.feed(&[byte]));
        assert_eq!(bytewise.found().unwrap_or_default(), id, "{text}");
    }
    let long = format!(r#"{{"id":"{}","x":1}}"#, "a".repeat(300));
    assert_eq!(IdFinder::find(long.as_bytes()), None);
}

#[test]
fn halves_of_characters_are_replaced_and_nothing_else() {
    for (text, mended) in [
        (r#""a\ud83d""#, r#""a\ufffd""#),
        (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
        (r#""\\ud83d""#, r#""\\ud83d""#),
        (r#""\\\ud83d""#, r#""\\\ufffd""#),
        (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        (r#""\ud83""#, r#""\ud83""#),
    ] {
        assert_eq!(without_halves(text), mended);
    }
}

#[test]
fn every_request_that_cannot_be_read_is_answered() {
    for (text, id, code) in [
        (&b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":\"\xff\"}"[..], json!(1), -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":", json!(1), -32700),
        (b"hello", json!(null), -32700),
        (b"7", json!(null), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"a\"}", json!("a"), -32600),
        (b"{\"id\":1,\"method\":\"ping\"}", json!(1), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", json!(null), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", json!(1), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}", json!(1), -32602),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":5}}", json!(1), -32602),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":[]}}", json!(1), -32602),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}", json!(1), -32602),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":[]}", json!(1), -32602),
    ] {
        let shown = String::from_utf8_lossy(text);
        let ParsedMessage::Unreadable(unreadable) = read(text) else { panic!("{shown} was read") };
        assert_eq!((unreadable.id, i64::from(unreadable.error.code.0)), (id, code), "{shown}");
    }
    for text in [
        &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"[..],
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no/such\",\"params\":{\"a\":1}}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"t\":\"\\ud83d\"}}}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
    ] {
        assert!(matches!(read(text), ParsedMessage::Message(_)), "{}", String::from_utf8_lossy(text));
    }
    assert!(matches!(read(b" \n"), ParsedMessage::Nothing));
    assert!(matches!(
        read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}"),
        ParsedMessage::Message(_) | ParsedMessage::Nothing
    ));
}
