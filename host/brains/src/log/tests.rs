use super::*;

#[test]
fn a_large_log_is_moved_aside_and_three_are_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("logs/brains.log");
    let mut log = Rotating::open(&path).unwrap();
    log.limit = 10;
    for line in ["one----", "two----", "three--", "four---", "five---"] {
        log.write_all(line.as_bytes()).unwrap();
    }
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(read(&path), "five---");
    assert_eq!((read(&numbered(&path, 1)), read(&numbered(&path, 2))), ("four---".into(), "three--".into()));
    assert!(!numbered(&path, 3).exists());
}

#[test]
fn what_looks_like_a_key_does_not_reach_the_file() {
    let key = ["sk-", "abcdefghijklmnopqrstuvwxyz0123456789"].concat();
    for json in [true, false] {
        let mut out = Redacting { inner: Vec::new(), json };
        let line = if json { format!("{{\"message\":\"sent {key}\"}}\n") } else { format!("sent {key}\n") };
        out.write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(out.inner).unwrap();
        assert!(!written.contains(&key) && written.ends_with('\n'), "{written}");
        assert!(!json || serde_json::from_str::<serde_json::Value>(&written).is_ok());
    }
}
