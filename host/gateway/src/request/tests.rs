//! What who decides hears of a request.

use super::*;

#[test]
fn who_decides_hears_what_the_client_says() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    let told = ClientFacts { request_class: Some("compaction".into()), ..ClientFacts::default() };
    let request = ClientRequest::read(Ingress::OpenAiChat, body).unwrap();
    let features = request.told_by(Some("claude-cli/2".into()), &told).features().unwrap();
    assert_eq!(features.hints, [("request_class".to_owned(), "compaction".to_owned())]);
    assert_eq!((features.client.as_deref(), features.last_user_text.as_str()), (Some("claude-cli/2"), "x"));
}
