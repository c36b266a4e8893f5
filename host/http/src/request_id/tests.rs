use super::*;
use crate::testing::Still;

#[track_caller]
fn kept(value: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
    let id = RequestId::of(&headers, &Still);
    assert!(id.0.as_bytes() == value || id.0.starts_with("req_"), "{}", id.0);
    id.0.as_bytes() == value
}

#[test]
fn a_sane_id_is_kept_and_every_other_replaced() {
    assert!(kept(b"req-1"));
    assert!(kept(&[b'a'; 128]));
    assert!(!kept(&[b'a'; 129]));
    assert!(!kept(b""));
    assert!(!kept(b"two words"));
    assert!(!kept("ümlaut".as_bytes()));
    assert!(!kept(b"tab\tbed"));
}

#[test]
fn an_answer_carries_both_spellings() {
    let id = RequestId::of(&HeaderMap::new(), &Still);
    let mut headers = HeaderMap::new();
    id.write(&mut headers);
    assert_eq!(headers[X_REQUEST_ID], headers[REQUEST_ID]);
    assert_eq!(headers[X_REQUEST_ID].to_str().unwrap(), id.0);
}
