use std::sync::atomic::Ordering;

use super::*;
use crate::testing::{Keys, Still, credential};

fn ring() -> (KeyRing, Arc<Keys>, Arc<Keys>) {
    let (files, rows) = (Arc::new(Keys::default()), Arc::new(Keys::default()));
    files.set(Some(vec![credential("file", Principal::admin("file"))]));
    rows.set(Some(vec![credential("row", Principal::admin("row")), credential("file", Principal::local())]));
    let sources: Vec<Arc<dyn KeySource>> = vec![files.clone(), rows.clone()];
    (KeyRing::new(sources, Arc::new(Still)), files, rows)
}

async fn finds(ring: &KeyRing, key: &str) -> Option<String> {
    ring.find(key.as_bytes()).await.unwrap().map(|principal| principal.fingerprint)
}

#[tokio::test]
async fn the_first_source_wins_and_is_read_once_per_generation() {
    let (ring, files, _) = ring();
    assert_eq!(finds(&ring, "file").await.as_deref(), Some("file"));
    assert_eq!(finds(&ring, "row").await.as_deref(), Some("row"));
    assert_eq!(finds(&ring, "other").await, None);
    assert_eq!(files.loads.load(Ordering::SeqCst), 1);
    files.set(Some(Vec::new()));
    assert_eq!(finds(&ring, "file").await.as_deref(), Some("local"));
    assert_eq!(files.loads.load(Ordering::SeqCst), 2);
    ring.forget();
    assert_eq!(finds(&ring, "file").await.as_deref(), Some("local"));
    assert_eq!(files.loads.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_source_that_is_away_hides_its_own_keys_only() {
    let (ring, _, rows) = ring();
    rows.set(None);
    assert_eq!(finds(&ring, "file").await.as_deref(), Some("file"));
    assert_eq!(ring.find(b"row").await.unwrap_err().kind.http_status(), 503);
    rows.set(Some(vec![credential("row", Principal::admin("row"))]));
    assert_eq!(finds(&ring, "row").await.as_deref(), Some("row"));
}

#[tokio::test]
async fn an_expired_key_is_no_key() {
    let (ring, _, rows) = ring();
    let now = Still.now();
    for (expires_at, known) in [(now.plus_ms(1), true), (now, false), (now.plus_ms(-1), false)] {
        rows.set(Some(vec![KeyCredential {
            expires_at: Some(expires_at),
            ..credential("row", Principal::admin("row"))
        }]));
        assert_eq!(finds(&ring, "row").await.is_some(), known);
    }
}

#[test]
fn nothing_shows_a_key() {
    let (ring, _, _) = ring();
    assert_eq!(format!("{ring:?}"), "KeyRing { sources: 2, .. }");
}
